// The proof that a case can fail: each of its operations is made wrong in each way, and the case must say so.
#include <map>

#include "bench/conformance/mutant.h"
#include "tests/kernels/support.h"

using namespace engine;
using namespace engine::conformance;

namespace {

constexpr std::size_t nowhere = 1000;
const CheckOptions plain_layout{DType::f32, test::seed, false};

// The configs of a case that are checked in milliseconds.
std::vector<Config> small_configs(const Case& c) {
  std::vector<Config> small;
  for (Config& config : c.configs(test::seed)) {
    std::int64_t elements = 0;
    for (const Input& x : config.inputs) elements += x.shape.numel();
    if (elements <= 5000) small.push_back(std::move(config));
  }
  return small;
}

std::size_t places(const std::vector<Config>& configs, const std::string& op, Fault fault) {
  std::size_t most = 0;
  for (const Config& config : configs) {
    Mutant healthy(backend_of(Device::cpu), {op, fault, nowhere});
    call(config, {healthy, DType::f32, DType::f32, test::seed});
    most = std::max(most, healthy.places());
  }
  return most;
}

// Whether one of the configs fails with the mutation.
bool noticed(const std::vector<Config>& configs, const Mutation& mutation) {
  bool falsified = false;
  for (const Config& config : configs) {
    Mutant mutant(backend_of(Device::cpu), mutation);
    if (!check(config, mutant, plain_layout).ok()) return true;
    falsified = falsified || mutant.falsified() > 0;
  }
  return !falsified;  // an unsteady zero is steady
}

// What a batch norm saves for the ReLU's mask only matters where a value is very close to the corner.
bool invisible(const std::string& op, Fault fault, std::size_t place) {
  return op == "batch_norm_train" && place == 3 && (fault == Fault::unsteady || fault == Fault::scaled);
}

}  // namespace

TEST_CASE("A mutant whose fault hits nothing computes what the backend computes") {
  test::register_backends();
  for (const Case& c : cases()) {
    Mutant mutant(backend_of(Device::cpu), {"", Fault::element, nowhere});
    test::require_ok(check(c.configs(test::seed).front(), mutant, plain_layout), c.name);
    CHECK(mutant.falsified() == 0);
    CHECK(mutant.places() > 0);
  }
}

TEST_CASE("Each fault in each result and each argument of every operation is noticed by the operation's case") {
  test::register_backends();
  std::map<std::string, std::size_t> tried;
  for (const Case& c : cases()) {
    const auto configs = small_configs(c);
    for (const std::string& op : c.ops)
      for (const Fault fault : faults) {
        const std::size_t count = places(configs, op, fault);
        for (std::size_t place = 0; place < count; ++place)
          CHECK_MESSAGE((invisible(op, fault, place) || noticed(configs, {op, fault, place})), c.name,
                        " does not notice ", op, " with fault '", name_of(fault), "' in place ", place, " (seed ",
                        test::seed, ")");
        tried[op] += count;
        tried[std::string(name_of(fault))] += count;
      }
  }
  for (const std::string_view op : op_names()) CHECK_MESSAGE(tried[std::string(op)] > 0, op, " was never made wrong");
  for (const Fault fault : faults) CHECK_MESSAGE(tried[std::string(name_of(fault))] > 0, name_of(fault));
}

TEST_CASE("One wrong element of an operation's first result is noticed by every config that uses it") {
  test::register_backends();
  for (const Case& c : cases())
    for (const Config& config : c.configs(test::seed)) {
      Mutant mutant(backend_of(Device::cpu), {c.ops.front(), Fault::element, 0});
      const Report report = check(config, mutant, plain_layout);
      CHECK_MESSAGE((mutant.falsified() == 0 || !report.ok()), c.name, " / ", config.name);
    }
}

TEST_CASE("The gradient check notices gradients that are a thousandth too large") {
  test::register_backends();
  for (const Case& c : cases())
    for (const Config& config : c.configs(test::seed)) {
      if (!has_gradient_check(config)) continue;
      Mutant mutant(backend_of(Device::reference), {"", Fault::scaled, everywhere});
      const Report report = check_gradient(config, mutant, test::seed);
      CHECK_MESSAGE((mutant.falsified() == 0 || !report.ok()), c.name, " / ", config.name);
    }
}
