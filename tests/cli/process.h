// Runs the real binary as a user would and looks at what it leaves: exit code, standard output, standard error.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace engine::test {

using Arguments = std::vector<std::string>;

struct Result {
  int code = -1;  ///< exit code; 128 + signal for one that was killed
  std::string out, err;
};

class Process {
 public:
  /// Starts `engine_train ARGUMENTS...`. With `file_limit` no file may grow beyond so many bytes, as on a full disk.
  explicit Process(const Arguments& arguments, std::uint64_t file_limit = 0);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void send(int signal) const;
  bool running();
  /// Threads that it has at this moment.
  int threads() const;
  /// Reads what it writes until it ends. One that hangs is killed after two minutes, and its code says so.
  Result wait();

 private:
  pid_t child_ = -1;
  int out_ = -1, err_ = -1, status_ = 0;
  bool ended_ = false;
};

inline Result run(const Arguments& arguments, std::uint64_t file_limit = 0) {
  return Process(arguments, file_limit).wait();
}

/// For messages: the command and all it said.
std::string transcript(const Arguments& arguments, const Result& result);

}  // namespace engine::test
