// Compares cudnn_values.h with the vendor's header, where the compiler finds one.
#if __has_include(<cudnn_graph.h>) && __has_include(<cuda_runtime_api.h>)
#include <cudnn_graph.h>

#include "kernels/cuda/cudnn_values.h"

namespace engine::gpu::cudnn {

#define ENGINE_SAME(ours, vendors) static_assert(static_cast<int>(ours) == static_cast<int>(vendors))
static_assert(sizeof(cudnnBackendDescriptorType_t) == sizeof(int) && sizeof(cudnnDataType_t) == sizeof(int) &&
              sizeof(cudnnBackendNumericalNote_t) == sizeof(int) && sizeof(cudnnStatus_t) == sizeof(int));
ENGINE_SAME(success, CUDNN_STATUS_SUCCESS);
ENGINE_SAME(cross_correlation, CUDNN_CROSS_CORRELATION);
ENGINE_SAME(DataType::f32, CUDNN_DATA_FLOAT);
ENGINE_SAME(DataType::f16, CUDNN_DATA_HALF);
ENGINE_SAME(DataType::bf16, CUDNN_DATA_BFLOAT16);

ENGINE_SAME(DescriptorType::convolution, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
ENGINE_SAME(DescriptorType::engine, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
ENGINE_SAME(DescriptorType::engine_config, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
ENGINE_SAME(DescriptorType::engine_heuristics, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
ENGINE_SAME(DescriptorType::execution_plan, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
ENGINE_SAME(DescriptorType::convolution_forward, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
ENGINE_SAME(DescriptorType::convolution_backward_filter,
            CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR);
ENGINE_SAME(DescriptorType::convolution_backward_data, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR);
ENGINE_SAME(DescriptorType::operation_graph, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
ENGINE_SAME(DescriptorType::variant_pack, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
ENGINE_SAME(DescriptorType::tensor, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
ENGINE_SAME(DescriptorType::device_properties, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);

ENGINE_SAME(AttributeType::data_type, CUDNN_TYPE_DATA_TYPE);
ENGINE_SAME(AttributeType::boolean, CUDNN_TYPE_BOOLEAN);
ENGINE_SAME(AttributeType::int64, CUDNN_TYPE_INT64);
ENGINE_SAME(AttributeType::float32, CUDNN_TYPE_FLOAT);
ENGINE_SAME(AttributeType::void_pointer, CUDNN_TYPE_VOID_PTR);
ENGINE_SAME(AttributeType::convolution_mode, CUDNN_TYPE_CONVOLUTION_MODE);
ENGINE_SAME(AttributeType::heuristics_mode, CUDNN_TYPE_HEUR_MODE);
ENGINE_SAME(AttributeType::numerical_note, CUDNN_TYPE_NUMERICAL_NOTE);
ENGINE_SAME(AttributeType::descriptor, CUDNN_TYPE_BACKEND_DESCRIPTOR);
ENGINE_SAME(AttributeType::behavior_note, CUDNN_TYPE_BEHAVIOR_NOTE);
ENGINE_SAME(AttributeType::int32, CUDNN_TYPE_INT32);
ENGINE_SAME(AttributeType::characters, CUDNN_TYPE_CHAR);

ENGINE_SAME(Attribute::convolution_compute_type, CUDNN_ATTR_CONVOLUTION_COMP_TYPE);
ENGINE_SAME(Attribute::convolution_mode, CUDNN_ATTR_CONVOLUTION_CONV_MODE);
ENGINE_SAME(Attribute::convolution_dilations, CUDNN_ATTR_CONVOLUTION_DILATIONS);
ENGINE_SAME(Attribute::convolution_strides, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES);
ENGINE_SAME(Attribute::convolution_post_paddings, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS);
ENGINE_SAME(Attribute::convolution_pre_paddings, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS);
ENGINE_SAME(Attribute::convolution_spatial_dims, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS);
ENGINE_SAME(Attribute::heuristics_mode, CUDNN_ATTR_ENGINEHEUR_MODE);
ENGINE_SAME(Attribute::heuristics_graph, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
ENGINE_SAME(Attribute::heuristics_results, CUDNN_ATTR_ENGINEHEUR_RESULTS);
ENGINE_SAME(Attribute::heuristics_device, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP);
ENGINE_SAME(Attribute::config_engine, CUDNN_ATTR_ENGINECFG_ENGINE);
ENGINE_SAME(Attribute::config_workspace, CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE);
ENGINE_SAME(Attribute::plan_config, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
ENGINE_SAME(Attribute::plan_workspace, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
ENGINE_SAME(Attribute::forward_alpha, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA);
ENGINE_SAME(Attribute::forward_beta, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA);
ENGINE_SAME(Attribute::forward_convolution, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC);
ENGINE_SAME(Attribute::forward_w, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W);
ENGINE_SAME(Attribute::forward_x, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X);
ENGINE_SAME(Attribute::forward_y, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y);
ENGINE_SAME(Attribute::backward_data_alpha, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA);
ENGINE_SAME(Attribute::backward_data_beta, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA);
ENGINE_SAME(Attribute::backward_data_convolution, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC);
ENGINE_SAME(Attribute::backward_data_w, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W);
ENGINE_SAME(Attribute::backward_data_dx, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX);
ENGINE_SAME(Attribute::backward_data_dy, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY);
ENGINE_SAME(Attribute::backward_filter_alpha, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA);
ENGINE_SAME(Attribute::backward_filter_beta, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA);
ENGINE_SAME(Attribute::backward_filter_convolution, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC);
ENGINE_SAME(Attribute::backward_filter_dw, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW);
ENGINE_SAME(Attribute::backward_filter_x, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X);
ENGINE_SAME(Attribute::backward_filter_dy, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY);
ENGINE_SAME(Attribute::graph_operations, CUDNN_ATTR_OPERATIONGRAPH_OPS);
ENGINE_SAME(Attribute::tensor_alignment, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT);
ENGINE_SAME(Attribute::tensor_data_type, CUDNN_ATTR_TENSOR_DATA_TYPE);
ENGINE_SAME(Attribute::tensor_dimensions, CUDNN_ATTR_TENSOR_DIMENSIONS);
ENGINE_SAME(Attribute::tensor_strides, CUDNN_ATTR_TENSOR_STRIDES);
ENGINE_SAME(Attribute::tensor_id, CUDNN_ATTR_TENSOR_UNIQUE_ID);
ENGINE_SAME(Attribute::pack_ids, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
ENGINE_SAME(Attribute::pack_pointers, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
ENGINE_SAME(Attribute::pack_workspace, CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
ENGINE_SAME(Attribute::engine_index, CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
ENGINE_SAME(Attribute::engine_numerical_notes, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE);
ENGINE_SAME(Attribute::engine_behavior_notes, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE);
ENGINE_SAME(Attribute::device_id, CUDNN_ATTR_DEVICEPROP_DEVICE_ID);
ENGINE_SAME(Attribute::device_json, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);

ENGINE_SAME(HeuristicsMode::fallback, CUDNN_HEUR_MODE_FALLBACK);
ENGINE_SAME(HeuristicsMode::a, CUDNN_HEUR_MODE_A);
ENGINE_SAME(NumericalNote::tensor_core, CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
ENGINE_SAME(NumericalNote::down_convert_inputs, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
ENGINE_SAME(NumericalNote::reduced_precision_reduction, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION);
ENGINE_SAME(NumericalNote::fft, CUDNN_NUMERICAL_NOTE_FFT);
ENGINE_SAME(NumericalNote::nondeterministic, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);
ENGINE_SAME(NumericalNote::winograd, CUDNN_NUMERICAL_NOTE_WINOGRAD);
ENGINE_SAME(BehaviorNote::runtime_compilation, CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION);
static_assert(most_notes >= CUDNN_NUMERICAL_NOTE_TYPE_COUNT && most_notes >= CUDNN_BEHAVIOR_NOTE_TYPE_COUNT);
#undef ENGINE_SAME

}  // namespace engine::gpu::cudnn
#endif
