// SYNTHETIC fundus photographs: procedural pictures with known lesions and grades, for demonstrations and tests where
// real patients' pictures must not be used. They look like a retina and teach nothing about medicine.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "engine/io/image.h"

namespace engine {

/// Numbers of lesions painted into a picture.
struct LesionCounts {
  int microaneurysms = 0, haemorrhages = 0, exudates = 0, new_vessels = 0;
};

struct SynthFundus {
  Image image;        ///< RGB, size x size
  LesionCounts lesions;
  int grade = 0;      ///< 0 .. classes - 1, what the lesions amount to
  bool left_eye = false;
};

/// Throws UsageError unless there are 2 to 5 classes and the size is 32 to 4096.
void check_synth_fundus(int classes, int size);

/// Picture `eye` (0, 1) of patient `patient`: a function of its arguments alone. Camera, vessels and pigment are the
/// patient's; lesion numbers overlap between grades, so no classifier reaches 100 %. Throws as
/// check_synth_fundus does.
SynthFundus make_synth_fundus(std::uint64_t seed, std::uint32_t patient, int eye, int classes, int size);

struct SynthFundusOptions {
  std::size_t count = 1000;  ///< pictures; two a patient
  int classes = 5;
  int size = 256;
  std::uint64_t seed = 42;
  int threads = 1;
};

/// Writes DIR/images/*.png, labels.csv (image, label, patient, eye, split and lesion numbers; split by patient 70/10/20),
/// dataset.json and README.txt, which say that the data is synthetic. Same bytes for the same options, whatever the
/// number of threads. `progress(done)` is called now and then. Throws UsageError for options out of range, FileError
/// when it cannot write.
void write_synth_fundus(const std::filesystem::path& dir, const SynthFundusOptions& options,
                        const std::function<void(std::size_t done)>& progress = {});

}  // namespace engine
