#include "dataset/commit.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "column/schema_difference.h"
#include "dataset/leftovers.h"
#include "dataset/versions.h"
#include "storage/directory.h"
#include "storage/durable_file.h"

namespace headrace {
namespace {

// Each try that fails is another writer's success; more of them are no race.
constexpr int kMostTries = 10'000;

// A snapshot is written when the appended rows are more than 1 / this of those in the last one.
constexpr uint64_t kSnapshotShare = 4;

[[noreturn]] void refuse(const std::string& what, const std::string& file,
                         const std::string& column = "") {
  throw Error(ErrorCode::kInvalid, what, {.file = file, .column = column});
}

// --- What is to be committed --------------------------------------------------------------------

// The ids of the entries, in their order; all differ.
std::vector<Uuid> distinct_ids(const CommitRequest& request) {
  std::vector<Uuid> ids;
  std::set<Uuid> seen;
  for (const ShardEntry& entry : request.entries) {
    const auto id = parse_uuid(entry.id);
    if (!id) {
      refuse("the id of a shard is a UUID in lower case, not " + entry.id.substr(0, kUuidLength),
             "");
    }
    if (!seen.insert(*id).second) {
      refuse("shard " + entry.id + " is listed twice in one commit; list each shard once", "");
    }
    ids.push_back(*id);
  }
  return ids;
}

// Every shard lies there as its writer left it, and too young to be collected soon.
// Requires: `ids` are those of the entries.
void check_files(const DatasetPaths& paths, const CommitRequest& request,
                 const std::vector<Uuid>& ids, int64_t now_ns) {
  const int64_t oldest_ns = now_ns - collection_age_ns(request.collection_age) / 2;
  for (size_t i = 0; i < ids.size(); ++i) {
    const ShardEntry& entry = request.entries[i];
    const std::string path = paths.shard(ids[i]);
    const auto found = look_up(path);
    if (!found || !found->regular) {
      refuse(path + (found ? " is no regular file" : " does not exist") +
                 "; write the shard into this dataset before it is committed",
             path);
    }
    if (found->bytes != entry.stored_bytes) {
      refuse(path + " has " + std::to_string(found->bytes) + " bytes, and " +
                 std::to_string(entry.stored_bytes) + " were to be committed; write it again",
             path);
    }
    if (found->modified_ns < oldest_ns) {
      refuse(path + " was written more than " + std::to_string(request.collection_age.count() / 2) +
                 " seconds ago; shards without a commit are removed by age, so write it again",
             path);
    }
  }
}

// The dataset's schema stays; of csr, a shard may be narrower.
void check_schema(const DatasetPaths& paths, const Schema& there, const Schema& came) {
  if (const auto difference = find_difference(came, there)) {
    refuse("a commit to " + paths.root() +
               " does not fit it: " + describe(*difference, "the new shards", "the dataset") +
               (difference->only_wider()
                    ? "; create the dataset with columns= that gives the full width"
                    : "; write the same columns in the same order, or to another directory"),
           paths.root(), difference->column());
  }
}

void check_new(const DatasetPaths& paths, const ShardTable& there, const std::vector<Uuid>& ids) {
  const std::set<Uuid> added(ids.begin(), ids.end());
  const auto known = std::find_if(there.ids.begin(), there.ids.end(),
                                  [&](const Uuid& id) { return added.contains(id); });
  if (known != there.ids.end()) {
    refuse("shard " + uuid_text(*known) + " is in " + paths.root() +
               " already; commit each shard once",
           paths.shard(*known));
  }
}

// --- The next manifest --------------------------------------------------------------------------

// What `retain` drops: so many shards from the front, and their rows.
struct Dropped {
  size_t shards = 0;
  uint64_t rows = 0;
};

Dropped dropped_by(const std::optional<Retain>& retain, const ShardTable& there) {
  Dropped dropped;
  if (!retain) {
    return dropped;
  }
  uint64_t rows = 0;
  for (const uint64_t count : there.rows) {
    rows += count;  // fits: the rows of a version do
  }
  const uint64_t least = std::max<uint64_t>(1, retain->shards);
  while (there.size() - dropped.shards > least &&
         rows - dropped.rows - there.rows[dropped.shards] >= retain->rows) {
    dropped.rows += there.rows[dropped.shards++];
  }
  return dropped;
}

struct NextManifest {
  ManifestHeader header = {};
  std::vector<ShardEntry> entries = {};
};

uint64_t rows_of(const CommitRequest& request) {
  uint64_t rows = 0;
  for (const ShardEntry& entry : request.entries) {
    rows = checked_add(rows, entry.rows, "rows of a commit");
  }
  return rows;
}

// Whether version `version` with `rows` rows is an append to `head`, by the rules.
bool appends(const CommitRequest& request, const DatasetVersion& head, uint64_t version,
             uint64_t rows) {
  const uint64_t base =
      head.header.kind == ManifestKind::kAppend ? head.header.base : head.header.version;
  return !request.snapshot && version - base <= kMaxAppends &&
         rows - head.base_rows <= head.base_rows / kSnapshotShare;
}

NextManifest next_manifest(const CommitRequest& request, const std::optional<DatasetVersion>& head,
                           const Uuid& commit) {
  NextManifest next;
  next.header.commit = commit;
  next.header.rows = rows_of(request);
  next.header.shards = request.entries.size();
  next.header.metadata = merge_user_metadata(
      head && !request.replace_metadata ? head->header.metadata : "{}", request.metadata);
  if (!head) {
    next.header.version = 1;
    next.header.dataset = make_uuid();
    next.header.schema = request.schema;
    next.entries = request.entries;
    return next;
  }
  const ManifestHeader& before = head->header;
  next.header.version = before.version + 1;
  next.header.dataset = before.dataset;
  next.header.schema = before.schema;
  const Dropped dropped = dropped_by(request.retain, head->shards);
  next.header.first_row =
      checked_add(before.first_row, dropped.rows, "rows that a dataset ever had");
  next.header.parent_xxh3 = head->xxh3;
  next.header.rows =
      checked_add(next.header.rows, before.rows - dropped.rows, "rows of the dataset");
  next.header.shards += before.shards - dropped.shards;
  if (dropped.shards == 0 && appends(request, *head, next.header.version, next.header.rows)) {
    next.header.kind = ManifestKind::kAppend;
    next.header.base = before.kind == ManifestKind::kAppend ? before.base : before.version;
  } else {
    next.entries.reserve(next.header.shards);
    for (size_t i = dropped.shards; i < head->shards.size(); ++i) {
      next.entries.push_back(head->shards.entry(i));
    }
  }
  next.entries.insert(next.entries.end(), request.entries.begin(), request.entries.end());
  return next;
}

std::optional<DatasetVersion> read_head(const DatasetPaths& paths) {
  if (newest_version(paths) == 0) {
    return std::nullopt;
  }
  return read_version(paths, 0, ManifestParts::kShardsAndOrigins);
}

// --- The commit ---------------------------------------------------------------------------------

// Puts the manifest under its number; false where that is taken.
bool put(const DatasetPaths& paths, const NextManifest& next, DurableFile& file) {
  write_manifest(file, next.header, next.entries);
  const std::string name = DatasetPaths::manifest_name(next.header.version);
  try {
    return file.publish(name, DurableFile::Unsynced::kKeep);
  } catch (const Error& error) {
    if (!file.published()) {
      throw;
    }
    throw Error(ErrorCode::kIo,
                paths.manifest(next.header.version) + ": version " +
                    std::to_string(next.header.version) +
                    " is committed and can be read, but a power cut may still undo it; do not "
                    "commit these rows again: " +
                    error.what(),
                {.file = paths.manifest(next.header.version), .column = ""});
  }
}

// The header of the version from `first` on that this commit wrote, if there is one.
std::optional<ManifestHeader> find_commit(const DatasetPaths& paths, uint64_t first,
                                          const Uuid& commit) {
  const uint64_t newest = newest_version(paths);
  for (uint64_t version = first; version <= newest; ++version) {
    ManifestHeader header = read_manifest(paths.manifest(version), ManifestParts::kHeader).header;
    if (header.commit == commit && header.kind != ManifestKind::kTombstone) {
      return header;
    }
  }
  return std::nullopt;
}

// What makes the next reader or writer quicker; the commit is done without it.
void tidy_up(const DatasetPaths& paths, const ManifestHeader& header,
             std::chrono::seconds collection_age) noexcept {
  try {
    DurableFile hint = DurableFile::create(paths.root(), DurableFile::Unfinished::kNamed);
    const std::string text = std::to_string(header.version) + "\n";
    hint.write(std::as_bytes(std::span(text)));
    hint.replace(DatasetPaths::kLatest, false);
    if (header.kind == ManifestKind::kSnapshot && header.version > 1) {
      collect_leftovers(paths, collection_age);
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch): see above
  }
}

CommitResult result_of(const ManifestHeader& header) {
  return {.version = header.version, .commit = header.commit, .rows = header.rows};
}

}  // namespace

void create_dataset_directories(const DatasetPaths& paths) {
  create_directories_durably(paths.root());
  create_directories_durably(paths.shards());
  create_directories_durably(paths.manifests());
}

CommitResult commit_shards(const DatasetPaths& paths, const CommitRequest& request) {
  if (request.retain && !request.entries.empty()) {
    refuse("one commit either adds shards or drops some; make two", paths.root());
  }
  const std::vector<Uuid> ids = distinct_ids(request);
  const Uuid commit = make_uuid();
  for (int tries = 0; tries < kMostTries; ++tries) {
    const std::optional<DatasetVersion> head = read_head(paths);
    if (request.retain && !head) {
      throw Error(ErrorCode::kNotFound,
                  paths.root() + " is no dataset of shards, of which some could be dropped",
                  {.file = paths.root(), .column = ""});
    }
    if (request.retain && dropped_by(request.retain, head->shards).shards == 0) {
      return result_of(head->header);
    }
    if (head) {
      if (!request.retain) {
        check_schema(paths, head->header.schema, request.schema);
      }
      check_new(paths, head->shards, ids);
    } else {
      create_dataset_directories(paths);
    }
    const NextManifest next = next_manifest(request, head, commit);
    DurableFile file = DurableFile::create(paths.manifests());
    if (request.files_here) {
      check_files(paths, request, ids, file.modified_ns());
    }
    if (put(paths, next, file)) {
      tidy_up(paths, next.header, request.collection_age);
      return result_of(next.header);
    }
    if (const auto own = find_commit(paths, next.header.version, commit)) {
      return result_of(*own);
    }
  }
  throw Error(ErrorCode::kIo,
              paths.root() + ": other writers were first " + std::to_string(kMostTries) +
                  " times in a row; commit less often",
              {.file = paths.root(), .column = ""});
}

}  // namespace headrace
