#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/uuid.h"
#include "format/manifest.h"
#include "testing/memory_sink.h"

// The manifests of tests/golden/v1/dataset: a version that was removed, a snapshot, an append.
namespace headrace {

struct GoldenManifest {
  std::string name = {};
  ManifestHeader header = {};
  std::vector<ShardEntry> entries = {};
  std::vector<std::byte> bytes = {};
};

// A UUID that ends in `number`.
inline Uuid golden_uuid(uint8_t number) {
  Uuid uuid = *parse_uuid("01234567-89ab-4def-8123-456789abcd00");
  uuid.back() = number;
  return uuid;
}

inline ShardEntry golden_entry(uint8_t number) {
  return {.id = uuid_text(golden_uuid(number)),
          .rows = uint64_t{1000} * number,
          .batch_rows = 256,
          .bytes = uint64_t{100'000} * number,
          .stored_bytes = uint64_t{100'000} * number - 1,
          .stored_xxh3 = 0xFEDCBA9876543210U + number,
          .origins = std::vector<uint64_t>(number - 1U, number)};
}

// A column of every kind.
inline Schema golden_dataset_schema() {
  return {
      {.name = "x", .dtype = DType::kFloat32, .row_shape = {28, 28}},
      {.name = "tokens", .dtype = DType::kInt32, .kind = ColumnKind::kRagged},
      {.name = "image", .kind = ColumnKind::kBytes},
      {.name = "caption", .kind = ColumnKind::kText},
      {.name = "words",
       .dtype = DType::kFloat32,
       .kind = ColumnKind::kCsr,
       .index_dtype = DType::kInt32,
       .width = 30'000},
      {.name = "tags",
       .kind = ColumnKind::kCsr,
       .index_dtype = DType::kUint16,
       .width = 512,
       .binary = true},
  };
}

// In the order of their versions.
inline std::vector<GoldenManifest> golden_manifests() {
  std::vector<GoldenManifest> manifests(3);
  uint64_t rows = 0;
  for (size_t i = 0; i < manifests.size(); ++i) {
    GoldenManifest& made = manifests[i];
    made.name = "dataset/manifests/0000000000000000000" + std::to_string(i + 1) + ".arrow";
    for (const size_t number : {2 * i + 1, 2 * i + 2}) {
      if (i > 0) {
        made.entries.push_back(golden_entry(static_cast<uint8_t>(number)));
        rows += made.entries.back().rows;
      }
    }
    made.header = {.version = i + 1,
                   .dataset = golden_uuid(0xDA),
                   .commit = golden_uuid(static_cast<uint8_t>(0xC0 + i)),
                   .schema = golden_dataset_schema(),
                   .rows = rows,
                   .shards = 2 * i,
                   .metadata = R"({"made by":"tests/golden/v1/make_shards.cc"})"};
    if (i > 0) {
      made.header.parent_xxh3 = hash_bytes(manifests[i - 1].bytes);
    }
    MemorySink sink;
    made.header.kind = i == 0   ? ManifestKind::kTombstone
                       : i == 1 ? ManifestKind::kSnapshot
                                : ManifestKind::kAppend;
    made.header.base = i == 2 ? 2 : 0;
    write_manifest(sink, made.header, made.entries);
    made.bytes = sink.bytes();
  }
  return manifests;
}

}  // namespace headrace
