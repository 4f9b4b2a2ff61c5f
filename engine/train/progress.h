// How far a run is, on standard error: one live line on a terminal, plain lines now and then otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace engine {

class Progress {
 public:
  /// `total`: units of work until the end, for the ETA.
  Progress(bool quiet, std::int64_t total, std::int64_t done = 0);

  /// `done` units are finished, `images` of them since the last call; `text` is what else there is to say.
  void update(std::int64_t done, std::int64_t images, const std::string& text);
  /// A line that stays, above the live one.
  void line(const std::string& text);
  /// Images a second over the last few seconds.
  double images_per_second() const { return rate_; }

 private:
  using Clock = std::chrono::steady_clock;
  void clear_live();

  bool quiet_, terminal_, live_ = false;
  std::int64_t total_, first_;
  std::int64_t window_images_ = 0;
  double rate_ = 0.0;
  Clock::time_point start_, window_start_, shown_;
};

/// "1:02:03" or "2:03".
std::string format_duration(double seconds);
/// "1.5 GiB".
std::string format_bytes(double bytes);

}  // namespace engine
