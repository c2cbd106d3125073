#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/uuid.h"

namespace headrace {

// The names in a dataset's directory. All follow from numbers and UUIDs: no name is read from a
// file.
//
//   <root>/shards/<uuid>.arrow
//   <root>/manifests/<20-digit version>.arrow
//   <root>/latest
class DatasetPaths {
 public:
  // Requires: `root` is not empty.
  explicit DatasetPaths(std::string root) : root_(std::move(root)) {}

  const std::string& root() const noexcept { return root_; }
  std::string shards() const { return root_ + "/shards"; }
  std::string manifests() const { return root_ + "/manifests"; }
  std::string shard(const Uuid& id) const { return shards() + "/" + shard_name(id); }
  std::string manifest(uint64_t version) const {
    return manifests() + "/" + manifest_name(version);
  }
  std::string latest() const { return root_ + "/" + kLatest; }

  static constexpr char kLatest[] = "latest";

  // "<uuid>.arrow", "<20 digits>.arrow".
  static std::string shard_name(const Uuid& id);
  static std::string manifest_name(uint64_t version);

  // The reverse of shard_name(), for listings; nothing for any other name.
  static std::optional<Uuid> shard_of_name(std::string_view name) noexcept;

 private:
  std::string root_;
};

}  // namespace headrace
