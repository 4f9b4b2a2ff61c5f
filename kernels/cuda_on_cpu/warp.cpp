// Operations between the lanes of a warp.
#include "kernels/cuda_on_cpu/checker.h"
#include "kernels/cuda_on_cpu/options.h"
#include "kernels/cuda_on_cpu/scheduler.h"

namespace engine::emulator {
namespace {

// What a lane gets from one that is not in the mask: undefined on a GPU, NaN as float and double here.
constexpr std::uint64_t undefined_value = 0x7FFFDEADFFFFDEADu;

unsigned source_lane(WarpOp op, unsigned lane, unsigned argument, unsigned width) {
  const unsigned segment = lane & ~(width - 1);
  switch (op) {
    case WarpOp::index: return segment + (argument & (width - 1));
    case WarpOp::up: return lane - segment >= argument ? lane - argument : lane;
    case WarpOp::down: return lane - segment + argument < width ? lane + argument : lane;
    case WarpOp::exclusive_or: return (lane ^ argument) < segment + width ? lane ^ argument : lane;
    default: return lane;
  }
}

}  // namespace

std::uint64_t Scheduler::warp_operation(WarpOp op, unsigned mask, std::uint64_t value, unsigned argument,
                                        unsigned width, SourceLine where) {
  checker::thread_stops();
  const unsigned self = current_, warp = self / 32, lane = self % 32;
  if (count_ - warp * 32 < 32) fail(fmt::format("uses a warp operation at {} in a warp of fewer than 32", where.str()));
  if (!(mask >> lane & 1)) fail(fmt::format("is not in its own mask {:#x} at {}", mask, where.str()));
  WarpOperation& operation = pending_operation(op, mask, width, where);
  operation.arrived |= 1u << lane;
  operation.values[lane] = value;
  operation.arguments[lane] = argument;
  if (operation.arrived == mask) {
    complete(operation, warp);
    if (options().order != ThreadOrder::random) {  // the last one need not wait
      resume(self);
      return threads_[self].result;
    }
    ready_.push_back(self);
  }
  wait(State::in_warp, where);
  return threads_[self].result;
}

Scheduler::WarpOperation& Scheduler::pending_operation(WarpOp op, unsigned mask, unsigned width, SourceLine where) {
  auto& pending = warps_[current_ / 32];
  for (WarpOperation& o : pending) {
    if (!(o.mask & mask)) continue;
    if (o.mask == mask && o.op == op && o.where == where && o.width == width) return o;
    fail(fmt::format("is at the warp operation of {} with mask {:#x} while lanes of its mask wait at {} with mask {:#x}",
                     where.str(), mask, o.where.str(), o.mask));
  }
  WarpOperation& o = pending.emplace_back();
  o.op = op;
  o.mask = mask;
  o.width = width;
  o.where = where;
  return o;
}

void Scheduler::complete(WarpOperation& operation, unsigned warp) {
  const WarpOperation o = operation;
  auto& pending = warps_[warp];
  operation = pending.back();
  pending.pop_back();
  unsigned ballot = 0;
  for (unsigned i = 0; i < 32; ++i)
    if (o.mask >> i & 1) ballot |= static_cast<unsigned>(o.values[i] & 1) << i;
  if (ready_begin_ == ready_.size()) {
    ready_.clear();
    ready_begin_ = 0;
  }
  for (unsigned k = 0; k < 32; ++k) {
    const unsigned i = options().order == ThreadOrder::reverse ? 31 - k : k;
    if (!(o.mask >> i & 1)) continue;
    const unsigned from = source_lane(o.op, i, o.arguments[i], o.width);
    const std::uint64_t moved = o.mask >> from & 1 ? o.values[from] : undefined_value;
    threads_[warp * 32 + i].result = o.op == WarpOp::ballot ? ballot : moved;
    if (warp * 32 + i != current_) ready_.push_back(warp * 32 + i);
  }
  if (o.op == WarpOp::sync) checker::warp_synced(warp, o.mask);
}

}  // namespace engine::emulator
