// A vendor's shared library, found when the program runs: whether it is there, of a version we know, and whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace engine::gpu {

enum class ApiFault : std::uint8_t { no_library, missing_function, too_old, too_new };
/// Why a library is not used.
struct NoApi {
  ApiFault fault;
  std::string reason;
};

/// Versions are major * 10000 + minor * 100 + patch.
std::string version_text(std::size_t version);  ///< "9.8.0"
struct KnownVersions {
  std::size_t oldest, first_unknown;
};
/// What CUDA's own libraries tell of their version, one number a call; the vendor's numbers.
enum class Property : int { major = 0, minor = 1, patch = 2 };
std::size_t version_told_by(int (*get_property)(Property which, int* value));

/// A library that is being looked at; closed again unless it is kept.
class VendorLibrary {
 public:
  /// `product` begins every reason.
  VendorLibrary(std::string product, std::string file);
  ~VendorLibrary();
  VendorLibrary(const VendorLibrary&) = delete;
  VendorLibrary& operator=(const VendorLibrary&) = delete;

  /// Null where the library lacks it.
  template <class F>
  void find(F*& function, const char* name) {
    function = reinterpret_cast<F*>(look_up(name));
  }
  /// Nothing where it can be used. `version` is 0 where it could not be asked. The version is judged first: an old
  /// library is old, whatever else it lacks.
  std::optional<NoApi> refusal(std::size_t version, const KnownVersions& known) const;
  /// Leaves it open for good: such libraries hold threads and memory of their own.
  void keep() { opened_ = nullptr; }

 private:
  void* look_up(const char* name);

  std::string product_, file_, why_closed_, missing_;
  void* opened_ = nullptr;
};

/// What `load` makes of the first file that it accepts. If of none, the reason against the first that is there.
template <class Api>
std::variant<Api, NoApi> first_of(const std::vector<std::string>& files,
                                  std::variant<Api, NoApi> (*load)(const std::string& file)) {
  std::optional<NoApi> reason;
  for (const std::string& file : files) {
    auto answer = load(file);
    const auto* no = std::get_if<NoApi>(&answer);
    if (!no) return answer;
    if (!reason || (reason->fault == ApiFault::no_library && no->fault != ApiFault::no_library)) reason = *no;
  }
  return *reason;
}

}  // namespace engine::gpu
