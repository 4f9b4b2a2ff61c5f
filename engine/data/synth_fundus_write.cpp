#include <fmt/core.h>

#include <atomic>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "engine/data/synth_fundus.h"
#include "engine/io/file.h"
#include "engine/io/png_write.h"
#include "engine/tensor/error.h"
#include "engine/tensor/philox.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* notice =
    "SYNTHETIC DATA. These pictures were made by a program (engine_train synth fundus). They show no patients, and a model\n"
    "trained on them knows nothing about eyes.\n";

// Both eyes of a patient go the same way.
const char* split_of(std::uint64_t seed, std::uint32_t patient) {
  RandomKey key(seed, RandomStream::split);
  key.sample = patient;
  const float u = Random(key).uniform();
  return u < 0.7f ? "train" : u < 0.8f ? "val" : "test";
}

std::string picture_name(std::size_t i) { return fmt::format("images/{:06}.png", i); }

}  // namespace

void write_synth_fundus(const fs::path& dir, const SynthFundusOptions& o, const std::function<void(std::size_t)>& progress) {
  if (o.count < 1 || o.count > 10'000'000) throw UsageError("synth fundus: expected 1 to 10,000,000 pictures, found {}", o.count);
  check_synth_fundus(o.classes, o.size);  // before anything is written
  ensure_directory(dir / "images");
  std::vector<std::string> rows(o.count);
  std::atomic<std::size_t> next{0}, done{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < o.count; i = next++) {
        const auto patient = static_cast<std::uint32_t>(i / 2);
        const SynthFundus f = make_synth_fundus(o.seed, patient, static_cast<int>(i % 2), o.classes, o.size);
        write_png(dir / picture_name(i), f.image);
        rows[i] = fmt::format("{},{},patient{:06},{},{},{},{},{},{}\n", picture_name(i), f.grade, patient,
                              f.left_eye ? "left" : "right", split_of(o.seed, patient), f.lesions.microaneurysms,
                              f.lesions.haemorrhages, f.lesions.exudates, f.lesions.new_vessels);
        const std::size_t finished = ++done;
        if (progress) {
          const std::lock_guard lock(mutex);
          progress(finished);
        }
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      next = o.count;
    }
  };
  std::vector<std::thread> pool;
  for (int t = 1; t < o.threads; ++t) pool.emplace_back(work);
  work();
  for (std::thread& t : pool) t.join();
  if (failure) std::rethrow_exception(failure);

  std::string csv = "image,label,patient,eye,split,microaneurysms,haemorrhages,exudates,new_vessels\n";
  for (const std::string& row : rows) csv += row;
  atomic_write(dir / "labels.csv", csv);
  const nlohmann::json description = {{"synthetic", true}, {"notice", notice}, {"count", o.count}, {"classes", o.classes},
                                      {"size", o.size}, {"seed", o.seed}};
  atomic_write(dir / "dataset.json", description.dump(2) + "\n");
  atomic_write(dir / "README.txt", notice);
}

}  // namespace engine
