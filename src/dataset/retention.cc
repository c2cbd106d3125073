#include "dataset/retention.h"

#include <string>
#include <utility>

#include "base/error.h"
#include "dataset/versions.h"
#include "format/manifest.h"
#include "storage/directory.h"
#include "storage/durable_file.h"

namespace headrace {
namespace {

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

}  // namespace

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
  header.kind = ManifestKind::kTombstone;
  header.base = 0;
  DurableFile file = DurableFile::create(paths.manifests(), DurableFile::Unfinished::kNamed);
  write_manifest(file, header, {});
  file.replace(DatasetPaths::manifest_name(version), true);
}

}  // namespace headrace
