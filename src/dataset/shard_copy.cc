#include "dataset/shard_copy.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/uuid.h"
#include "dataset/file_hashes.h"
#include "format/shard_expander.h"
#include "storage/durable_file.h"
#include "storage/file.h"

namespace headrace {
namespace {

constexpr size_t kBlock = size_t{1} << 20;

File open_shard(const DatasetPaths& paths, const ShardEntry& entry) {
  const std::optional<Uuid> id = parse_uuid(entry.id);
  if (!id) {
    throw Error(ErrorCode::kInvalid, "the id of a shard is a UUID in lower case");
  }
  return File(paths.shard(*id), std::nullopt, Links::kRefuse);
}

// Throws unless the bytes of `file` are those that were committed.
void check_bytes(const File& file, const ShardEntry& entry, const Poll& poll) {
  const uint64_t found = file.info().size;
  if (found < entry.stored_bytes) {
    throw truncated_error(file.path(), entry.stored_bytes, found);
  }
  if (found > entry.stored_bytes ||
      FileHashes(file, FileHashes::Whole::kYes, poll).whole() != entry.stored_xxh3) {
    throw Error(ErrorCode::kCorrupt,
                file.path() +
                    " is not the file that was committed: its bytes have another hash; restore it "
                    "from a copy",
                {.file = file.path(), .column = ""});
  }
}

void copy_bytes(const File& file, ByteSink& sink, const Poll& poll) {
  std::vector<std::byte> block(kBlock);
  for (uint64_t at = 0; at < file.info().size;) {
    poll();
    const auto piece =
        std::span(block).first(std::min<uint64_t>(block.size(), file.info().size - at));
    file.read(at, piece);
    sink.write(piece);
    at += piece.size();
  }
}

}  // namespace

ShardEntry copy_expanded(const DatasetPaths& from, const ShardEntry& entry, const DatasetPaths& to,
                         const Poll& poll) {
  const File file = open_shard(from, entry);
  check_bytes(file, entry, poll);
  DurableFile copy = DurableFile::create(to.shards());
  ShardEntry copied = entry;
  copied.encoding = ShardEncoding::kPlain;
  if (entry.encoding == ShardEncoding::kPlain) {
    copy_bytes(file, copy, poll);
  } else {
    const ShardSummary summary = expand_shard(file, entry.bytes, copy, poll);
    copied.bytes = copied.stored_bytes = summary.bytes;
    copied.stored_xxh3 = summary.xxh3;
  }
  Uuid id = make_uuid();
  while (!copy.publish(DatasetPaths::shard_name(id))) {
    id = make_uuid();
  }
  copied.id = uuid_text(id);
  return copied;
}

}  // namespace headrace
