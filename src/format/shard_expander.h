#pragma once

#include <cstdint>
#include <functional>

#include "format/shard_frame.h"
#include "storage/byte_sink.h"
#include "storage/file.h"

namespace headrace {

// Called now and then; may throw to stop.
using ExpandPoll = std::function<void()>;

// Writes to `sink` what the compressed shard `file` is without compression: byte for byte the shard
// that ShardWriter makes of the same record batches, with hashes of its own.
//
// 1. The metadata, with its hash, says which buffers there are and how many rows and elements they
//    hold; each body has the hash that it was stored with.
// 2. From these numbers follows the size of every expanded buffer. What the buffer itself announces
//    must be that size, and nothing is expanded beyond it: a small file that would become a large
//    one says so before any of it does.
// 3. More than `most_bytes`, which a manifest promises, is never written.
//
// Holds the largest expanded body, if that is at most 64 MiB; larger ones are expanded twice, in
// pieces. Whatever the file holds, memory stays below 80 MiB and a small multiple of its metadata.
// Throws kCorrupt and kTruncated naming the file, and where rows are lost, which; kUnsupported,
// kIo; what the sink and `poll` throw. What was written until then is of no use.
ShardSummary expand_shard(
    const File& file, uint64_t most_bytes, ByteSink& sink, const ExpandPoll& poll = [] {});

}  // namespace headrace
