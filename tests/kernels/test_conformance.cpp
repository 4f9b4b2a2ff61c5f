// Every operation against the double-precision reference, and the reference's gradients against differences.
#include <algorithm>
#include <set>

#include "tests/kernels/support.h"

using namespace engine;
using namespace engine::conformance;

TEST_CASE("Every operation has a case, and no case claims an operation that is not there") {
  std::set<std::string> covered;
  for (const Case& c : cases())
    for (const std::string& op : c.ops) covered.insert(op);
  for (const std::string_view op : op_names())
    CHECK_MESSAGE(covered.count(std::string(op)) == 1, "no case covers ", op);
  for (const std::string& op : covered)
    CHECK_MESSAGE(std::count(op_names().begin(), op_names().end(), op) == 1, "ops.def does not declare ", op);
}

TEST_CASE("Names of cases and of a case's configs are unique: a failure says which") {
  std::set<std::string> names;
  for (const Case& c : cases()) {
    CHECK_MESSAGE(names.insert(c.name).second, c.name);
    std::set<std::string> configs;
    for (const Config& config : c.configs(test::seed))
      CHECK_MESSAGE(configs.insert(config.name).second, c.name, " has two configs ", config.name);
    CHECK_MESSAGE(c.benchmarks, c.name, " has nothing to time");
  }
}

TEST_CASE("Device cpu agrees with the reference in f32, in every layout, with the same bits every time") {
  test::register_backends(2);
  CHECK(has_own_layout(backend_of(Device::cpu), DType::f32));
  for (const Case& c : cases()) {
    const Report report = check(c, backend_of(Device::cpu), {DType::f32, test::seed});
    test::require_ok(report, c.name);
  }
}

TEST_CASE("Device reference keeps the rules of writing, and rounds to f32 where tensors hold f32") {
  test::register_backends();
  CHECK_FALSE(has_own_layout(backend_of(Device::reference), DType::f64));
  for (const Case& c : cases())
    for (const DType dtype : {DType::f64, DType::f32})
      test::require_ok(check(c, backend_of(Device::reference), {dtype, test::seed}), c.name);
}

TEST_CASE("Gradients of every differentiable operation agree with central differences in double") {
  test::register_backends();
  for (const Case& c : cases()) {
    bool checked = false, differentiable = false;
    for (const Config& config : c.configs(test::seed)) {
      differentiable = differentiable || config.function;
      if (!has_gradient_check(config)) continue;
      checked = true;
      test::require_ok(check_gradient(config, backend_of(Device::reference), test::seed), c.name);
    }
    CHECK_MESSAGE(checked == differentiable, c.name, " is differentiable but never checked");
  }
}

TEST_CASE("Two configs that another seed makes hold other numbers and pass too") {
  test::register_backends();
  for (const Case& c : cases()) {
    const auto first = c.configs(test::seed), other = c.configs(7);
    REQUIRE(first.size() == other.size());
    CHECK_MESSAGE(first.back().inputs[0].values != other.back().inputs[0].values, c.name, " ignores its seed");
    test::require_ok(check(c, backend_of(Device::cpu), {DType::f32, 7, false}), c.name);
  }
}
