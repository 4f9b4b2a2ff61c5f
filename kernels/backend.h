// The seam between the engine and the machines it runs on: one interface, one implementation per device.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/tensor/philox.h"
#include "kernels/observe.h"
#include "kernels/pictures.h"
#include "kernels/types.h"

namespace engine {

/// Operations that a backend writes down instead of running, so that the host can give all of them with one order.
/// Destroying one that was not ended gives it up.
class Recording {
 public:
  virtual ~Recording() = default;
  /// Ends the writing down.
  virtual void end() = 0;
  /// Queues all operations, on the tensors they were given: results of then hold the new numbers, until another
  /// recording of the device runs. Tensors from outside must live and stay where they were; what came from the host is
  /// what it was. Dropout draws as for step `random_step` of its key, whatever that was then.
  virtual void run(std::uint32_t random_step) = 0;
};

/// Host memory whose bytes go to the device beside the work that runs there.
class Upload {
 public:
  virtual ~Upload() = default;
  /// Memory for `bytes`, page-locked where that makes copies faster. Waits until the copy before has been made.
  virtual std::byte* host(std::size_t bytes) = 0;
  /// Begins to copy them. Work that was given the former contents before done() comes first.
  virtual void send() = 0;
  /// The contents on the device, u8 [bytes], for work given from now on until done().
  virtual Tensor receive() = 0;
  virtual void done() = 0;
};

/// Every operation of ops.def, where the contracts stand. Public methods are observed (timing, NaN watch) and forward
/// to do_NAME of the device's implementation. Calls may return before the work is done; only to_host, has_nonfinite
/// and synchronize wait.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Device device() const = 0;
  /// Waits for all work given to this backend.
  virtual void synchronize() = 0;
  /// Whether the device can write operations down.
  virtual bool can_record() const { return false; }
  /// From here to end() operations are written down and not run; nobody may wait for the device or read results. The
  /// same operations must have run before, so that everything is loaded and chosen. Throws UsageError where the device
  /// cannot do that.
  virtual std::unique_ptr<Recording> begin_recording();
  /// Whether transform_pictures() is there. Elsewhere pictures are transformed before they come to the device.
  virtual bool transforms_pictures() const { return false; }
  /// A batch in the memory of an upload -> f32 [count, channels, height + 2 pad, width + 2 pad]: the numbers that
  /// transform() (engine/data/transforms.h) gives, up to rounding after rotations and changes of colour.
  virtual Tensor transform_pictures(const Tensor& packed, const PictureBatch& batch);
  virtual std::unique_ptr<Upload> make_upload();
  /// The weight [O, C/groups, KH, KW] of a convolution in the order in which this device's convolutions read it, for
  /// those that live there: nobody brings it into that order step by step.
  virtual Tensor as_conv_weight(const Tensor& weight) { return weight; }
  /// Names and versions of the libraries it computes with, for the record of a run.
  virtual std::vector<std::pair<std::string, std::string>> libraries() const { return {}; }

#define ENGINE_OP(result, name, parameters, arguments) \
  result name parameters { return observe(*this, #name, [&]() -> result { return do_##name arguments; }); }
#include "kernels/ops.def"
#undef ENGINE_OP

 protected:
#define ENGINE_OP(result, name, parameters, arguments) virtual result do_##name parameters = 0;
#include "kernels/ops.def"
#undef ENGINE_OP
};

/// Names of all operations, in the order of ops.def.
const std::vector<std::string_view>& op_names();

/// The backend of a device. Throws DeviceError when none is registered.
Backend& backend_of(Device device);
inline Backend& backend_of(const Tensor& t) { return backend_of(t.device()); }
bool has_backend(Device device);
/// Called once at start by whoever links the backend in; the backend lives as long as the process.
void register_backend(Backend& backend);

/// Elements of x as T in row-major order on the host; converts from any floating type or between integers.
template <class T>
std::vector<T> to_vector(const Tensor& x);
/// Tensor from host values, converted to `dtype`. Throws UsageError where the count does not fit the shape.
template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape, Device device, DType dtype = dtype_of<T>);
/// x on another device (x itself if it is there already).
Tensor to_device(const Tensor& x, Device device);
/// The one element of a scalar tensor; waits for it.
double scalar_value(const Tensor& x);
/// A new tensor filled with `value`.
Tensor full(const Shape& shape, double value, DType dtype, Device device);
/// Learning rate and number of an update, brought to the device; see UpdateNumbers for norm.
UpdateNumbers update_numbers(double lr, std::int64_t count, Device device, Tensor norm = {});
/// Of x's shape, type, device and layout: what an optimizer keeps beside a parameter.
Tensor zeros_like(const Tensor& x);

}  // namespace engine
