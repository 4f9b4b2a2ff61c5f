#include "kernels/cuda/kernel_choice.h"

#include <algorithm>
#include <charconv>

#include "engine/tensor/error.h"
#include "engine/tensor/suggest.h"

namespace engine::gpu {

const std::vector<Ladder>& ladders() {
  static const std::vector<Ladder> all{
      {"matmul",
       "matmul",
       "products",
       &KernelChoice::matmul,
       {{"naive", "a thread a result, which reads a row and a column by itself"},
        {"shared tiles", "a block reads each number once for 16 results, and keeps it in shared memory"},
        {"register tiles", "a thread makes 4 x 4 results from registers, and reads 16 bytes at a time"},
        {"own", "8 x 4 results a thread, the next tile read while this one is computed, long sums in parts"}}},
      {"batch_norm",
       "batch_norm_train",
       "",
       &KernelChoice::batch_norm,
       {{"naive", "a block a channel; mean, variance and result read x one after the other"},
        {"one pass", "mean and variance from one reading, by Welford's recurrence"},
        {"coalesced", "neighbouring threads take neighbours in memory"},
        {"split", "as many blocks share a channel as the device has room for"},
        {"own", "16 bytes a read, four of them held in registers, deviations from the channel's first value"}}},
      {"conv2d",
       "conv2d",
       "convolutions",
       &KernelChoice::conv2d,
       {{"naive", "a thread a result, which walks over its patch and its weights"},
        {"im2col", "patches written out as a matrix, then a product in shared tiles"},
        {"implicit", "the same product; patches are found in x while they are read, and written nowhere"},
        {"own", "register tiles, 16 bytes a read, an address worked out once a row; channel by channel where depthwise"}}}};
  return all;
}

const Ladder* ladder_of(std::string_view op) {
  for (const Ladder& l : ladders())
    if (l.op == op) return &l;
  return nullptr;
}

static std::string listing() {
  std::string text;
  for (const Ladder& l : ladders())
    for (std::size_t i = 0; i < l.steps.size(); ++i)
      text += fmt::format("\n  {}={}  {}: {}", l.name, i + 1, l.steps[i].name, l.steps[i].idea);
  return text;
}

void choose_kernel(KernelChoice& choice, std::string_view text) {
  const std::string_view name = text.substr(0, text.find('='));
  std::vector<std::string> names;
  for (const Ladder& l : ladders()) {
    names.emplace_back(l.name);
    if (l.name != name) continue;
    int step = 0;
    const char *first = text.data() + std::min(name.size() + 1, text.size()), *last = text.data() + text.size();
    const auto [end, error] = std::from_chars(first, last, step);
    if (error != std::errc() || end != last || step < 1 || step > static_cast<int>(l.steps.size()))
      throw UsageError("--kernel {}: expected {}=1 to {}={}; the steps are{}", text, l.name, l.name, l.steps.size(),
                       listing());
    choice.*l.choice = step;
    return;
  }
  throw UsageError("--kernel {}: no kernel is called '{}'{}; the steps are{}", text, name, did_you_mean(name, names),
                   listing());
}

}  // namespace engine::gpu
