// Reads any bytes as a manifest. The first byte says how: as the whole file, as the text of the
// header, or as the values of the columns of a file whose hashes are right: no input would get past
// those by chance.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "format/manifest.h"
#include "format/manifest_header.h"
#include "format/shard_writer.h"
#include "fuzz/memory_file.h"
#include "testing/memory_sink.h"

namespace headrace {
namespace {

// Takes values from the front of an input, and zeros behind its end.
class Input {
 public:
  explicit Input(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool empty() const noexcept { return bytes_.empty(); }

  std::string text(size_t size) {
    size = std::min(size, bytes_.size());
    std::string result(reinterpret_cast<const char*>(bytes_.data()), size);
    bytes_ = bytes_.subspan(size);
    return result;
  }

  template <typename T>
  T number() {
    T value = 0;
    const std::string bytes = text(sizeof(T));
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }

 private:
  std::span<const uint8_t> bytes_;
};

// One value of a column of variable size, or of numbers.
struct Cell {
  std::string bytes;
  std::vector<int64_t> offsets;

  explicit Cell(std::string value, size_t element = 1)
      : bytes(std::move(value)), offsets{0, static_cast<int64_t>(bytes.size() / element)} {}

  ColumnView view() const {
    return {.rows = 1,
            .values = reinterpret_cast<const std::byte*>(bytes.data()),
            .offsets = reinterpret_cast<const std::byte*>(offsets.data()),
            .elements = static_cast<uint64_t>(offsets[1])};
  }
};

Schema manifest_schema() {
  Schema schema = {{.name = "id", .kind = ColumnKind::kText}};
  for (const char* name : {"rows", "batch_rows", "bytes", "stored_bytes"}) {
    schema.push_back({.name = name, .dtype = DType::kInt64});
  }
  schema.push_back({.name = "stored_xxh3", .dtype = DType::kUint64});
  schema.push_back({.name = "encoding", .kind = ColumnKind::kText});
  schema.push_back({.name = "origins", .dtype = DType::kUint64, .kind = ColumnKind::kRagged});
  return schema;
}

// The file of a manifest with these values: a well-formed header, or the input's own.
std::vector<std::byte> manifest_of(Input& input) {
  ManifestHeader header{.version = 1, .schema = {{.name = "x"}}};
  header.rows = std::numeric_limits<int64_t>::max();
  header.shards = input.number<uint8_t>();
  const std::string own = input.text(input.number<uint8_t>());
  MemorySink sink;
  ShardWriter writer(manifest_schema(), 1, sink,
                     {{"headrace.manifest", own.empty() ? manifest_header_json(header) : own}});
  while (!input.empty()) {
    std::vector<Cell> cells;
    cells.emplace_back(input.text(input.number<uint8_t>()));
    for (int i = 0; i < 5; ++i) {
      cells.emplace_back(input.text(sizeof(uint64_t)));
      cells.back().bytes.resize(sizeof(uint64_t));
    }
    cells.emplace_back(input.text(input.number<uint8_t>()));
    cells.emplace_back(input.text(input.number<uint8_t>()), sizeof(uint64_t));
    std::vector<ColumnView> views;
    for (const Cell& cell : cells) {
      views.push_back(cell.view());
    }
    writer.write_batch(views);
  }
  writer.finish();
  return sink.bytes();
}

void read_all(std::span<const std::byte> bytes) {
  static MemoryFile memory;
  memory.hold(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  const Manifest manifest = read_manifest(File(memory.path()), ManifestParts::kShardsAndOrigins);
  for (size_t i = 0; i < manifest.shards.size(); ++i) {
    if (!is_uuid(manifest.shards.entry(i).id) || manifest.shards.rows[i] == 0) {
      __builtin_trap();  // what was promised to whoever reads the table
    }
  }
}

// A header that was read is written as a text that is read as the same header.
void read_header(std::string_view text) {
  const ManifestHeader header = parse_manifest_header(text, "input");
  try {
    if (parse_manifest_header(manifest_header_json(header), "again") != header) {
      __builtin_trap();
    }
  } catch (const Error& error) {
    // Escapes may make the text longer than is allowed.
    if (error.code() != ErrorCode::kInvalid) {
      __builtin_trap();
    }
  }
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headrace;
  if (size == 0) {
    return 0;
  }
  const std::span<const uint8_t> rest(data + 1, size - 1);
  try {
    if (data[0] % 3 == 0) {
      read_all(std::as_bytes(rest));
    } else if (data[0] % 3 == 1) {
      read_header({reinterpret_cast<const char*>(rest.data()), rest.size()});
    } else {
      Input input(rest);
      read_all(manifest_of(input));
    }
  } catch (const Error&) {
    // The one way in which a reader may refuse its input.
  }
  return 0;
}
