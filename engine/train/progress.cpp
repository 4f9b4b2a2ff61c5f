#include "engine/train/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace engine {
namespace {

double seconds_between(std::chrono::steady_clock::time_point a, std::chrono::steady_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

constexpr double window_seconds = 3.0;
constexpr double live_interval = 0.2, plain_interval = 10.0;

}  // namespace

Progress::Progress(bool quiet, std::int64_t total, std::int64_t done)
    : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1), total_(total), first_(done), start_(Clock::now()),
      window_start_(start_), shown_(start_) {}

void Progress::update(std::int64_t done, std::int64_t images, const std::string& text) {
  const auto now = Clock::now();
  window_images_ += images;
  const double window = seconds_between(window_start_, now);
  if (rate_ == 0.0 || window >= window_seconds) {
    rate_ = static_cast<double>(window_images_) / std::max(window, 1e-9);
    if (window >= window_seconds) {
      window_images_ = 0;
      window_start_ = now;
    }
  }
  if (quiet_ || seconds_between(shown_, now) < (terminal_ ? live_interval : plain_interval)) return;
  shown_ = now;
  const double per_unit = seconds_between(start_, now) / static_cast<double>(std::max<std::int64_t>(done - first_, 1));
  const std::string line = fmt::format("{}  {:.0f} images/s  ETA {}", text, rate_,
                                       format_duration(per_unit * static_cast<double>(total_ - done)));
  if (terminal_) {
    fmt::print(stderr, "\r\x1b[K{}", line);
    std::fflush(stderr);
    live_ = true;
  } else {
    fmt::print(stderr, "{}\n", line);
  }
}

void Progress::line(const std::string& text) {
  if (quiet_) return;
  clear_live();
  fmt::print(stderr, "{}\n", text);
}

void Progress::clear_live() {
  if (live_) fmt::print(stderr, "\r\x1b[K");
  live_ = false;
}

std::string format_duration(double seconds) {
  const auto s = static_cast<std::int64_t>(seconds + 0.5);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string format_bytes(double bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  for (; bytes >= 1024.0 && unit < 4; ++unit) bytes /= 1024.0;
  return fmt::format("{:.{}f} {}", bytes, bytes < 10.0 && unit > 0 ? 1 : 0, units[unit]);
}

}  // namespace engine
