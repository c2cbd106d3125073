#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/uuid.h"
#include "format/manifest_header.h"
#include "format/shard_encoding.h"
#include "format/shard_writer.h"
#include "storage/byte_sink.h"
#include "storage/file.h"

namespace headrace {

// What a manifest says about one shard.
struct ShardEntry {
  std::string id;             // a UUID: the shard is shards/<id>.arrow
  uint64_t rows = 0;          // at least 1
  uint64_t batch_rows = 0;    // of every record batch but the last; at least 1
  uint64_t bytes = 0;         // of the expanded file, or more
  uint64_t stored_bytes = 0;  // of the file
  uint64_t stored_xxh3 = 0;   // XXH3-64 of the file
  ShardEncoding encoding = ShardEncoding::kPlain;
  std::vector<uint64_t> origins = {};  // hashes of the inputs that a conversion made it from

  bool operator==(const ShardEntry&) const = default;
};

// The shards of a version in row order, a column for each property: 57 bytes a shard. Every id is a
// UUID, every number in its range, and the sum of the rows fits 63 bits.
struct ShardTable {
  std::vector<Uuid> ids = {};
  std::vector<uint64_t> rows = {};
  std::vector<uint64_t> batch_rows = {};
  std::vector<uint64_t> bytes = {};
  std::vector<uint64_t> stored_bytes = {};
  std::vector<uint64_t> stored_xxh3 = {};
  std::vector<ShardEncoding> encodings = {};
  // Of shard i, origins[origin_ends[i - 1]] to origins[origin_ends[i]]; empty when not asked for.
  std::vector<uint64_t> origin_ends = {};
  std::vector<uint64_t> origins = {};

  size_t size() const noexcept { return ids.size(); }

  // Shard `i`; without its origins where they were not asked for. Requires: i < size().
  ShardEntry entry(size_t i) const;

  // The file of shard `i` as it is read, expanded if it is stored compressed: its bytes, or more.
  // Requires: i < size().
  uint64_t read_bytes(size_t i) const noexcept {
    return encodings[i] == ShardEncoding::kPlain ? stored_bytes[i] : bytes[i];
  }
};

enum class ManifestParts : uint8_t { kHeader, kShards, kShardsAndOrigins };

struct Manifest {
  ManifestHeader header = {};
  ShardTable shards = {};  // the manifest's own: of an append, those that were added
  uint64_t xxh3 = 0;       // of the file; 0 when only the header was asked for
};

// Writes a manifest: a shard file of profile 1 whose rows are the shards. Throws kInvalid for
// entries that a reader would refuse, and as manifest_header_json() and ByteSink::write().
// Requires: header.rows and header.shards are those of the version.
ShardSummary write_manifest(ByteSink& sink, const ManifestHeader& header,
                            std::span<const ShardEntry> entries);

// Reads the manifest at `path` into memory: all of it is checked once against its hashes, so that
// no later change of the file can reach a reader. 10^6 shards are about 110 MB on the disk, 64 MB
// in memory, and while it is read a batch more. Throws kNotFound, kCorrupt, kTruncated,
// kUnsupported, kIo.
Manifest read_manifest(const std::string& path, ManifestParts parts);

// The same of a file that is open.
Manifest read_manifest(const File& file, ManifestParts parts);

}  // namespace headrace
