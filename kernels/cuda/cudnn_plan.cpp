#include "kernels/cuda/cudnn_plan.h"

#include <array>
#include <optional>

namespace engine::gpu::cudnn {
namespace {

std::optional<DataType> data_type(DType t) {
  if (t == DType::f32) return DataType::f32;
  if (t == DType::f16) return DataType::f16;
  if (t == DType::bf16) return DataType::bf16;
  return std::nullopt;
}

// Dimensions stand in the order N,C,H,W whatever the memory's order is.
std::vector<std::int64_t> channels_last_strides(const Shape& s) { return {s.numel() / s[0], 1, s[3] * s[1], s[1]}; }

Descriptor tensor(const Api& api, std::int64_t id, const Shape& shape, DataType type, std::int64_t alignment) {
  Descriptor d(api, DescriptorType::tensor);
  d.set(Attribute::tensor_id, id);
  d.set(Attribute::tensor_data_type, type);
  d.set(Attribute::tensor_dimensions, shape.dims());
  d.set(Attribute::tensor_strides, channels_last_strides(shape));
  d.set(Attribute::tensor_alignment, alignment);
  d.finalize("describe a tensor");
  return d;
}

Descriptor convolution(const Api& api, const Conv2dParams& p) {
  Descriptor d(api, DescriptorType::convolution);
  d.set(Attribute::convolution_compute_type, DataType::f32);
  d.set(Attribute::convolution_mode, AttributeType::convolution_mode, 1, &cross_correlation);
  d.set(Attribute::convolution_spatial_dims, std::int64_t{2});
  d.set(Attribute::convolution_pre_paddings, {p.padding.top, p.padding.left});
  d.set(Attribute::convolution_post_paddings, {p.padding.bottom, p.padding.right});
  d.set(Attribute::convolution_strides, {p.stride[0], p.stride[1]});
  d.set(Attribute::convolution_dilations, {p.dilation[0], p.dilation[1]});
  d.finalize("describe a convolution");
  return d;
}

// The attributes of the three directions.
struct Operation {
  DescriptorType type;
  Attribute x, w, y, convolution, alpha, beta;
};
const Operation& operation_of(Direction direction) {
  static constexpr Operation all[] = {
      {DescriptorType::convolution_forward, Attribute::forward_x, Attribute::forward_w, Attribute::forward_y,
       Attribute::forward_convolution, Attribute::forward_alpha, Attribute::forward_beta},
      {DescriptorType::convolution_backward_data, Attribute::backward_data_dx, Attribute::backward_data_w,
       Attribute::backward_data_dy, Attribute::backward_data_convolution, Attribute::backward_data_alpha,
       Attribute::backward_data_beta},
      {DescriptorType::convolution_backward_filter, Attribute::backward_filter_x, Attribute::backward_filter_dw,
       Attribute::backward_filter_dy, Attribute::backward_filter_convolution, Attribute::backward_filter_alpha,
       Attribute::backward_filter_beta}};
  return all[static_cast<int>(direction)];
}

// Descriptors refer to those they are made of: these live together.
struct Graph {
  Descriptor x, w, y, convolution, operation, graph;
};

Graph build_graph(const Api& api, const ConvProblem& p, const Shape& y) {
  const auto type = [&](Direction written_by) {
    return *data_type(p.direction == written_by ? p.result : p.dtype);
  };
  const Operation& o = operation_of(p.direction);
  Graph g{tensor(api, 1, p.x, type(Direction::data_gradient), p.alignment),
          tensor(api, 2, p.w, type(Direction::weight_gradient), p.alignment),
          tensor(api, 3, y, type(Direction::forward), p.alignment),
          convolution(api, p.params),
          Descriptor(api, o.type),
          Descriptor(api, DescriptorType::operation_graph)};
  g.operation.set(o.x, g.x);
  g.operation.set(o.w, g.w);
  g.operation.set(o.y, g.y);
  g.operation.set(o.convolution, g.convolution);
  g.operation.set(o.alpha, 1.0f);
  g.operation.set(o.beta, 0.0f);
  g.operation.finalize("describe the operation");
  g.graph.set(Attribute::graph_operations, g.operation);
  g.graph.finalize("build the graph");
  return g;
}

// Engines with their settings, the likely fastest first. Empty where cuDNN has none; then `reason` says why.
std::vector<Descriptor> configurations(const Graph& g, const Descriptor& device, HeuristicsMode mode,
                                       std::string& reason) try {
  const Api& api = g.graph.api();
  Descriptor heuristics(api, DescriptorType::engine_heuristics);
  heuristics.set(Attribute::heuristics_graph, g.graph);
  heuristics.set(Attribute::heuristics_mode, mode);
  heuristics.set(Attribute::heuristics_device, device);
  heuristics.finalize("ask for engines");
  std::int64_t count = 0;
  const auto read = [&](std::int64_t room, void* into) {
    check(api,
          api.get_attribute(heuristics.raw(), Attribute::heuristics_results, AttributeType::descriptor, room, &count,
                            into),
          "read the engines");
  };
  read(0, nullptr);
  std::vector<Descriptor> all;
  std::vector<void*> raw;
  for (std::int64_t i = 0; i < count; ++i) raw.push_back(all.emplace_back(api, DescriptorType::engine_config).raw());
  if (count > 0) read(count, raw.data());
  all.erase(all.begin() + count, all.end());
  return all;
} catch (const CudnnError& e) {
  reason = e.what();
  return {};
}

EngineFacts facts_of(const Descriptor& configuration) {
  const Api& api = configuration.api();
  const Descriptor engine(api, DescriptorType::engine);
  void* raw = engine.raw();
  std::int64_t count = 0;
  check(api,
        api.get_attribute(configuration.raw(), Attribute::config_engine, AttributeType::descriptor, 1, &count, &raw),
        "read an engine");
  return {engine.number(Attribute::engine_index),
          engine.notes(Attribute::engine_numerical_notes, AttributeType::numerical_note),
          engine.notes(Attribute::engine_behavior_notes, AttributeType::behavior_note),
          configuration.number(Attribute::config_workspace)};
}

Plan finalized(std::shared_ptr<const Graph> graph, Descriptor configuration, EngineFacts facts) {
  Descriptor plan(configuration.api(), DescriptorType::execution_plan);
  plan.set(Attribute::plan_config, configuration);
  plan.finalize("finalise a plan");
  facts.workspace = plan.number(Attribute::plan_workspace);
  return {facts, std::move(graph), std::move(configuration), std::move(plan)};
}

// Goes through the engines and remembers what stood in the way.
class Selection {
 public:
  explicit Selection(const ConvProblem& problem) : problem_(problem) {}

  std::optional<Plan> first(const std::shared_ptr<const Graph>& graph, std::vector<Descriptor> configurations) {
    for (Descriptor& c : configurations) {
      try {
        const EngineFacts facts = facts_of(c);
        if (!allowed(facts)) continue;
        Plan plan = finalized(graph, std::move(c), facts);
        if (allowed(plan.engine)) return plan;
      } catch (const CudnnError& e) {
        ++broken_;
        reason = e.what();
      }
    }
    return std::nullopt;
  }

  NoPlan nothing() const {
    const int imprecise = count(Verdict::imprecise), nondeterministic = count(Verdict::nondeterministic),
              large = count(Verdict::too_much_workspace);
    if (broken_ > 0) return {NoPlanKind::broken, reason};
    if (imprecise + nondeterministic + large == 0) return {NoPlanKind::no_engine, reason};
    std::string why = fmt::format("{} engines are imprecise, {} not deterministic, {} need more workspace than {} "
                                  "bytes", imprecise, nondeterministic, large, problem_.workspace_limit);
    return {NoPlanKind::forbidden, std::move(why)};
  }

  std::string reason = "cuDNN offers no engine";

 private:
  bool allowed(const EngineFacts& facts) {
    const Verdict v = judge(facts, problem_);
    if (v != Verdict::allowed) ++turned_away_[static_cast<std::size_t>(v)];
    return v == Verdict::allowed;
  }
  int count(Verdict v) const { return turned_away_[static_cast<std::size_t>(v)]; }

  const ConvProblem& problem_;
  std::array<int, 5> turned_away_{};
  int broken_ = 0;
};

}  // namespace

Descriptor describe(const Api& api, const DeviceChoice& device) {
  Descriptor d(api, DescriptorType::device_properties);
  if (device.json.empty())
    d.set(Attribute::device_id, AttributeType::int32, 1, &device.id);
  else
    d.set(Attribute::device_json, AttributeType::characters, static_cast<std::int64_t>(device.json.size()),
          device.json.data());
  d.finalize("describe a device");
  return d;
}

Verdict judge(const EngineFacts& engine, const ConvProblem& p) {
  // A first step would wait for the compiler, up to 99 s for one strict f32 shape; and a machine without a driver is
  // not told of these engines: a GPU's plans would not be those of the tests.
  if (engine.has(BehaviorNote::runtime_compilation)) return Verdict::compiles_when_run;
  // Ours sum in f32, and so must these. On f32 numbers tensor cores mean TF32.
  const bool strict = p.dtype == DType::f32 && p.math == Math::strict;
  if (engine.has(NumericalNote::reduced_precision_reduction) ||
      (strict && (engine.has(NumericalNote::tensor_core) || engine.has(NumericalNote::down_convert_inputs))))
    return Verdict::imprecise;
  if (p.deterministic && !engine.deterministic()) return Verdict::nondeterministic;
  return engine.workspace > p.workspace_limit ? Verdict::too_much_workspace : Verdict::allowed;
}

PlanResult plan_convolution(const Api& api, const ConvProblem& p, const Descriptor& device) {
  if (!data_type(p.dtype) || !data_type(p.result))
    return NoPlan{NoPlanKind::bad_problem, fmt::format("cuDNN: no convolution from {} to {}", name_of(p.dtype),
                                                       name_of(p.result))};
  Shape y;
  try {
    y = conv2d_output_shape(p.x, p.w, p.params);
  } catch (const UsageError& e) {
    return NoPlan{NoPlanKind::bad_problem, e.what()};
  }
  if (p.x.numel() == 0 || p.w.numel() == 0 || y.numel() == 0)
    return NoPlan{NoPlanKind::bad_problem, fmt::format("cuDNN: x {}, w {} has nothing to compute", p.x.str(),
                                                       p.w.str())};
  std::shared_ptr<const Graph> graph;
  try {
    graph = std::make_shared<Graph>(build_graph(api, p, y));
  } catch (const CudnnError& e) {
    return NoPlan{NoPlanKind::refused, e.what()};
  }
  Selection selection(p);
  for (const HeuristicsMode mode : {HeuristicsMode::a, HeuristicsMode::fallback})
    if (auto plan = selection.first(graph, configurations(*graph, device, mode, selection.reason)))
      return std::move(*plan);
  return selection.nothing();
}

}  // namespace engine::gpu::cudnn
