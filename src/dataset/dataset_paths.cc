#include "dataset/dataset_paths.h"

namespace headrace {
namespace {

constexpr std::string_view kSuffix = ".arrow";
constexpr size_t kVersionDigits = 20;

}  // namespace

std::string DatasetPaths::shard_name(const Uuid& id) {
  return uuid_text(id) + std::string(kSuffix);
}

std::string DatasetPaths::manifest_name(uint64_t version) {
  const std::string digits = std::to_string(version);
  return std::string(kVersionDigits - digits.size(), '0') + digits + std::string(kSuffix);
}

std::optional<Uuid> DatasetPaths::shard_of_name(std::string_view name) noexcept {
  if (!name.ends_with(kSuffix)) {
    return std::nullopt;
  }
  return parse_uuid(name.substr(0, name.size() - kSuffix.size()));
}

}  // namespace headrace
