// The part of cuDNN's C interface that planning and running convolutions takes, so that building needs no cuDNN. The
// numbers are those of version 9, whose library name promises them; cudnn_values_check.cpp compares them with the
// vendor's header where there is one. Read each as the vendor's constant of that name in capitals behind its prefix.
#pragma once

#include <cstdint>

namespace engine::gpu::cudnn {

constexpr int success = 0;

enum class DataType : int { f32 = 0, f16 = 2, bf16 = 9 };

enum class DescriptorType : int {
  convolution = 1,
  engine = 2,
  engine_config = 3,
  engine_heuristics = 4,
  execution_plan = 5,
  convolution_forward = 10,
  convolution_backward_filter = 11,
  convolution_backward_data = 12,
  operation_graph = 15,
  variant_pack = 16,
  tensor = 17,
  device_properties = 38,
};

enum class AttributeType : int {
  data_type = 1,
  boolean = 2,
  int64 = 3,
  float32 = 4,
  void_pointer = 6,
  convolution_mode = 7,
  heuristics_mode = 8,
  numerical_note = 11,
  descriptor = 15,
  behavior_note = 19,
  int32 = 23,
  characters = 24,
};

enum class Attribute : int {
  convolution_compute_type = 100,
  convolution_mode = 101,
  convolution_dilations = 102,
  convolution_strides = 103,
  convolution_post_paddings = 104,
  convolution_pre_paddings = 105,
  convolution_spatial_dims = 106,

  heuristics_mode = 200,
  heuristics_graph = 201,
  heuristics_results = 202,
  heuristics_device = 204,

  config_engine = 300,
  config_workspace = 303,

  plan_config = 401,
  plan_workspace = 402,

  forward_alpha = 700,
  forward_beta = 701,
  forward_convolution = 702,
  forward_w = 703,
  forward_x = 704,
  forward_y = 705,
  backward_data_alpha = 706,
  backward_data_beta = 707,
  backward_data_convolution = 708,
  backward_data_w = 709,
  backward_data_dx = 710,
  backward_data_dy = 711,
  backward_filter_alpha = 712,
  backward_filter_beta = 713,
  backward_filter_convolution = 714,
  backward_filter_dw = 715,
  backward_filter_x = 716,
  backward_filter_dy = 717,

  graph_operations = 801,

  tensor_alignment = 900,
  tensor_data_type = 901,
  tensor_dimensions = 902,
  tensor_strides = 903,
  tensor_id = 906,

  pack_ids = 1000,
  pack_pointers = 1001,
  pack_workspace = 1003,

  engine_index = 1301,
  engine_numerical_notes = 1303,
  engine_behavior_notes = 1305,

  device_id = 2700,
  device_json = 2702,
};

constexpr int cross_correlation = 1;

enum class HeuristicsMode : int { fallback = 2, a = 3 };

/// How an engine counts.
enum class NumericalNote : int {
  tensor_core = 0,
  down_convert_inputs = 1,
  reduced_precision_reduction = 2,
  fft = 3,
  nondeterministic = 4,
  winograd = 5,
};

enum class BehaviorNote : int { runtime_compilation = 0 };

/// More notes than version 9 has.
constexpr std::int64_t most_notes = 32;

}  // namespace engine::gpu::cudnn
