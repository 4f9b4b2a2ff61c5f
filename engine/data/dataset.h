// A labelled collection of pictures.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/io/image.h"

namespace engine {

enum class Task : std::uint8_t {
  multi_class,  ///< one class a picture
  multi_label,  ///< any number of labels a picture, each 0, 1 or missing
};

inline constexpr float missing_target = -1.0f;

/// What is known of a picture without opening it.
struct Sample {
  std::string id;              ///< path relative to the data set, or its number: unique and stable
  std::string group;           ///< patient; pictures of one group stay in one split. Its own id where nothing is known
  std::int64_t label = -1;     ///< multi_class: index into classes()
  std::vector<float> targets;  ///< multi_label: one a class, missing_target where unknown
};

class Dataset {
 public:
  virtual ~Dataset() = default;
  /// The picture. Thread-safe. JPEGs may come back smaller as long as the short side keeps twice `short_side_hint`.
  /// Throws DataError naming the file.
  virtual Image load(std::size_t i, int short_side_hint = 0) const = 0;

  std::size_t size() const { return samples_.size(); }
  const Sample& sample(std::size_t i) const { return samples_[i]; }
  const std::vector<Sample>& samples() const { return samples_; }
  const std::vector<std::string>& classes() const { return classes_; }
  Task task() const { return task_; }
  /// The source as it was named, and the split: "fashion-mnist test".
  const std::string& name() const { return name_; }
  /// Changes when ids, groups or labels do: 16 hex digits for checkpoints and logs.
  std::string fingerprint() const;

 protected:
  std::vector<Sample> samples_;
  std::vector<std::string> classes_;
  Task task_ = Task::multi_class;
  std::string name_;
};

/// Some pictures of another set, in the order given.
class Subset final : public Dataset {
 public:
  Subset(std::shared_ptr<const Dataset> base, std::vector<std::size_t> indices, std::string name);
  Image load(std::size_t i, int short_side_hint = 0) const override;

 private:
  std::shared_ptr<const Dataset> base_;
  std::vector<std::size_t> indices_;
};

}  // namespace engine
