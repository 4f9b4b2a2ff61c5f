// The networks against published figures: torchvision's, and those of the Transfusion study's models.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "kernels/backend.h"
#include "models/registry.h"
#include "models/summary.h"
#include "tests/nn/support.h"

using namespace engine;
using models::make_model;
using models::summarize;

namespace {

std::int64_t parameters(const std::string& name, const models::ModelOptions& o) {
  return nn::parameter_count(*make_model(name, o));
}

// Convolutions only, in units of 1e9, for one picture.
double conv_gmacs(const models::ModelSummary& s) {
  std::int64_t macs = 0;
  for (const auto& layer : s.layers)
    if (layer.description.starts_with("Conv2d")) macs += layer.macs;
  return static_cast<double>(macs) * 1e-9;
}

std::int64_t side(const models::ModelSummary& s, const std::string& path) {
  for (const auto& layer : s.layers)
    if (layer.path == path) return layer.output[2] == layer.output[3] ? layer.output[2] : -1;
  return -1;
}

struct Published {
  const char* name;
  std::int64_t five_classes, thousand_classes;
  std::int64_t conv_channels;       // their sum: what convolution biases would add
  std::int64_t one_channel_biased;  // 1 channel, 1 output, with convolution biases
  double gmacs_224, gmacs_587;
};
// cbr_tiny_1m's one-channel figure was never printed anywhere; 0 leaves it out.
constexpr Published study[] = {
    {"cbr_larget", 8539173, 9049608, 992, 8534977, 4.943, 34.98},
    {"cbr_largew", 8443461, 8953896, 960, 8436097, 14.957, 105.2},
    {"cbr_small", 2114341, 2370056, 480, 2110657, 3.857, 27.12},
    {"cbr_tiny", 4310085, 4820520, 960, 4305793, 7.631, 53.68},
    {"cbr_tiny_1m", 1079845, 1335560, 480, 0, 1.968, 13.83},
};

// `found` rounds to the published figure: it is within half a unit of its last digit.
void check_digits(double found, double published, int decimals) {
  CHECK(std::abs(found - published) <= 0.5000001 * std::pow(10.0, -decimals));
}

}  // namespace

TEST_CASE("The CBR networks have exactly the study's parameters") {
  test::register_backends();
  for (const Published& p : study) {
    CAPTURE(p.name);
    CHECK(parameters(p.name, {5, 3}) == p.five_classes);
    CHECK(parameters(p.name, {1000, 3}) == p.thousand_classes);
    if (p.one_channel_biased) CHECK(parameters(p.name, {1, 1}) == p.one_channel_biased - p.conv_channels);
  }
}

TEST_CASE("The study's own table counts neither the first convolution nor norms nor the head's bias") {
  test::register_backends();
  const std::pair<const char*, std::int64_t> table[] = {
      {"cbr_larget", 8532480}, {"cbr_largew", 8432128}, {"cbr_small", 2108672}, {"cbr_tiny_1m", 1076480}};
  for (const auto& [name, published] : table) {
    CAPTURE(name);
    std::int64_t n = 0;
    const auto model = make_model(name, {5, 3});
    for (const nn::Parameter* p : model->parameters())
      if ((p->kind == nn::ParameterKind::conv_weight && p->name != "block1.conv.weight") || p->name == "fc.weight")
        n += p->variable.value().numel();
    CHECK(n == published);
  }
}

TEST_CASE("Every network of the registry is built by its name; the ResNets have torchvision's parameters") {
  test::register_backends();
  const std::map<std::string, std::int64_t> torchvision{
      {"resnet18", 11689512}, {"resnet34", 21797672}, {"resnet50", 25557032}, {"resnet101", 44549160}};
  for (const auto& info : models::model_list()) {
    CAPTURE(info.name);
    const auto model = make_model(info.name, {1000, 3});
    CHECK(model->describe() == info.name);
    CHECK(model->head().weight_shape()[0] == 1000);
    CHECK_FALSE(info.summary.empty());
    if (torchvision.contains(info.name)) CHECK(nn::parameter_count(*model) == torchvision.at(info.name));
    if (info.name != "resnet50") continue;
    // By stage, for weight transfusion.
    const auto of = [&](const char* path) { return nn::parameter_count(*model->find(path)); };
    CHECK(of("conv1") + of("bn1") == 9536);
    CHECK(of("layer1") == 215808);
    CHECK(of("layer2") == 1219584);
    CHECK(of("layer3") == 7098368);
    CHECK(of("layer4") == 14964736);
  }
  CHECK(parameters("resnet50", {5, 3}) == 23518277);
  CHECK_THROWS_WITH_AS(make_model("resnet5", {5, 3}), doctest::Contains("did you mean 'resnet"), UsageError);
  CHECK_THROWS_WITH_AS(make_model("resnet50", {0, 3}), doctest::Contains("at least one class"), UsageError);
}

TEST_CASE("The CBR networks cost what the study's models cost at 224") {
  test::register_backends();
  for (const Published& p : study) {
    CAPTURE(p.name);
    const auto model = make_model(p.name, {5, 3});
    check_digits(conv_gmacs(summarize(*model, {1, 3, 224, 224})), p.gmacs_224, 3);
  }
}

TEST_CASE("Maps shrink as TF-Slim's: same-padded convolutions, unpadded pools") {
  test::register_backends();
  const auto model = make_model("cbr_tiny_1m", {5, 3});
  const auto check_trace = [](const models::ModelSummary& s, const std::vector<std::int64_t>& convs,
                              std::int64_t last) {
    for (std::size_t i = 0; i < convs.size(); ++i) {
      const std::string block = "block" + std::to_string(i + 1);
      CHECK(side(s, block + ".conv") == convs[i]);
      if (i < 4) CHECK(side(s, block + ".pool") == (i + 1 < convs.size() ? convs[i + 1] : last));
    }
  };
  check_trace(summarize(*model, {1, 3, 224, 224}), {224, 111, 55, 27}, 13);
  const auto large = summarize(*model, {1, 3, 587, 587});
  check_trace(large, {587, 293, 146, 72}, 35);
  check_digits(conv_gmacs(large), 13.83, 2);
  // A fifth block has no pool.
  const auto five = summarize(*make_model("cbr_larget", {5, 3}), {1, 3, 63, 63});
  check_trace(five, {63, 31, 15, 7, 3}, 3);
  CHECK(side(five, "block5.pool") == -1);
}

TEST_CASE("At 587 every CBR network costs what its trace says, the study's figure") {
  // The trace is the same for all (checked above), so the cost follows without running 105 GMACs.
  test::register_backends();
  constexpr std::int64_t sides[] = {587, 293, 146, 72, 35};
  for (const Published& p : study) {
    CAPTURE(p.name);
    const auto model = make_model(p.name, {5, 3});
    double macs = 0.0;
    std::size_t block = 0;
    for (const nn::Parameter* w : model->parameters()) {
      if (w->kind != nn::ParameterKind::conv_weight) continue;
      macs += static_cast<double>(w->variable.value().numel() * sides[block] * sides[block]);
      ++block;
    }
    check_digits(macs * 1e-9, p.gmacs_587, p.gmacs_587 > 100 ? 1 : 2);
  }
}

TEST_CASE("The ResNets cost what torchvision's documentation says at 224, in multiply-adds") {
  test::register_backends();
  const std::pair<const char*, double> table[] = {{"resnet18", 1.814}, {"resnet50", 4.089}};
  for (const auto& [name, giga] : table) {
    CAPTURE(name);
    check_digits(static_cast<double>(summarize(*make_model(name, {1000, 3}), {1, 3, 224, 224}).macs) * 1e-9, giga, 3);
  }
}

TEST_CASE("A summary lists layers as they ran, with their figures, and leaves the network as it was") {
  test::register_backends();
  const auto model = make_model("cbr_small", {7, 1});
  int hooked = 0;
  model->find("block1.conv")->add_hook([&](const std::string&, const Variable&) { ++hooked; });
  Tape tape;
  const auto s = summarize(*model, {2, 1, 33, 47});
  CHECK(tape.size() == 0);
  CHECK(model->training());
  CHECK(hooked == 1);
  REQUIRE(s.layers.size() == 14);  // four times conv, bn, pool, then pool and fc
  CHECK(s.layers[0].path == "block1.conv");
  CHECK(s.layers[0].description == "Conv2d(1, 32, 7x7, padding 3x3)");
  CHECK(s.layers[0].output == Shape{2, 32, 33, 47});
  CHECK(s.layers[0].parameters == 32 * 49);
  CHECK(s.layers[0].macs == 2 * 33 * 47 * 32 * 49);
  CHECK(s.layers[0].activation_bytes == 2 * 33 * 47 * 32 * 4);
  CHECK(s.layers[13].path == "fc");
  CHECK(s.layers[13].macs == 2 * 7 * 256);
  CHECK(s.parameters == nn::parameter_count(*model));

  // Also where the input is refused.
  CHECK_THROWS_AS(summarize(*model, {1, 1, 8, 8}), UsageError);
  CHECK(model->training());
  (*model)(Variable(full({1, 1, 31, 31}, 0.0, DType::f32, Device::cpu)));
  CHECK(hooked == 2);
}

TEST_CASE("The least input of a CBR network is 31x31, and a smaller one is told so") {
  test::register_backends();
  const auto picture = [](std::int64_t channels, std::int64_t h, std::int64_t w) {
    return Variable(full({2, channels, h, w}, 0.5, DType::f32, Device::cpu));
  };
  for (const Published& p : study) {
    CAPTURE(p.name);
    const auto model = make_model(p.name, {5, 3});
    model->set_training(false);
    CHECK((*model)(picture(3, 31, 31)).shape() == Shape{2, 5});
    CHECK_THROWS_WITH_AS((*model)(picture(3, 30, 224)), doctest::Contains("of at least 31x31, found [2, 3, 30, 224]"),
                         UsageError);
    CHECK_THROWS_WITH_AS((*model)(picture(3, 224, 30)), doctest::Contains(p.name), UsageError);
    CHECK_THROWS_WITH_AS((*model)(picture(1, 31, 31)), doctest::Contains("1 channels"), UsageError);
  }
  const auto resnet = make_model("resnet18", {5, 3});
  resnet->set_training(false);
  CHECK((*resnet)(picture(3, 1, 1)).shape() == Shape{2, 5});
}
