#include "dataset/retention.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "dataset/versions.h"
#include "format/manifest.h"
#include "storage/directory.h"
#include "storage/durable_file.h"

namespace headrace {
namespace {

// So many removed versions in a row are the end of those that are left: bury_version() leaves no
// more of them behind a version that is, which may be the first of a snapshot and its appends.
constexpr uint64_t kMostRemoved = kMaxAppends + 1;

[[noreturn]] void refuse(const DatasetPaths& paths, ErrorCode code, const std::string& what) {
  throw Error(code, paths.root() + ": " + what, {.file = paths.root(), .column = ""});
}

ManifestHeader header_of(const DatasetPaths& paths, uint64_t version) {
  return read_manifest(paths.manifest(version), ManifestParts::kHeader).header;
}

// Throws kInvalid where the next version that is left rests on `version`: it is then an append.
void check_unused(const DatasetPaths& paths, uint64_t version, uint64_t newest) {
  for (uint64_t next = version + 1; next <= newest; ++next) {
    const ManifestHeader header = header_of(paths, next);
    if (header.kind == ManifestKind::kAppend) {
      refuse(paths, ErrorCode::kInvalid,
             "version " + std::to_string(version) + " cannot be removed: version " +
                 std::to_string(next) +
                 " rests on it; commit a snapshot and remove the later versions first");
    }
    if (header.kind == ManifestKind::kSnapshot) {
      return;
    }
  }
}

// Puts a tombstone in the place of the manifest that `header` is of.
void bury(const DatasetPaths& paths, ManifestHeader header) {
  header.kind = ManifestKind::kTombstone;
  header.base = 0;
  DurableFile file = DurableFile::create(paths.manifests(), DurableFile::Unfinished::kNamed);
  write_manifest(file, header, {});
  file.replace(DatasetPaths::manifest_name(header.version), true);
}

// The last version in [low, high] for which `holds`, which then holds for all before it; low - 1 if
// it holds for none.
template <typename Holds>
uint64_t last_that(uint64_t low, uint64_t high, const Holds& holds) {
  while (low <= high) {
    const uint64_t middle = low + (high - low) / 2;
    if (holds(middle)) {
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return low - 1;
}

// The first version that stays: a snapshot, since appends rest on one, before which all name what
// the newest has dropped, and which has been there since `limit_ns`. 0 where there is none.
uint64_t first_to_stay(const DatasetPaths& paths, uint64_t newest, uint64_t oldest,
                       int64_t limit_ns) {
  const uint64_t first_row = header_of(paths, newest).first_row;
  const auto may_stay_first = [&](uint64_t version) {
    if (header_of(paths, version - 1).first_row >= first_row) {
      return false;
    }
    const auto found = look_up(paths.manifest(version));
    // A tombstone is younger than what it took the place of.
    return (found && found->modified_ns <= limit_ns) ||
           header_of(paths, version).kind == ManifestKind::kTombstone;
  };
  uint64_t version = last_that(oldest + 1, newest, may_stay_first);
  while (version > oldest && header_of(paths, version).kind != ManifestKind::kSnapshot) {
    --version;
  }
  return version > oldest ? version : 0;
}

// The versions in [oldest, stays) that were not removed yet, the newest first.
std::vector<Manifest> outdated_versions(const DatasetPaths& paths, uint64_t oldest,
                                        uint64_t stays) {
  std::vector<Manifest> outdated;
  uint64_t removed = 0;  // in a row
  for (uint64_t version = stays; version-- > oldest && removed < kMostRemoved;) {
    Manifest manifest = read_manifest(paths.manifest(version), ManifestParts::kShards);
    if (manifest.header.kind == ManifestKind::kTombstone) {
      ++removed;
      continue;
    }
    removed = 0;
    outdated.push_back(std::move(manifest));
  }
  return outdated;
}

// Removes the files of shards that are there.
Collected remove_shards(const DatasetPaths& paths, const std::vector<Uuid>& ids) {
  Collected removed;
  for (const Uuid& id : ids) {
    const auto entry = look_up(paths.shard(id));
    if (entry && remove_file(paths.shard(id))) {
      ++removed.files;
      removed.bytes += entry->bytes;
    }
  }
  return removed;
}

}  // namespace

Removed remove_dropped(const DatasetPaths& paths, std::chrono::seconds age, uint64_t oldest) {
  const int64_t age_ns = collection_age_ns(age);
  const uint64_t newest = newest_version(paths);
  if (newest == 0) {
    refuse(paths, ErrorCode::kNotFound, "it is no dataset of shards");
  }
  const uint64_t stays = first_to_stay(paths, newest, oldest, file_clock_ns(paths) - age_ns);
  const std::vector<Manifest> outdated = outdated_versions(paths, oldest, stays);
  std::set<Uuid> dropped;
  for (const Manifest& manifest : outdated) {
    dropped.insert(manifest.shards.ids.begin(), manifest.shards.ids.end());
  }
  if (outdated.empty()) {
    return {};
  }
  for (const uint64_t version : {stays, newest}) {
    for (const Uuid& id : read_version(paths, version).shards.ids) {
      dropped.erase(id);
    }
  }
  Removed removed;
  for (auto manifest = outdated.rbegin(); manifest != outdated.rend(); ++manifest) {
    bury(paths, manifest->header);
    removed.versions.push_back(manifest->header.version);
  }
  removed.shards.assign(dropped.begin(), dropped.end());
  removed.files = remove_shards(paths, removed.shards);
  return removed;
}

void bury_version(const DatasetPaths& paths, uint64_t version) {
  if (version == 0 || !look_up(paths.manifest(version))) {
    refuse(paths, ErrorCode::kNotFound, "there is no version " + std::to_string(version));
  }
  const uint64_t newest = newest_version(paths);
  if (version == newest) {
    refuse(paths, ErrorCode::kInvalid,
           "version " + std::to_string(version) + " is the newest and cannot be removed");
  }
  ManifestHeader header = header_of(paths, version);
  if (header.kind == ManifestKind::kTombstone) {
    return;
  }
  check_unused(paths, version, newest);
  bury(paths, std::move(header));
}

}  // namespace headrace
