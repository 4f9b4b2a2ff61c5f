#include "tests/cuda_emulator/support.h"

#include <sys/wait.h>
#include <unistd.h>

namespace engine::test {

ChildResult in_child(const std::function<void()>& f) {
  int ends[2];
  if (pipe(ends) != 0) throw Error("pipe failed");
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    int status = 0;
    try {
      f();
    } catch (const std::exception& e) {
      status = 1;
      (void)!write(STDERR_FILENO, e.what(), std::string_view(e.what()).size());
    }
    _exit(status);
  }
  close(ends[1]);
  ChildResult result;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) result.output.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  result.ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return result;
}

}  // namespace engine::test
