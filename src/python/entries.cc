#include "python/entries.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/error.h"

namespace nb = nanobind;

namespace headrace::python {
namespace {

constexpr size_t kKeys = 8;

template <typename T>
T value_of(const nb::dict& dict, const char* key) {
  T value;
  if (!dict.contains(key) || !nb::try_cast(dict[key], value)) {
    throw Error(ErrorCode::kInvalid,
                std::string("the entry of a shard has no ") + key +
                    ", or one of another type; pass what the writer of the shard returned");
  }
  return value;
}

}  // namespace

ShardEncoding encoding_from(const std::string& name) {
  if (const auto encoding = parse_encoding(name)) {
    return *encoding;
  }
  throw Error(ErrorCode::kInvalid,
              "shards are stored with the encoding \"none\" or \"zstd\", not \"" + name + "\"");
}

nb::dict entry_dict(const ShardEntry& entry) {
  nb::dict dict;
  dict["id"] = entry.id;
  dict["rows"] = entry.rows;
  dict["batch_rows"] = entry.batch_rows;
  dict["bytes"] = entry.bytes;
  dict["stored_bytes"] = entry.stored_bytes;
  dict["stored_xxh3"] = entry.stored_xxh3;
  dict["encoding"] = std::string(encoding_name(entry.encoding));
  dict["origins"] = entry.origins;
  return dict;
}

ShardEntry entry_from(const nb::dict& dict) {
  if (dict.size() != kKeys) {
    throw Error(ErrorCode::kInvalid, "the entry of a shard has " + std::to_string(kKeys) +
                                         " keys, not " + std::to_string(dict.size()) +
                                         "; pass what the writer of the shard returned");
  }
  return {.id = value_of<std::string>(dict, "id"),
          .rows = value_of<uint64_t>(dict, "rows"),
          .batch_rows = value_of<uint64_t>(dict, "batch_rows"),
          .bytes = value_of<uint64_t>(dict, "bytes"),
          .stored_bytes = value_of<uint64_t>(dict, "stored_bytes"),
          .stored_xxh3 = value_of<uint64_t>(dict, "stored_xxh3"),
          .encoding = encoding_from(value_of<std::string>(dict, "encoding")),
          .origins = value_of<std::vector<uint64_t>>(dict, "origins")};
}

}  // namespace headrace::python
