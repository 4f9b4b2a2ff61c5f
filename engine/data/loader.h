// Batches, made ahead of time by worker threads. What is in a batch depends on (seed, epoch, position) alone: not on
// the number of workers, not on where a run was interrupted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/data/packed_pictures.h"
#include "engine/data/sampler.h"
#include "engine/data/transforms.h"

namespace engine {

/// Buffers are reused from batch to batch.
struct Batch {
  std::vector<float> pixels;         ///< [n, channels, height, width]; none where the options say `pack`
  PackedPictures packed;             ///< and there the pictures
  std::vector<std::int64_t> labels;  ///< multi_class: [n]
  std::vector<float> targets;        ///< multi_label: [n, classes], missing_target where unknown
  std::vector<std::size_t> indices;  ///< positions in the data set
  int channels = 0, height = 0, width = 0;

  std::size_t size() const { return indices.size(); }
};

/// Its first n pictures.
Batch first_of(const Batch& batch, std::size_t n);

struct LoaderOptions {
  std::size_t batch_size = 32;
  int workers = 2;             ///< threads; 0: the caller's own
  std::size_t prefetch = 4;    ///< finished batches that may wait
  std::uint64_t seed = 42;
  Sampling sampling = Sampling::sequential;
  bool augment = false;        ///< do the random part of the plan
  bool pack = false;           ///< leave the transforms to the device
  bool drop_last = false;      ///< leave out a last batch that is not full
  bool skip_bad_images = false;  ///< a picture that cannot be read makes its batch shorter instead of throwing
};

struct BadImage {
  std::string id, why;
};

class Loader {
 public:
  /// `data` outlives the loader.
  Loader(const Dataset& data, const TransformPlan& plan, const LoaderOptions& options);
  ~Loader();  ///< at any time; waits for the workers
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  std::size_t batches() const;
  /// Begins an epoch at batch `first`; what was left of the former is dropped.
  void start_epoch(std::uint32_t epoch, std::size_t first = 0);
  /// The next batch; false at the end of the epoch. Throws what making the batch threw (DataError with the file).
  bool next(Batch& batch);
  /// Pictures left out in this epoch so far, in the order of the batches.
  const std::vector<BadImage>& bad_images() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace engine
