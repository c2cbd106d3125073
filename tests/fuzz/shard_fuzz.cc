// Opens any bytes as a shard or an Arrow file, and touches every byte of its bodies and every row.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "format/shard_layout.h"
#include "fuzz/memory_file.h"
#include "testing/touched_rows.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headrace;
  static MemoryFile memory;
  memory.hold(data, size);
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const ShardLayout layout = read_shard_layout(File(memory.path()));
    for (const BatchLayout& batch : layout.batches) {
      static_cast<void>(body_is_intact(batch, bytes.subspan(batch.body.offset, batch.body.bytes)));
    }
    touch_rows(layout, bytes);
  } catch (const Error&) {
    // The one way in which a reader may refuse its input.
  }
  return 0;
}
