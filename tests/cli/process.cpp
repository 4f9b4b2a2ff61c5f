#include "tests/cli/process.h"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <stdexcept>

namespace engine::test {
namespace {

constexpr std::chrono::seconds patience{120};

[[noreturn]] void become(const std::vector<char*>& argv, int out, int err, std::uint64_t file_limit) {
  if (file_limit > 0) {
    const rlimit limit{file_limit, file_limit};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, SIG_IGN);  // then write() fails, as it does on a full disk
  }
  setenv("OMP_WAIT_POLICY", "passive", 0);  // threads that spin take the cores of whoever else runs
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  execv(argv[0], argv.data());
  _exit(127);
}

// False at the end of the file.
bool read_some(int from, std::string& into) {
  std::array<char, 65536> buffer;
  const ssize_t n = read(from, buffer.data(), buffer.size());
  if (n > 0) into.append(buffer.data(), static_cast<std::size_t>(n));
  return n > 0;
}

}  // namespace

Process::Process(const Arguments& arguments, std::uint64_t file_limit) {
  std::array<int, 2> out{}, err{};
  if (pipe2(out.data(), O_CLOEXEC) != 0 || pipe2(err.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  std::vector<char*> argv{const_cast<char*>(ENGINE_TRAIN_BINARY)};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  child_ = fork();
  if (child_ < 0) throw std::runtime_error("no process");
  if (child_ == 0) become(argv, out[1], err[1], file_limit);
  close(out[1]);
  close(err[1]);
  out_ = out[0];
  err_ = err[0];
}

Process::~Process() {
  if (running()) {
    send(SIGKILL);
    waitpid(child_, &status_, 0);
  }
  close(out_);
  close(err_);
}

void Process::send(int signal) const { kill(child_, signal); }

bool Process::running() {
  if (!ended_) ended_ = waitpid(child_, &status_, WNOHANG) == child_;
  return !ended_;
}

int Process::threads() const {
  // The folder goes with the process; what it held a moment ago no longer counts.
  std::error_code gone;
  int n = 0;
  for (auto it = std::filesystem::directory_iterator(fmt::format("/proc/{}/task", child_), gone);
       !gone && it != std::filesystem::directory_iterator(); it.increment(gone))
    ++n;
  return gone ? 0 : n;
}

Result Process::wait() {
  Result r;
  const auto end = std::chrono::steady_clock::now() + patience;
  std::array<pollfd, 2> streams{pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    if (std::chrono::steady_clock::now() > end) {
      send(SIGKILL);
      r.err += fmt::format("[killed after {} s]", patience.count());
      break;
    }
    poll(streams.data(), streams.size(), 1000);
    if (streams[0].revents != 0 && !read_some(out_, r.out)) streams[0].fd = -1;
    if (streams[1].revents != 0 && !read_some(err_, r.err)) streams[1].fd = -1;
  }
  if (!ended_) waitpid(child_, &status_, 0);
  ended_ = true;
  r.code = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  return r;
}

std::string transcript(const Arguments& arguments, const Result& result) {
  return fmt::format("engine_train {}\nexit code {}\n--- standard output\n{}--- standard error\n{}---\n",
                     fmt::join(arguments, " "), result.code, result.out, result.err);
}

}  // namespace engine::test
