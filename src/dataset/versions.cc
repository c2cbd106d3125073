#include "dataset/versions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "storage/directory.h"
#include "storage/file.h"

namespace headrace {
namespace {

bool exists(const DatasetPaths& paths, uint64_t version) {
  return look_up(paths.manifest(version)).has_value();
}

// The version that `latest` names, or 0 where it says nothing of use.
uint64_t hinted_version(const DatasetPaths& paths) {
  std::array<std::byte, 32> bytes = {};
  std::string_view text;
  try {
    const File file(paths.latest(), std::nullopt, Links::kRefuse);
    text = {reinterpret_cast<const char*>(bytes.data()), file.read_some(0, bytes)};
  } catch (const Error&) {
    return 0;
  }
  uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  const std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  return error == std::errc() && (rest.empty() || rest == "\n") ? version : 0;
}

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
  throw Error(ErrorCode::kCorrupt, file + " does not fit its dataset: " + what,
              {.file = file, .column = ""});
}

// The oldest version from `version` on that is not buried.
uint64_t oldest_left(const DatasetPaths& paths, uint64_t version, uint64_t newest) {
  while (version < newest &&
         read_manifest(paths.manifest(version), ManifestParts::kHeader).header.kind ==
             ManifestKind::kTombstone) {
    ++version;
  }
  return version;
}

[[noreturn]] void refuse_buried(const DatasetPaths& paths, uint64_t version) {
  std::string left;
  try {
    const uint64_t newest = newest_version(paths);
    left = "; the oldest that is left is " + std::to_string(oldest_left(paths, 1, newest)) +
           ", the newest is " + std::to_string(newest);
  } catch (const Error&) {  // a mirror of a store's manifests has some of them only
    left = "; open a later one";
  }
  throw Error(ErrorCode::kNotFound,
              paths.root() + ": version " + std::to_string(version) + " was removed" + left,
              {.file = paths.root(), .column = ""});
}

// `latest` names a version only when its manifest is durable: one that is not there was lost, and
// with it perhaps rows.
[[noreturn]] void refuse_partial(const DatasetPaths& paths, uint64_t hint, uint64_t found) {
  const std::string missing = paths.manifest(hint);
  throw Error(
      ErrorCode::kCorrupt,
      paths.root() + " is not whole: " + paths.latest() + " says that there is version " +
          std::to_string(hint) + ", and " + missing + " is missing; copy the dataset again, or " +
          (found == 0 ? "" : "open version " + std::to_string(found) + " by its number, or ") +
          "remove " + paths.latest() + " if what is there is all",
      {.file = missing, .column = ""});
}

// Reads the manifest of `version`, which exists, and sees that it says so itself.
Manifest read_one(const DatasetPaths& paths, uint64_t version, ManifestParts parts) {
  const std::string path = paths.manifest(version);
  Manifest manifest = read_manifest(path, parts);
  if (manifest.header.version != version) {
    refuse(path, "it is the manifest of version " + std::to_string(manifest.header.version));
  }
  if (manifest.header.kind == ManifestKind::kTombstone) {
    refuse_buried(paths, version);
  }
  return manifest;
}

void append(std::vector<uint64_t>& all, const std::vector<uint64_t>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

void append(ShardTable& all, const ShardTable& more) {
  all.ids.insert(all.ids.end(), more.ids.begin(), more.ids.end());
  append(all.rows, more.rows);
  append(all.batch_rows, more.batch_rows);
  append(all.bytes, more.bytes);
  append(all.stored_bytes, more.stored_bytes);
  append(all.stored_xxh3, more.stored_xxh3);
  all.encodings.insert(all.encodings.end(), more.encodings.begin(), more.encodings.end());
  for (const uint64_t end : more.origin_ends) {
    all.origin_ends.push_back(all.origins.size() + end);
  }
  append(all.origins, more.origins);
}

uint64_t sum_of(const std::vector<uint64_t>& rows) {
  uint64_t sum = 0;
  for (const uint64_t count : rows) {
    sum += count;  // each table's sum fits 63 bits, and there are few tables
  }
  return sum;
}

// What must be the same from version to version.
void check_follows(const DatasetVersion& before, const Manifest& manifest, uint64_t base,
                   const std::string& path) {
  const ManifestHeader& header = manifest.header;
  if (header.kind != ManifestKind::kAppend || header.base != base) {
    refuse(path, "it does not append to version " + std::to_string(base));
  }
  if (header.parent_xxh3 != before.xxh3) {
    refuse(path, "the manifest before it is another than the one it was written after");
  }
  if (header.dataset != before.header.dataset || header.schema != before.header.schema) {
    refuse(path, "it is of another dataset or schema than the version before it");
  }
}

// The totals of the header are those of the shards.
void check_totals(const DatasetVersion& version, const std::string& path) {
  if (version.header.shards != version.shards.size() ||
      version.header.rows != sum_of(version.shards.rows)) {
    refuse(path, "it counts " + std::to_string(version.header.rows) + " rows in " +
                     std::to_string(version.header.shards) + " shards, which hold " +
                     std::to_string(sum_of(version.shards.rows)) + " in " +
                     std::to_string(version.shards.size()));
  }
}

// The newest version, or an error where there is none.
uint64_t some_version(const DatasetPaths& paths) {
  const uint64_t newest = newest_version(paths);
  if (newest == 0) {
    throw Error(ErrorCode::kNotFound,
                paths.root() + " is no dataset of shards: it has no manifests/" +
                    DatasetPaths::manifest_name(1) +
                    "; name a directory to which shards were committed",
                {.file = paths.root(), .column = ""});
  }
  return newest;
}

}  // namespace

uint64_t newest_version(const DatasetPaths& paths) {
  const uint64_t hint = hinted_version(paths);
  uint64_t found = hint != 0 && exists(paths, hint) ? hint : 0;
  // Numbers have no gaps: steps that double overshoot, and halves lead back to the end.
  uint64_t step = 1;
  while (exists(paths, found + step)) {
    found += step;
    step *= 2;
  }
  for (step /= 2; step > 0; step /= 2) {
    if (exists(paths, found + step)) {
      found += step;
    }
  }
  if (hint > found) {
    refuse_partial(paths, hint, found);
  }
  return found;
}

namespace {

// Requires: the version exists; it may be buried.
DatasetVersion read_existing(const DatasetPaths& paths, uint64_t wanted, ManifestParts parts) {
  const std::string path = paths.manifest(wanted);
  Manifest last = read_one(paths, wanted, ManifestParts::kHeader);
  if (parts == ManifestParts::kHeader) {
    return {.header = std::move(last.header)};
  }
  const uint64_t base = last.header.kind == ManifestKind::kAppend ? last.header.base : wanted;
  if (wanted - base > kMaxAppends) {
    refuse(path, "it is append number " + std::to_string(wanted - base) + " after its snapshot");
  }
  Manifest snapshot = read_one(paths, base, parts);
  if (snapshot.header.kind != ManifestKind::kSnapshot) {
    refuse(paths.manifest(base), "it is no snapshot, and others rest on it");
  }
  DatasetVersion result{.header = std::move(snapshot.header),
                        .shards = std::move(snapshot.shards),
                        .xxh3 = snapshot.xxh3};
  result.base_rows = result.header.rows;
  check_totals(result, paths.manifest(base));
  for (uint64_t next = base + 1; next <= wanted; ++next) {
    Manifest added = read_one(paths, next, parts);
    check_follows(result, added, base, paths.manifest(next));
    append(result.shards, added.shards);
    result.header = std::move(added.header);
    result.xxh3 = added.xxh3;
    check_totals(result, paths.manifest(next));
  }
  return result;
}

}  // namespace

DatasetVersion read_version(const DatasetPaths& paths, uint64_t version, ManifestParts parts) {
  uint64_t wanted = version == 0 ? some_version(paths) : version;
  if (version != 0 && !exists(paths, version)) {
    throw Error(ErrorCode::kNotFound,
                paths.root() + " has no version " + std::to_string(version) + "; the newest is " +
                    std::to_string(some_version(paths)),
                {.file = paths.root(), .column = ""});
  }
  while (true) {
    try {
      return read_existing(paths, wanted, parts);
    } catch (const Error& error) {
      const uint64_t newest = version == 0 ? some_version(paths) : wanted;
      if (error.code() != ErrorCode::kNotFound || newest == wanted) {
        throw;
      }
      wanted = newest;  // others committed a newer one, and removed the one that was read
    }
  }
}

}  // namespace headrace
