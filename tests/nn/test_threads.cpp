// One pool for oneDNN, OpenBLAS and our own loops. A kernel thread of the process is a directory of /proc/self/task:
// where there are never more of them than threads asked for, nothing can oversubscribe the cores.
#include <cblas.h>
#include <doctest/doctest.h>
#include <link.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "engine/optim/optimizer.h"
#include "kernels/backend.h"
#include "tests/nn/support.h"

using namespace engine;

namespace {

int kernel_threads() {
  int n = 0;
  for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator("/proc/self/task")) ++n;
  return n;
}

// Looks at the number of kernel threads as fast as it can, and remembers the largest; itself not counted.
class Sampler {
 public:
  Sampler()
      : thread_([this] {
          while (!stop_) {
            most_ = std::max(most_.load(), kernel_threads() - 1);
            ++samples_;
          }
        }) {}
  /// The most threads seen, and how often it looked.
  std::pair<int, long> finish() {
    stop_ = true;
    thread_.join();
    return {most_, samples_};
  }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<int> most_ = 0;
  std::atomic<long> samples_ = 0;
  std::thread thread_;
};

// Counts after every operation: the pool's threads stay, so none can hide between two looks.
class AfterEveryOp final : public OpObserver {
 public:
  void before(Backend&, std::string_view) override {}
  void after(Backend&, std::string_view op, const std::function<void(const TensorVisitor&)>&) override {
    most = std::max(most, kernel_threads());
    ops.emplace(op);
  }
  int most = 0;
  std::set<std::string> ops;
};

// Steps of a network whose operations are large enough to be worth a second thread.
void train_steps(int steps) {
  test::BlockNet net(2, 32);
  OptimizerOptions o;
  o.momentum = 0.9;
  Optimizer optimizer(net.parameters(), o);
  const Variable images(test::noise({4, 3, 48, 48}, 1));
  const Tensor target = from_vector(std::vector<std::int64_t>{0, 1, 2, 3}, {4}, Device::cpu);
  const Variable a(test::noise({300, 400}, 2), true), b(test::noise({400, 500}, 3), true);
  for (int i = 0; i < steps; ++i) {
    nn::set_random_step(net, 1, static_cast<std::uint64_t>(i));
    Tape tape;
    tape.backward(add(softmax_cross_entropy(net(images), target), scale(mean(matmul(a, b), {0, 1}), 0.01)));
    clip_grad_norm(net.parameters(), 1.0);
    optimizer.step();
    optimizer.clear_grads();
  }
}

// In a process where no pool has been made yet: at most threads - 1 join the thread that is there.
void check_pool(int threads) {
  const int before = kernel_threads();
  test::register_backends(threads);
  CHECK(cpu_threads() == threads);
  Sampler sampler;
  train_steps(4);
  const auto [most, samples] = sampler.finish();
  CHECK(samples > 20);
  CHECK(most <= before + threads - 1);

  AfterEveryOp count;
  {
    const ObserveOps observing(count);
    train_steps(1);
  }
  CHECK(count.most == before + threads - 1);
  for (const char* op : {"conv2d", "conv2d_backward", "matmul", "batch_norm_train", "dropout", "sgd_"}) {
    CAPTURE(op);
    CHECK(count.ops.contains(op));
  }
  CHECK(kernel_threads() == before + threads - 1);
}

// Nanoseconds that the threads of this process other than the calling one have run.
long long time_of_others() {
  long long sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (task.path().filename() == std::to_string(gettid())) continue;
    long long ran = 0;
    std::ifstream(task.path() / "schedstat") >> ran;
    sum += ran;
  }
  return sum;
}

constexpr const char* only_case = "A training step runs on as many kernel threads as were asked for";
constexpr const char* variable = "ENGINE_TEST_THREADS";

// Runs the case above in a process of its own, with this many threads. Returns its exit status.
int run_alone(int threads) {
  setenv(variable, std::to_string(threads).c_str(), 1);
  const std::string filter = std::string("--test-case=") + only_case;
  const char* arguments[] = {"test_nn", "--minimal", filter.c_str(), nullptr};
  pid_t child = 0;
  const int error = posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, const_cast<char**>(arguments), environ);
  unsetenv(variable);
  REQUIRE(error == 0);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::vector<std::string> loaded_libraries() {
  std::vector<std::string> names;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* to) {
        static_cast<std::vector<std::string>*>(to)->push_back(info->dlpi_name);
        return 0;
      },
      &names);
  return names;
}

int count_containing(const std::vector<std::string>& names, std::string_view part) {
  int n = 0;
  for (const std::string& name : names) n += std::filesystem::path(name).filename().string().starts_with(part);
  return n;
}

}  // namespace

TEST_CASE(only_case) {
#ifdef __SANITIZE_THREAD__
  std::puts("SKIPPED one thread pool: the thread sanitizer runs a thread of its own and cannot see libgomp's barriers");
  return;
#endif
  if (const char* threads = std::getenv(variable)) return check_pool(std::atoi(threads));
  for (const int threads : {1, 2, 3}) {  // three may be more than there are cores: still no more
    CAPTURE(threads);
    CHECK(run_alone(threads) == 0);
  }
}

TEST_CASE("One OpenMP runtime is loaded, libgomp, and one OpenBLAS, its OpenMP flavour") {
  const auto names = loaded_libraries();
  CHECK(count_containing(names, "libgomp.so") == 1);
  CHECK(count_containing(names, "libomp") == 0);
  CHECK(count_containing(names, "libiomp") == 0);
  CHECK(count_containing(names, "libtbb") == 0);
  CHECK(count_containing(names, "libmkl") == 0);
  CHECK(count_containing(names, "libdnnl.so") == 1);
  CHECK(count_containing(names, "libopenblas") == 1);
  CHECK(count_containing(names, "libblas") == 0);
  constexpr int openmp = 2;  // OPENBLAS_OPENMP; 0 is sequential, 1 a pool of its own
  CHECK(openblas_get_parallel() == openmp);
}

TEST_CASE("After set_cpu_threads(1) the pool's other threads sleep, whatever was planned before") {
  test::register_backends(2);
  train_steps(2);
  CHECK(time_of_others() > 0);
  set_cpu_threads(1);
  // They spin a while before they sleep.
  long long before = 0;
  for (int i = 0; i < 100 && before != time_of_others(); ++i) {
    before = time_of_others();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  train_steps(2);
  CHECK(time_of_others() - before < 1'000'000);
}

TEST_CASE("Changing the number of threads changes no bit of a convolution, a norm or a sum") {
  const auto run = [](int threads) {
    test::register_backends(threads);
    const Variable x(test::noise({3, 13, 37, 29}, 4)), w(test::noise({21, 13, 3, 3}, 5));
    Backend& k = backend_of(Device::cpu);
    const Tensor y = k.conv2d(x.value(), w.value(), {}, {});
    const Tensor ones = full({21}, 1.0, DType::f32, Device::cpu);
    const Tensor n = k.batch_norm_train(y, {}, ones, ones, {}, {}, {}).y;
    const Tensor s = k.sum(n, {0, 2, 3}, false);
    return std::tuple(to_vector<float>(y), to_vector<float>(n), to_vector<float>(s));
  };
  const auto one = run(1);
  CHECK(run(2) == one);
  CHECK(run(3) == one);
}
