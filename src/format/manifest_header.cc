#include "format/manifest_header.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/hash_digits.h"
#include "format/json_text.h"
#include "format/schema_json.h"

namespace headrace {
namespace {

using nlohmann::json;

constexpr uint64_t kProfile = 1;

// A parsed header takes many times its text: with these bounds at most tens of megabytes.
constexpr uint64_t kMaxText = uint64_t{2} << 20;
constexpr uint64_t kMaxDepth = 64;

constexpr uint64_t kMaxCount = std::numeric_limits<int64_t>::max();

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
  throw Error(ErrorCode::kCorrupt, file + " is no manifest: " + what, {.file = file, .column = ""});
}

const json& value_of(const json& object, const char* key, const std::string& file) {
  const auto found = object.find(key);
  if (found == object.end()) {
    refuse(file, std::string(key) + " is missing");
  }
  return *found;
}

uint64_t count_of(const json& object, const char* key, const std::string& file) {
  const json& value = value_of(object, key, file);
  if (!value.is_number_unsigned() || value.get<uint64_t>() > kMaxCount) {
    refuse(file, std::string(key) + " is a number from 0 to 2^63 - 1");
  }
  return value.get<uint64_t>();
}

std::string text_of(const json& object, const char* key, const std::string& file) {
  const json& value = value_of(object, key, file);
  if (!value.is_string()) {
    refuse(file, std::string(key) + " is a text");
  }
  return value.get<std::string>();
}

Uuid uuid_of(const json& object, const char* key, const std::string& file) {
  const auto uuid = parse_uuid(text_of(object, key, file));
  if (!uuid) {
    refuse(file, std::string(key) + " is a UUID in lower case");
  }
  return *uuid;
}

ManifestKind kind_of(const json& object, const std::string& file) {
  const std::string name = text_of(object, "kind", file);
  for (const ManifestKind kind :
       {ManifestKind::kSnapshot, ManifestKind::kAppend, ManifestKind::kTombstone}) {
    if (name == manifest_kind_name(kind)) {
      return kind;
    }
  }
  refuse(file, "its kind is not known");
}

std::optional<uint64_t> parent_of(const json& object, const std::string& file) {
  if (!object.contains("parent_xxh3")) {
    return std::nullopt;
  }
  const auto hash = parse_hash_digits(text_of(object, "parent_xxh3", file));
  if (!hash) {
    refuse(file, "parent_xxh3 is a hash of 16 digits");
  }
  return hash;
}

// What has to hold between the values.
void check_header(const ManifestHeader& header, const std::string& file) {
  if (header.version == 0) {
    refuse(file, "versions are numbered from 1");
  }
  if (header.kind == ManifestKind::kAppend) {
    if (header.base == 0 || header.base >= header.version || !header.parent_xxh3) {
      refuse(file, "an append names the snapshot and the file before it");
    }
  } else if (header.base != 0) {
    refuse(file, "only an append has a base");
  }
  if (header.first_row > kMaxCount - header.rows || header.shards > header.rows) {
    refuse(file, "its numbers of rows and shards contradict each other");
  }
}

json parse_text(std::string_view text, const std::string& file) {
  if (text.size() > kMaxText || !json_nests_within(text, kMaxDepth)) {
    refuse(file, "its JSON text is larger than " + std::to_string(kMaxText) +
                     " bytes or nested too deeply");
  }
  json object = json::parse(text, nullptr, false);
  if (!object.is_object()) {
    refuse(file, "headrace.manifest is a JSON object");
  }
  return object;
}

// The user's metadata as JSON. Throws kInvalid.
json parse_metadata(const std::string& text) {
  const bool fits = text.size() <= kMaxUserMetadata && json_nests_within(text, kMaxDepth / 2);
  json object = fits ? json::parse(text, nullptr, false) : json();
  if (!object.is_object()) {
    throw Error(
        ErrorCode::kInvalid,
        "the metadata of a dataset is a JSON object of at most " +
            std::to_string(kMaxUserMetadata) + " bytes and " + std::to_string(kMaxDepth / 2) +
            " levels; " +
            (fits ? "found something else" : "found " + std::to_string(text.size()) + " bytes"));
  }
  return object;
}

}  // namespace

const char* manifest_kind_name(ManifestKind kind) noexcept {
  switch (kind) {
    case ManifestKind::kSnapshot:
      return "snapshot";
    case ManifestKind::kAppend:
      return "append";
    case ManifestKind::kTombstone:
      return "tombstone";
  }
  return "snapshot";
}

std::string manifest_header_json(const ManifestHeader& header) {
  json object = {{"profile", kProfile},
                 {"version", header.version},
                 {"dataset", uuid_text(header.dataset)},
                 {"commit", uuid_text(header.commit)},
                 {"kind", manifest_kind_name(header.kind)},
                 {"schema", schema_json(header.schema)},
                 {"rows", header.rows},
                 {"shards", header.shards},
                 {"first_row", header.first_row},
                 {"metadata", parse_metadata(header.metadata)}};
  if (header.kind == ManifestKind::kAppend) {
    object["base"] = header.base;
  }
  if (header.parent_xxh3) {
    object["parent_xxh3"] = hash_digits(*header.parent_xxh3);
  }
  std::string text;
  try {
    text = object.dump();
  } catch (const json::type_error&) {
    throw Error(ErrorCode::kInvalid, "the name of a column is not UTF-8; rename the column");
  }
  if (text.size() > kMaxText) {
    throw Error(ErrorCode::kInvalid, "schema and metadata take " + std::to_string(text.size()) +
                                         " bytes, of which a manifest holds " +
                                         std::to_string(kMaxText) + "; use fewer columns");
  }
  return text;
}

ManifestHeader parse_manifest_header(std::string_view text, const std::string& file) {
  const json object = parse_text(text, file);
  const uint64_t profile = count_of(object, "profile", file);
  if (profile > kProfile) {
    throw Error(ErrorCode::kUnsupported,
                file + " was written by a later headrace (profile " + std::to_string(profile) +
                    "); update headrace to read it",
                {.file = file, .column = ""});
  }
  const json& metadata = value_of(object, "metadata", file);
  if (profile == 0 || !metadata.is_object()) {
    refuse(file, "profile or metadata are of another form");
  }
  ManifestHeader header{.version = count_of(object, "version", file),
                        .dataset = uuid_of(object, "dataset", file),
                        .commit = uuid_of(object, "commit", file),
                        .kind = kind_of(object, file),
                        .base = object.contains("base") ? count_of(object, "base", file) : 0,
                        .parent_xxh3 = parent_of(object, file),
                        .schema = parse_schema(value_of(object, "schema", file), file),
                        .rows = count_of(object, "rows", file),
                        .shards = count_of(object, "shards", file),
                        .first_row = count_of(object, "first_row", file),
                        .metadata = metadata.dump()};
  check_header(header, file);
  return header;
}

std::string merge_user_metadata(const std::string& metadata, const std::string& changes) {
  json merged = parse_metadata(metadata);
  const json changed = parse_metadata(changes);
  for (const auto& change : changed.items()) {
    if (change.value().is_null()) {
      merged.erase(change.key());
    } else {
      merged[change.key()] = change.value();
    }
  }
  std::string text = merged.dump();
  parse_metadata(text);
  return text;
}

}  // namespace headrace
