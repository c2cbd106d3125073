#include "dataset/leftovers.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/uuid.h"
#include "dataset/versions.h"
#include "format/manifest.h"
#include "storage/directory.h"
#include "storage/durable_file.h"

namespace headrace {
namespace {

constexpr std::chrono::seconds kMaxAge = std::chrono::years(100);

void take(const std::string& path, const DirectoryEntry& entry, Collected& collected) {
  if (remove_file(path)) {
    ++collected.files;
    collected.bytes += entry.bytes;
  }
}

// Removes the unfinished files of `directory` that were last written before `limit_ns`.
void take_unfinished(const std::string& directory, const std::vector<DirectoryEntry>& entries,
                     int64_t limit_ns, Collected& collected) {
  for (const DirectoryEntry& entry : entries) {
    if (is_temporary_name(entry.name) && entry.regular && entry.modified_ns <= limit_ns) {
      take(directory + "/" + entry.name, entry, collected);
    }
  }
}

}  // namespace

int64_t file_clock_ns(const DatasetPaths& paths) {
  return DurableFile::create(paths.shards()).modified_ns();
}

int64_t collection_age_ns(std::chrono::seconds age) {
  if (age.count() < 0 || age > kMaxAge) {
    throw Error(ErrorCode::kInvalid, "the age of what is collected is " +
                                         std::to_string(age.count()) +
                                         " seconds; give 0 to a hundred years");
  }
  return std::chrono::duration_cast<std::chrono::nanoseconds>(age).count();
}

std::vector<Uuid> unnamed_shards(const DatasetPaths& paths, std::span<const Uuid> ids,
                                 uint64_t oldest) {
  std::set<Uuid> left(ids.begin(), ids.end());
  for (uint64_t version = newest_version(paths); version >= oldest && !left.empty(); --version) {
    // Each manifest names what it adds, a snapshot all: together that is what versions name.
    for (const Uuid& id :
         read_manifest(paths.manifest(version), ManifestParts::kShards).shards.ids) {
      left.erase(id);
    }
  }
  return {left.begin(), left.end()};
}

Collected collect_leftovers(const DatasetPaths& paths, std::chrono::seconds age) {
  const int64_t age_ns = collection_age_ns(age);
  Collected collected;
  if (!look_up(paths.shards())) {
    return collected;
  }
  const int64_t limit_ns = file_clock_ns(paths) - age_ns;
  // Before the manifests: what is committed after this look was young enough to stay.
  const std::vector<DirectoryEntry> shards = list_directory(paths.shards());
  std::map<Uuid, DirectoryEntry> old;
  std::vector<Uuid> ids;
  for (const DirectoryEntry& entry : shards) {
    const auto id = DatasetPaths::shard_of_name(entry.name);
    if (id && entry.regular && entry.modified_ns <= limit_ns) {
      old.emplace(*id, entry);
      ids.push_back(*id);
    }
  }
  for (const Uuid& id : unnamed_shards(paths, ids)) {
    take(paths.shard(id), old.at(id), collected);
  }
  take_unfinished(paths.shards(), shards, limit_ns, collected);
  take_unfinished(paths.manifests(), list_directory(paths.manifests()), limit_ns, collected);
  take_unfinished(paths.root(), list_directory(paths.root()), limit_ns, collected);
  return collected;
}

Collected remove_uncommitted(const DatasetPaths& paths, std::span<const Uuid> ids) {
  std::set<Uuid> left(ids.begin(), ids.end());
  if (newest_version(paths) > 0) {
    for (const Uuid& id : read_version(paths).shards.ids) {
      left.erase(id);
    }
  }
  Collected collected;
  for (const Uuid& id : left) {
    if (const auto entry = look_up(paths.shard(id))) {
      take(paths.shard(id), *entry, collected);
    }
  }
  return collected;
}

}  // namespace headrace
