#include "tests/cudnn/census/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace engine::test {
namespace {

using namespace gpu::cudnn;

struct Way {
  const char* name;
  DType dtype;
  Math math;
};
constexpr Way ways[] = {{"f32", DType::f32, Math::strict},
                        {"tf32", DType::f32, Math::tf32},
                        {"f16", DType::f16, Math::strict},
                        {"bf16", DType::bf16, Math::strict}};
constexpr std::pair<Direction, const char*> directions[] = {
    {Direction::forward, "y"}, {Direction::data_gradient, "dx"}, {Direction::weight_gradient, "dw"}};

std::string joined(const std::vector<std::int64_t>& numbers) { return fmt::format("{}", fmt::join(numbers, "x")); }

// "8x64x56x56 64x64x3x3 s2 p1", the unusual only where it is there.
std::string text_of(const Convolution& c) {
  const Conv2dParams& p = c.params;
  std::string s = joined(c.x.dims()) + " " + joined(c.w.dims());
  const auto pair = [&](char letter, std::int64_t a, std::int64_t b, std::int64_t usual) {
    if (a != usual || b != usual) s += a == b ? fmt::format(" {}{}", letter, a) : fmt::format(" {}{}:{}", letter, a, b);
  };
  pair('s', p.stride[0], p.stride[1], 1);
  pair('p', p.padding.top, p.padding.left, 0);
  if (p.padding.bottom != p.padding.top || p.padding.right != p.padding.left)
    pair('q', p.padding.bottom, p.padding.right, -1);
  pair('d', p.dilation[0], p.dilation[1], 1);
  if (p.groups != 1) s += fmt::format(" g{}", p.groups);
  return s;
}

std::string text_of(const EngineFacts& e) {
  std::string notes;
  if (e.has(NumericalNote::tensor_core)) notes += 't';
  if (e.has(NumericalNote::winograd)) notes += 'w';
  if (e.has(NumericalNote::fft)) notes += 'f';
  if (!e.deterministic()) notes += 'n';
  return fmt::format("{} {} {}", e.engine, notes.empty() ? "-" : notes, e.workspace);
}

class Census {
 public:
  Census(const Api& api, CensusCounts& counts) : api_(api), counts_(counts) {}

  std::string cell(ConvProblem p, const Descriptor& device, const std::string& where) {
    ++counts_.problems;
    const PlanResult any = plan_convolution(api_, p, device);
    if (const auto* no = std::get_if<NoPlan>(&any)) {
      ++counts_.without_plan;
      note(where, *no);
      return std::string(name_of(no->kind));
    }
    const EngineFacts& e = counted(any);
    if (e.deterministic()) return text_of(e);
    ++counts_.nondeterministic;
    p.deterministic = true;
    const PlanResult sure = plan_convolution(api_, p, device);
    if (const auto* no = std::get_if<NoPlan>(&sure)) {
      ++counts_.without_deterministic;
      note(where + " deterministic", *no);
      return fmt::format("{} / {}", text_of(e), name_of(no->kind));
    }
    return fmt::format("{} / {}", text_of(e), text_of(counted(sure)));
  }

 private:
  const EngineFacts& counted(const PlanResult& r) {
    const EngineFacts& e = std::get<Plan>(r).engine;
    counts_.largest_workspace = std::max(counts_.largest_workspace, e.workspace);
    return e;
  }
  void note(const std::string& where, const NoPlan& no) {
    std::string line = fmt::format("{}: {}: {}", where, name_of(no.kind), no.reason);
    if (std::find(counts_.reasons.begin(), counts_.reasons.end(), line) == counts_.reasons.end())
      counts_.reasons.push_back(std::move(line));
  }

  const Api& api_;
  CensusCounts& counts_;
};

}  // namespace

std::vector<std::string> census_lines(const Api& api, const std::vector<Convolution>& convolutions,
                                      CensusCounts& counts) {
  std::vector<std::string> lines;
  Census census(api, counts);
  for (const DeviceSheet& sheet : device_sheets()) {
    const Descriptor device = describe(api, sheet.choice());
    for (const Convolution& c : convolutions)
      for (const auto& [direction, letters] : directions) {
        std::string line = fmt::format("{},{},{}", sheet.name, text_of(c), letters);
        for (const Way& way : ways)
          line += ',' + census.cell({.direction = direction,
                                     .x = c.x,
                                     .w = c.w,
                                     .params = c.params,
                                     .dtype = way.dtype,
                                     .result = way.dtype,
                                     .math = way.math},
                                    device, sheet.name + ' ' + way.name);
        lines.push_back(std::move(line));
      }
  }
  return lines;
}

std::string census_head(const Api& api) {
  std::string head = fmt::format("cuDNN {} device,convolution,result", api.version());
  for (const Way& way : ways) head += fmt::format(",{}", way.name);
  return head;
}

}  // namespace engine::test
