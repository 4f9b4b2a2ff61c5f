#include "kernels/observe.h"

namespace engine {
namespace {
thread_local OpObserver* observer_of_thread = nullptr;
thread_local std::string layer_of_thread;
}  // namespace

ObserveOps::ObserveOps(OpObserver& observer) : former_(std::exchange(observer_of_thread, &observer)) {}
ObserveOps::~ObserveOps() { observer_of_thread = former_; }
OpObserver* current_observer() { return observer_of_thread; }

const std::string& current_layer() { return layer_of_thread; }
LayerScope::LayerScope(std::string layer) : former_(std::exchange(layer_of_thread, std::move(layer))) {}
LayerScope::~LayerScope() { layer_of_thread = std::move(former_); }

}  // namespace engine
