#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/uuid.h"
#include "column/schema.h"

namespace headrace {

enum class ManifestKind : uint8_t {
  kSnapshot,   // names all shards of its version
  kAppend,     // names the shards that its version added to the one before
  kTombstone,  // names none: the version was removed, its number is never free again
};

// "snapshot", "append" or "tombstone".
const char* manifest_kind_name(ManifestKind kind) noexcept;

// What a manifest says besides its shards: the JSON text of its metadata `headrace.manifest`.
struct ManifestHeader {
  uint64_t version = 0;  // from 1
  Uuid dataset = {};     // the same in all versions of a dataset
  Uuid commit = {};      // drawn anew for each commit
  ManifestKind kind = ManifestKind::kSnapshot;
  uint64_t base = 0;  // the snapshot that an append rests on; else 0
  std::optional<uint64_t> parent_xxh3 = std::nullopt;  // of the file of version - 1; absent for 1
  Schema schema = {};                                  // of the dataset
  uint64_t rows = 0;                                   // of the version, with those of its base
  uint64_t shards = 0;                                 // as well
  uint64_t first_row = 0;       // rows that earlier versions had before these
  std::string metadata = "{}";  // the user's: a JSON object

  bool operator==(const ManifestHeader&) const = default;
};

// The user's metadata of one version is no larger; in bytes.
inline constexpr uint64_t kMaxUserMetadata = uint64_t{1} << 20;

// The header as JSON text. Throws kInvalid for metadata that is no JSON object, too large or
// nested too deeply.
std::string manifest_header_json(const ManifestHeader& header);

// The header of that text, every value checked for type and range. Throws kCorrupt naming `file`,
// and kUnsupported for a manifest of a later headrace.
ManifestHeader parse_manifest_header(std::string_view text, const std::string& file);

// `metadata` with the keys of `changes`, a null of which removes its key. Throws kInvalid as
// manifest_header_json().
std::string merge_user_metadata(const std::string& metadata, const std::string& changes);

}  // namespace headrace
