#include "engine/train/checkpoint.h"

#include <fmt/ranges.h>

#include "kernels/backend.h"

namespace engine {
using nlohmann::literals::operator""_json_pointer;

namespace {

constexpr const char* meta_key = "engine_train";

nlohmann::json parse_meta(const SafetensorsFile& file) {
  const auto found = file.metadata().find(meta_key);
  if (found == file.metadata().end())
    throw CheckpointError("{}: a safetensors file, but no checkpoint of engine_train (no '{}' in its metadata)",
                          file.name(), meta_key);
  try {
    nlohmann::json meta = parse_json(found->second, fmt::format("{}: metadata '{}'", file.name(), meta_key));
    if (!meta.is_object()) throw DataError("{}: metadata '{}' is no JSON object", file.name(), meta_key);
    return meta;
  } catch (const DataError& e) {
    throw CheckpointError("{}", e.what());
  }
}

void copy(const SafetensorsFile& file, const std::string& from, const Tensor& to) {
  Backend& backend = backend_of(to);
  const SafetensorsFile::Entry& e = file.at(from);
  if (to.numel() > 0) backend.copy_(to, backend.from_host(e.bytes.data(), e.shape, e.dtype));
}

}  // namespace

std::vector<NamedTensor> model_tensors(nn::Module& model) {
  std::vector<NamedTensor> all;
  for (const nn::Parameter* p : model.parameters()) all.push_back({p->name, p->variable.value()});
  for (const nn::Buffer* b : model.buffers()) all.push_back({b->name, b->value});
  return all;
}

void save_checkpoint(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                     const nlohmann::json& meta) {
  std::vector<std::vector<std::byte>> host;
  std::vector<NamedBytes> entries;
  for (const NamedTensor& t : tensors) {
    host.emplace_back(t.value.bytes());
    if (!host.back().empty()) backend_of(t.value).to_host(t.value, host.back().data());
  }
  for (std::size_t i = 0; i < tensors.size(); ++i)
    entries.push_back({tensors[i].name, tensors[i].value.dtype(), tensors[i].value.shape(), host[i]});
  write_safetensors(path, entries, {{"format", "pt"}, {meta_key, meta.dump()}});
}

void load_tensors(const SafetensorsFile& file, const std::vector<NamedTensor>& into, const std::string& prefix,
                  const std::string& holds) {
  std::vector<std::string> wrong;
  std::size_t missing = 0, misshapen = 0;
  for (const NamedTensor& t : into) {
    const SafetensorsFile::Entry* e = file.find(prefix + t.name);
    if (!e) {
      ++missing;
      wrong.push_back(fmt::format("'{}' {} is not in the file", prefix + t.name, t.value.shape().str()));
    } else if (e->shape != t.value.shape() || e->dtype != t.value.dtype()) {
      ++misshapen;
      wrong.push_back(fmt::format("'{}' expected {}{}, found {}{}", e->name, name_of(t.value.dtype()),
                                  t.value.shape().str(), name_of(e->dtype), e->shape.str()));
    }
  }
  if (!wrong.empty()) {
    const std::size_t count = wrong.size();
    wrong.resize(std::min<std::size_t>(count, 3));
    throw CheckpointError(
        "{}: does not fit this model (the file holds {}): of {} tensors {} are missing and {} differ; {}{}",
        file.name(), holds, into.size(), missing, misshapen, fmt::join(wrong, "; "), count > 3 ? "; ..." : "");
  }
  for (const NamedTensor& t : into) copy(file, prefix + t.name, t.value);
}

Checkpoint::Checkpoint(SafetensorsFile file) : file_(std::move(file)), meta_(parse_meta(file_)) {
  for (const auto& e : file_.entries()) has_ema_ = has_ema_ || e.name.starts_with("ema.");
}

std::string contents_of(const SafetensorsFile& file) {
  if (!Checkpoint::is_one(file)) return "plain tensors";
  try {
    return fmt::format("'{}'", parse_meta(file).at("/model/name"_json_pointer).get<std::string>());
  } catch (const nlohmann::json::exception&) {
    return "no network that it names";
  }
}

bool Checkpoint::is_one(const SafetensorsFile& file) { return file.metadata().contains(meta_key); }

void Checkpoint::load(const std::vector<NamedTensor>& into, const std::string& prefix) const {
  load_tensors(file_, into, prefix, contents_of(file_));
}

}  // namespace engine
