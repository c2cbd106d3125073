// Expands a compressed shard whose metadata is right and whose stored body is any bytes: what a
// hostile writer could make, and no damage would, since hashes stand before it.
//
// The input: rows (1 byte), elements of a ragged column (1), the stored sizes of the five buffers
// (2 each), the body.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "format/shard_expander.h"
#include "format/shard_frame.h"
#include "format/shard_layout.h"
#include "fuzz/memory_file.h"
#include "testing/memory_sink.h"

namespace headrace {
namespace {

constexpr uint64_t kMostBytes = uint64_t{1} << 20;
constexpr size_t kHead = 12;

const Schema kSchema = {{.name = "x", .dtype = DType::kInt32},
                        {.name = "r", .dtype = DType::kInt16, .kind = ColumnKind::kRagged},
                        {.name = "t", .kind = ColumnKind::kText}};

std::vector<std::byte> shard_of(std::span<const std::byte> input) {
  BatchLayout batch{.rows = 1 + std::to_integer<uint64_t>(input[0]),
                    .columns = std::vector<ColumnPlace>(kSchema.size())};
  batch.columns[1].elements = std::to_integer<uint64_t>(input[1]);
  const std::array<Place*, 5> parts = {&batch.columns[0].values, &batch.columns[1].offsets,
                                       &batch.columns[1].values, &batch.columns[2].offsets,
                                       &batch.columns[2].values};
  std::vector<std::byte> body;
  std::span<const std::byte> rest = input.subspan(kHead);
  for (size_t i = 0; i < parts.size(); ++i) {
    uint16_t size = 0;
    std::memcpy(&size, input.data() + 2 + 2 * i, sizeof(size));
    const auto piece = rest.first(std::min<size_t>(size, rest.size()));
    rest = rest.subspan(piece.size());
    *parts[i] = {body.size(), piece.size()};
    body.insert(body.end(), piece.begin(), piece.end());
    body.resize(aligned_body_size(body.size()));
  }
  batch.body.bytes = body.size();
  batch.xxh3 = hash_bytes(body);
  MemorySink sink;
  ShardFrame frame(kSchema, {}, 256, sink);
  frame.begin_batch(batch, ShardEncoding::kZstd);
  frame.write(body);
  frame.finish();
  return sink.bytes();
}

void expand(std::span<const std::byte> input) {
  const std::vector<std::byte> stored = shard_of(input);
  static MemoryFile memory;
  memory.hold(reinterpret_cast<const uint8_t*>(stored.data()), stored.size());
  MemorySink sink;
  const ShardSummary summary = expand_shard(File(memory.path()), kMostBytes, sink);
  memory.hold(reinterpret_cast<const uint8_t*>(sink.bytes().data()), sink.bytes().size());
  const ShardLayout layout = read_shard_layout(File(memory.path()), LayoutRules::kProfileOnly);
  const Place& placed = layout.batches.at(0).body;
  if (summary.bytes != sink.bytes().size() || summary.bytes > kMostBytes ||
      layout.rows != summary.rows ||
      !body_is_intact(layout.batches[0],
                      std::span(sink.bytes()).subspan(placed.offset, placed.bytes))) {
    __builtin_trap();  // what was expanded is a shard of ours, no larger than was promised
  }
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headrace;
  if (size < kHead) {
    return 0;
  }
  try {
    expand(std::as_bytes(std::span(data, size)));
  } catch (const Error&) {
    // The one way in which a reader may refuse its input.
  }
  return 0;
}
