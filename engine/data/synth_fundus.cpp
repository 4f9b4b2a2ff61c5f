#include "engine/data/synth_fundus.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "engine/tensor/error.h"
#include "engine/tensor/philox.h"

namespace engine {
namespace {

// Coordinates: the picture is [-1, 1] x [-1, 1], the retina a disc of radius `retina_radius`.
constexpr float retina_radius = 0.93f;

struct Color {
  float r, g, b;
};

Color mix(Color a, Color b, float t) {
  return {a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

float smooth_step(float low, float high, float x) {
  const float t = std::clamp((x - low) / (high - low), 0.0f, 1.0f);
  return t * t * (3.0f - 2.0f * t);
}

class Canvas {
 public:
  explicit Canvas(int size) : size_(size), pixels_(static_cast<std::size_t>(size) * static_cast<std::size_t>(size)) {}
  int size() const { return size_; }
  float coordinate(int i) const { return (2.0f * static_cast<float>(i) + 1.0f) / static_cast<float>(size_) - 1.0f; }
  Color& at(int x, int y) { return pixels_[static_cast<std::size_t>(y) * static_cast<std::size_t>(size_) + static_cast<std::size_t>(x)]; }

  /// Calls f(pixel, x, y) for the pixels within `reach` of (cx, cy).
  template <class F>
  void near(float cx, float cy, float reach, F f) {
    const auto index = [&](float v) { return static_cast<int>(std::floor((v + 1.0f) * 0.5f * static_cast<float>(size_))); };
    for (int y = std::max(0, index(cy - reach)); y <= std::min(size_ - 1, index(cy + reach)); ++y)
      for (int x = std::max(0, index(cx - reach)); x <= std::min(size_ - 1, index(cx + reach)); ++x)
        f(at(x, y), coordinate(x), coordinate(y));
  }

  /// A disc with a soft edge; its colour is mixed in with `strength`.
  void blob(float cx, float cy, float radius, Color color, float strength, float softness) {
    near(cx, cy, radius * (1.0f + softness), [&](Color& p, float x, float y) {
      const float d = std::hypot(x - cx, y - cy);
      const float cover = 1.0f - smooth_step(radius * (1.0f - softness), radius * (1.0f + softness), d);
      p = mix(p, color, strength * cover);
    });
  }

 private:
  int size_;
  std::vector<Color> pixels_;
};

// Smooth noise of one octave on a torus of random values, bilinear.
class Clouds {
 public:
  Clouds(Random& random, int cells) : cells_(cells), values_(static_cast<std::size_t>(cells) * static_cast<std::size_t>(cells)) {
    for (float& v : values_) v = random.uniform(-1.0f, 1.0f);
  }
  float at(float x, float y) const {
    const float u = (x + 1.0f) * 0.5f * static_cast<float>(cells_ - 1), v = (y + 1.0f) * 0.5f * static_cast<float>(cells_ - 1);
    const int i = std::clamp(static_cast<int>(u), 0, cells_ - 2), j = std::clamp(static_cast<int>(v), 0, cells_ - 2);
    const float fu = u - static_cast<float>(i), fv = v - static_cast<float>(j);
    return (1 - fv) * ((1 - fu) * value(i, j) + fu * value(i + 1, j)) + fv * ((1 - fu) * value(i, j + 1) + fu * value(i + 1, j + 1));
  }

 private:
  float value(int i, int j) const { return values_[static_cast<std::size_t>(j) * static_cast<std::size_t>(cells_) + static_cast<std::size_t>(i)]; }
  int cells_;
  std::vector<float> values_;
};

// What is the same in both eyes of a patient.
struct Patient {
  Color retina, vessel;
  float exposure, vignette, noise;
};

Patient make_patient(std::uint64_t seed, std::uint32_t patient) {
  RandomKey key(seed, RandomStream::synth);
  key.sample = patient;
  Random random(key);
  Patient p;
  const float pigment = random.uniform();
  p.retina = mix({0.82f, 0.42f, 0.20f}, {0.48f, 0.20f, 0.09f}, pigment);
  p.vessel = mix({0.45f, 0.08f, 0.05f}, {0.27f, 0.05f, 0.03f}, pigment);
  p.exposure = random.uniform(0.75f, 1.15f);
  p.vignette = random.uniform(0.15f, 0.5f);
  p.noise = random.uniform(0.01f, 0.035f);
  return p;
}

// Lesions of a grade (international scale: none, microaneurysms only, more, many haemorrhages, new vessels). Ranges of
// neighbouring grades overlap on purpose.
LesionCounts draw_lesions(int severity, Random& random) {
  const auto between = [&](int low, int high) { return low + static_cast<int>(random.below(static_cast<std::uint32_t>(high - low + 1))); };
  switch (severity) {
    case 0: return {between(0, 1), 0, random.bernoulli(0.05f) ? 1 : 0, 0};
    case 1: return {between(1, 6), between(0, 1), between(0, 1), 0};
    case 2: return {between(4, 12), between(1, 5), between(0, 8), 0};
    case 3: return {between(8, 20), between(4, 14), between(2, 14), 0};
    default: return {between(6, 20), between(3, 14), between(2, 14), between(1, 3)};
  }
}

void paint_background(Canvas& canvas, const Patient& p, Random& random) {
  const Clouds coarse(random, 5), fine(random, 24);
  for (int y = 0; y < canvas.size(); ++y)
    for (int x = 0; x < canvas.size(); ++x) {
      const float u = canvas.coordinate(x), v = canvas.coordinate(y), d = std::hypot(u, v);
      const float light = 1.0f - p.vignette * d * d + 0.10f * coarse.at(u, v) + 0.03f * fine.at(u, v);
      canvas.at(x, y) = {p.retina.r * light, p.retina.g * light, p.retina.b * light};
    }
}

// A branching vessel: short steps whose direction wanders; the width shrinks and children leave at an angle.
void paint_vessel(Canvas& canvas, const Patient& p, Random& random, float x, float y, float angle, float width, int depth) {
  const float step = 0.0075f;  // below the width of the thinnest vessel that shows, or it would be dotted
  const float drift = random.uniform(-0.01f, 0.01f);
  for (int i = 0; i < 220 && width > 0.0025f; ++i) {
    canvas.blob(x, y, width, p.vessel, 0.55f, 0.6f);
    angle += drift + random.uniform(-0.06f, 0.06f);
    x += step * std::cos(angle);
    y += step * std::sin(angle);
    width *= 0.994f;
    if (std::hypot(x, y) > retina_radius) return;
    if (depth > 0 && random.bernoulli(0.025f)) {
      const float side = random.bernoulli(0.5f) ? 1.0f : -1.0f;
      paint_vessel(canvas, p, random, x, y, angle + side * random.uniform(0.4f, 0.9f), width * 0.7f, depth - 1);
    }
  }
}

struct Place {
  float x, y;
};

// Somewhere on the retina, off the optic disc.
Place somewhere(Random& random, float disc_x) {
  for (int attempt = 0; attempt < 50; ++attempt) {
    const float x = random.uniform(-0.85f, 0.85f), y = random.uniform(-0.85f, 0.85f);
    if (std::hypot(x, y) < 0.85f && std::hypot(x - disc_x, y) > 0.25f) return {x, y};
  }
  return {0.0f, 0.4f};
}

void paint_lesions(Canvas& canvas, const Patient& p, const LesionCounts& n, float disc_x, Random& random) {
  for (int i = 0; i < n.exudates; ++i) {
    const Place at = somewhere(random, disc_x);
    const int drops = 2 + static_cast<int>(random.below(5));
    for (int k = 0; k < drops; ++k)
      canvas.blob(at.x + random.uniform(-0.04f, 0.04f), at.y + random.uniform(-0.04f, 0.04f), random.uniform(0.008f, 0.02f),
                  {0.93f, 0.85f, 0.45f}, random.uniform(0.5f, 0.9f), 0.4f);
  }
  for (int i = 0; i < n.haemorrhages; ++i) {
    const Place at = somewhere(random, disc_x);
    const int parts = 3 + static_cast<int>(random.below(4));
    for (int k = 0; k < parts; ++k)
      canvas.blob(at.x + random.uniform(-0.03f, 0.03f), at.y + random.uniform(-0.03f, 0.03f), random.uniform(0.012f, 0.03f),
                  {0.36f, 0.04f, 0.03f}, random.uniform(0.5f, 0.85f), 0.5f);
  }
  for (int i = 0; i < n.microaneurysms; ++i) {
    const Place at = somewhere(random, disc_x);
    canvas.blob(at.x, at.y, random.uniform(0.008f, 0.014f), {0.42f, 0.04f, 0.03f}, random.uniform(0.5f, 0.9f), 0.5f);
  }
  for (int i = 0; i < n.new_vessels; ++i) {
    // A tuft of thin tangled vessels near the disc.
    const float turn = random.uniform(0.0f, 2.0f * std::numbers::pi_v<float>);
    const float x = disc_x * 0.8f + 0.28f * std::cos(turn), y = 0.28f * std::sin(turn);
    for (int k = 0; k < 9; ++k)
      paint_vessel(canvas, p, random, x, y, random.uniform(0.0f, 6.28f), 0.0052f, 0);
  }
}

Image photograph(Canvas& canvas, const Patient& p, Random& random) {
  Image image;
  image.width = image.height = canvas.size();
  image.channels = 3;
  image.samples8.resize(image.sample_count());
  std::size_t at = 0;
  for (int y = 0; y < canvas.size(); ++y)
    for (int x = 0; x < canvas.size(); ++x) {
      const float u = canvas.coordinate(x), v = canvas.coordinate(y);
      const float inside = 1.0f - smooth_step(retina_radius - 0.012f, retina_radius + 0.004f, std::hypot(u, v));
      const Color c = canvas.at(x, y);
      for (const float channel : {c.r, c.g, c.b}) {
        // The sum of three uniform numbers is close enough to a normal one.
        const float grain = random.uniform() + random.uniform() + random.uniform() - 1.5f;
        const float value = inside * (p.exposure * channel + 2.0f * p.noise * grain);
        image.samples8[at++] = static_cast<std::uint8_t>(std::lround(255.0f * std::clamp(value, 0.0f, 1.0f)));
      }
    }
  return image;
}

}  // namespace

void check_synth_fundus(int classes, int size) {
  if (classes < 2 || classes > 5) throw UsageError("synth fundus: expected 2 to 5 classes, found {}", classes);
  if (size < 32 || size > 4096) throw UsageError("synth fundus: expected a size from 32 to 4096, found {}", size);
}

SynthFundus make_synth_fundus(std::uint64_t seed, std::uint32_t patient, int eye, int classes, int size) {
  check_synth_fundus(classes, size);
  const Patient p = make_patient(seed, patient);
  RandomKey key(seed, RandomStream::synth);
  key.sample = patient;
  key.step = static_cast<std::uint32_t>(eye) + 1;
  Random random(key);
  SynthFundus f;
  f.left_eye = eye == 1;
  f.grade = static_cast<int>(random.below(static_cast<std::uint32_t>(classes)));
  // Fewer classes keep the two ends of the scale.
  const int severity = f.grade * 4 / (classes - 1);
  f.lesions = draw_lesions(severity, random);

  Canvas canvas(size);
  paint_background(canvas, p, random);
  const float disc_x = (f.left_eye ? -1.0f : 1.0f) * random.uniform(0.42f, 0.52f);
  canvas.blob(-disc_x * 0.35f, 0.02f, 0.16f, {p.retina.r * 0.45f, p.retina.g * 0.35f, p.retina.b * 0.3f}, 0.55f, 0.9f);  // macula
  for (int arm = 0; arm < 8; ++arm) {
    const float towards_macula = f.left_eye ? 0.0f : std::numbers::pi_v<float>;
    const float angle = towards_macula + (arm % 2 ? 1.0f : -1.0f) * (0.45f + 0.35f * static_cast<float>(arm / 2)) + random.uniform(-0.12f, 0.12f);
    paint_vessel(canvas, p, random, disc_x, 0.0f, angle, random.uniform(0.011f, 0.019f), 2);
  }
  canvas.blob(disc_x, 0.0f, 0.13f, {0.96f, 0.80f, 0.55f}, 0.85f, 0.25f);  // optic disc and its cup
  canvas.blob(disc_x, 0.0f, 0.055f, {1.0f, 0.93f, 0.75f}, 0.7f, 0.5f);
  paint_lesions(canvas, p, f.lesions, disc_x, random);
  f.image = photograph(canvas, p, random);
  return f;
}

}  // namespace engine
