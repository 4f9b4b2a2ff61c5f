#include "tests/goldens/image_goldens.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "engine/io/file.h"
#include "engine/io/image_decode.h"
#include "engine/io/npy.h"
#include "engine/io/resize.h"
#include "engine/tensor/error.h"

namespace engine::goldens {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Arrays = std::map<std::string, NpyArray>;

const NpyArray& array(const Arrays& arrays, const std::string& key) {
  const auto it = arrays.find(key);
  if (it == arrays.end()) throw DataError("the goldens hold no array '{}'", key);
  return it->second;
}

template <class T>
std::vector<float> floats(const std::vector<T>& samples) {
  return {samples.begin(), samples.end()};
}
std::vector<float> floats(const Image& image) { return image.wide ? floats(image.samples16) : floats(image.samples8); }

// [height, width] and [height, width, 1] are the same picture.
bool same_shape(int width, int height, int channels, const Shape& truth) {
  return truth == Shape{height, width, channels} || (channels == 1 && truth == Shape{height, width});
}

struct Difference {
  double largest = 0.0;
  std::size_t differing = 0;
};

// Infinite where the pictures cannot be compared.
Difference difference(const std::vector<float>& found, const std::vector<float>& truth) {
  Difference d;
  if (found.size() != truth.size()) return {INFINITY, std::max(found.size(), truth.size())};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double e = std::abs(static_cast<double>(found[i]) - truth[i]);
    if (e == 0.0) continue;
    ++d.differing;
    d.largest = std::isnan(e) ? INFINITY : std::max(d.largest, e);
  }
  return d;
}

void compare(GoldenResult& r, const std::string& what, int width, int height, int channels,
             const std::vector<float>& found, const NpyArray& truth, double bound) {
  if (!same_shape(width, height, channels, truth.shape)) {
    r.check(false,
            fmt::format("{}: found {}x{}x{}, the truth is {}", what, height, width, channels, truth.shape.str()));
    return;
  }
  const Difference d = difference(found, truth.values<float>());
  r.check(d.largest <= bound, fmt::format("{}: {} of {} samples differ, by {:.3g} at most, bound {:.3g}", what,
                                          d.differing, found.size(), d.largest, bound));
}

void compare(GoldenResult& r, const std::string& what, const Image& found, const NpyArray& truth, double bound) {
  compare(r, what, found.width, found.height, found.channels, floats(found), truth, bound);
}

// As stored: indices of a palette and inks of a CMYK file are no samples of ours, so only their RGB is compared.
void compare_native(GoldenResult& r, const std::string& file, const std::string& mode, const Image& found,
                    const NpyArray& truth) {
  if (mode == "P" || mode == "CMYK") return;
  const std::string what = file + " as stored";
  if (mode == "I;16") r.check(found.wide, what + ": 16 bits were not kept");
  if (mode != "1") return compare(r, what, found, truth, 0.0);
  std::vector<float> bits = floats(found);
  for (float& b : bits) b /= found.scale();
  compare(r, what, found.width, found.height, found.channels, bits, truth, 0.0);
}

void check_decoding(GoldenResult& r, const fs::path& folder, const json& item, const Arrays& decoded) {
  const auto file = item.at("file").get<std::string>();
  const auto width = item.at("width").get<int>(), height = item.at("height").get<int>();
  const fs::path path = folder / file;
  const ImageInfo info = probe_image(read_file(path), file);
  r.check(info.width == width && info.height == height,
          fmt::format("{}: header read as {}x{}, the truth is {}x{}", file, info.width, info.height, width, height));
  DecodeOptions as_stored;
  as_stored.apply_orientation = false;
  const Image image = read_image(path, as_stored);
  compare_native(r, file, item.at("mode").get<std::string>(), image, array(decoded, file + ":native"));
  if (decoded.contains(file + ":rgb"))
    compare(r, file + " as RGB", to_channels(image, 3), array(decoded, file + ":rgb"), 0.0);
  if (item.contains("exif_orientation"))
    compare(r, file + " upright", to_channels(read_image(path), 3), array(decoded, file + ":rgb_upright"), 0.0);
}

// The RGB truth of a source: the resizer is tested on its own, not behind our decoder.
Image rgb_source(const Arrays& decoded, const std::string& file) {
  const NpyArray& a = array(decoded, file + ":rgb");
  Image image;
  image.height = static_cast<int>(a.shape[0]);
  image.width = static_cast<int>(a.shape[1]);
  image.channels = 3;
  image.samples8 = a.bytes;
  return image;
}

Image centre_crop(const Image& image, int side) {
  Image out = image;
  out.width = out.height = side;
  out.samples8.clear();
  const int top = (image.height - side) / 2, left = (image.width - side) / 2;
  for (int y = top; y < top + side; ++y) {
    const auto row = image.samples8.begin() + (y * image.width + left) * image.channels;
    out.samples8.insert(out.samples8.end(), row, row + side * image.channels);
  }
  return out;
}

void check_resizing(GoldenResult& r, const json& item, const Arrays& decoded, const Arrays& resized) {
  constexpr double one_level = 1.0, float_bound = 1e-5;
  const Image source = rgb_source(decoded, item.at("source").get<std::string>());
  const auto how = item.at("interpolation") == "bicubic" ? Interpolation::bicubic : Interpolation::bilinear;
  const bool recipe = item.contains("recipe");
  const int height = recipe ? item.at("resized")[0].get<int>() : item.at("height").get<int>();
  const int width = recipe ? item.at("resized")[1].get<int>() : item.at("width").get<int>();
  for (const json& k : item.at("keys")) {
    const auto key = k.get<std::string>();
    const NpyArray& truth = array(resized, key);
    if (key.ends_with(":pillow")) {
      const Image found = resize(source, width, height, how);
      compare(r, key, recipe ? centre_crop(found, static_cast<int>(truth.shape[0])) : found, truth, one_level);
    } else {
      FloatImage floating{source.width, source.height, source.channels, floats(source)};
      for (float& v : floating.samples) v /= source.scale();
      const FloatImage found = resize(floating, width, height, how);
      compare(r, key, width, height, found.channels, found.samples, truth, float_bound);
    }
  }
}

void check_broken(GoldenResult& r, const fs::path& folder, const json& item, const Arrays& decoded) {
  const auto file = item.at("file").get<std::string>();
  const std::string what = "broken/" + file + " (" + item.at("what").get<std::string>() + ")";
  try {
    const Image image = read_image(folder / "broken" / file);
    // A whole picture under a wrong name is the one that may be read.
    if (item.at("pillow") == "decodes" && file == "png_called.jpg")
      compare(r, what, image, array(decoded, "png_rgb.png:rgb"), 0.0);
    else
      r.check(false, what + ": decoded without an error");
  } catch (const DataError& e) {
    const std::string message = e.what();
    const auto name = message.find(file);
    const bool cause = name != std::string::npos && message.size() > name + file.size() + 2;
    r.check(cause, what + ": the error does not name file and cause: " + message);
  } catch (const std::exception& e) {
    r.check(false, what + ": expected a DataError, found: " + e.what());
  }
}

// One picture that cannot be read must not hide the others.
template <class F>
void guarded(GoldenResult& r, const std::string& what, F&& check) {
  try {
    check();
  } catch (const std::exception& e) {
    r.check(false, what + ": " + e.what());
  }
}

}  // namespace

GoldenResult run_image_goldens(const fs::path& folder) {
  GoldenResult r;
  const json index = json::parse(read_text(folder / "images.json"));
  const Arrays decoded = read_npz(folder / "decoded.npz"), resized = read_npz(folder / "resized.npz");
  for (const json& item : index.at("files"))
    guarded(r, item.at("file").get<std::string>(), [&] { check_decoding(r, folder, item, decoded); });
  for (const json& item : index.at("resized"))
    guarded(r, item.at("keys")[0].get<std::string>(), [&] { check_resizing(r, item, decoded, resized); });
  for (const json& item : index.at("broken")) check_broken(r, folder, item, decoded);
  return r;
}

}  // namespace engine::goldens
