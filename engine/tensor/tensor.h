// A tensor: shared storage, a logical shape in NCHW order, an element type, a device, a physical layout.
// It knows no operation; kernels/ computes, engine/autograd/ differentiates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/tensor/dtype.h"
#include "engine/tensor/error.h"
#include "engine/tensor/shape.h"

namespace engine {

class CachingAllocator;

/// A block of device memory, freed with its last owner. `version` counts in-place writes, so that whoever
/// derived something from the contents (a reordered weight) knows when it went stale.
class Storage {
 public:
  Storage(CachingAllocator& allocator, std::size_t bytes);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  std::uint64_t version = 0;
  /// Unique among all storages of the process: a cache key that no later storage can repeat.
  std::uint64_t id() const { return id_; }

 private:
  CachingAllocator& allocator_;
  void* data_;
  std::size_t bytes_;
  std::uint64_t id_;
};

/// How a backend arranged the elements, when it is not plain row-major. Backends derive their own; everyone else
/// only carries it along.
class Layout {
 public:
  virtual ~Layout() = default;
  virtual std::string name() const = 0;
};

/// Copies share storage. There are no strided views: an operation that moves elements makes a new tensor, and only
/// reshaped() shares bytes under another shape. A default-constructed tensor is undefined (`!defined()`).
class Tensor {
 public:
  Tensor() = default;
  /// Uninitialised tensor in plain layout from the device's allocator.
  Tensor(Shape shape, DType dtype, Device device);
  /// Used by backends: storage and layout as given (null layout = plain row-major).
  Tensor(Shape shape, DType dtype, Device device, std::shared_ptr<Storage> storage,
         std::shared_ptr<const Layout> layout);

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  std::int64_t dim(int i) const { return shape_[i]; }
  std::int64_t numel() const { return numel_; }
  DType dtype() const { return dtype_; }
  Device device() const { return device_; }
  /// Null for plain row-major.
  const std::shared_ptr<const Layout>& layout() const { return layout_; }
  bool plain() const { return layout_ == nullptr; }
  const std::shared_ptr<Storage>& storage() const { return storage_; }
  /// Logical bytes: numel * size of the element.
  std::size_t bytes() const { return static_cast<std::size_t>(numel_) * size_of(dtype_); }

  /// The same bytes under another shape. Requires a plain layout and an equal number of elements.
  Tensor reshaped(Shape shape) const;

  /// Typed pointer to the device memory, in physical order. Throws UsageError when T is not the element type.
  /// Only backends of the tensor's device, and tests, may follow it: it need not be host memory.
  template <class T>
  T* data() const {
    if (dtype_of<T> != dtype_)
      throw UsageError("tensor holds {}, asked for {}", name_of(dtype_), name_of(dtype_of<T>));
    return static_cast<T*>(raw());
  }
  void* raw() const { return storage_ ? storage_->data() : nullptr; }
  /// "f32[2, 3, 32, 32] cpu nChw16c"
  std::string str() const;

 private:
  Shape shape_;
  std::int64_t numel_ = 0;
  DType dtype_ = DType::f32;
  Device device_ = Device::cpu;
  std::shared_ptr<Storage> storage_;
  std::shared_ptr<const Layout> layout_;
};

/// The allocator of a device. `cuda` and `cuda-emulated` throw DeviceError until a backend has registered theirs.
CachingAllocator& allocator_of(Device device);
/// Called once by a backend that brings its own memory.
void register_allocator(Device device, CachingAllocator* allocator);

}  // namespace engine
