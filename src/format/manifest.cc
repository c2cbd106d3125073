#include "format/manifest.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "base/hash.h"
#include "column/column_view.h"
#include "format/shard_layout.h"

namespace headrace {
namespace {

constexpr char kMetadataKey[] = "headrace.manifest";

// Batches of a manifest: at most this many shards and this many bytes.
constexpr uint64_t kMaxBatchShards = uint64_t{1} << 16;
constexpr uint64_t kMaxBatchBytes = uint64_t{64} << 20;

// What a reader takes: with padding, and an entry of many origins.
constexpr uint64_t kMaxBodyBytes = 3 * kMaxBatchBytes;

constexpr uint64_t kMaxCount = std::numeric_limits<int64_t>::max();

// The columns, in this order.
enum Column : uint8_t {
  kId,
  kRows,
  kBatchRows,
  kBytes,
  kStoredBytes,
  kStoredXxh3,
  kEncoding,
  kOrigins,
  kColumnCount
};

Schema manifest_columns() {
  const auto number = [](const char* name, DType dtype) {
    return Field{.name = name, .dtype = dtype};
  };
  return {
      {.name = "id", .kind = ColumnKind::kText},
      number("rows", DType::kInt64),
      number("batch_rows", DType::kInt64),
      number("bytes", DType::kInt64),
      number("stored_bytes", DType::kInt64),
      number("stored_xxh3", DType::kUint64),
      {.name = "encoding", .kind = ColumnKind::kText},
      {.name = "origins", .dtype = DType::kUint64, .kind = ColumnKind::kRagged},
  };
}

// --- Writing ------------------------------------------------------------------------------------

void check_entry(const ShardEntry& entry) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::kInvalid, "shard " + entry.id.substr(0, kUuidLength) + ": " + what);
  };
  if (!is_uuid(entry.id)) {
    refuse("the id of a shard is a UUID in lower case");
  }
  const std::array<std::pair<const char*, uint64_t>, 4> counts = {
      {{"rows", entry.rows},
       {"batch_rows", entry.batch_rows},
       {"bytes", entry.bytes},
       {"stored_bytes", entry.stored_bytes}}};
  for (const auto& [name, value] : counts) {
    if (value == 0 || value > kMaxCount) {
      refuse(std::string(name) + " is a number from 1 to 2^63 - 1, not " + std::to_string(value));
    }
  }
  if (entry.origins.size() * sizeof(uint64_t) > kMaxBatchBytes) {
    refuse("it has " + std::to_string(entry.origins.size()) +
           " origins; make smaller shards of so many inputs");
  }
}

// Bytes of a shard's row in the body of a manifest, without padding.
uint64_t entry_bytes(const ShardEntry& entry) {
  constexpr uint64_t kNumbers = 5 * sizeof(uint64_t);
  constexpr uint64_t kOffsets = 3 * sizeof(uint64_t);
  return kNumbers + kOffsets + entry.id.size() + encoding_name(entry.encoding).size() +
         entry.origins.size() * sizeof(uint64_t);
}

// Shards per record batch: a power of two with which every batch keeps to the limit, or 1.
uint64_t shards_per_batch(std::span<const ShardEntry> entries) {
  for (uint64_t size = kMaxBatchShards; size > 1; size /= 2) {
    bool fits = true;
    for (size_t first = 0; fits && first < entries.size(); first += size) {
      uint64_t bytes = 0;
      for (const ShardEntry& entry :
           entries.subspan(first, std::min<size_t>(size, entries.size() - first))) {
        bytes += entry_bytes(entry);
      }
      fits = bytes <= kMaxBatchBytes;
    }
    if (fits) {
      return size;
    }
  }
  return 1;
}

// The rows of one batch, column by column.
class BatchColumns {
 public:
  explicit BatchColumns(std::span<const ShardEntry> entries) : rows_(entries.size()) {
    for (const ShardEntry& entry : entries) {
      ids_ += entry.id;
      encodings_ += encoding_name(entry.encoding);
      origins_.insert(origins_.end(), entry.origins.begin(), entry.origins.end());
      id_ends_.push_back(static_cast<int64_t>(ids_.size()));
      encoding_ends_.push_back(static_cast<int64_t>(encodings_.size()));
      origin_ends_.push_back(static_cast<int64_t>(origins_.size()));
      const std::array<uint64_t, 5> row = {entry.rows, entry.batch_rows, entry.bytes,
                                           entry.stored_bytes, entry.stored_xxh3};
      for (size_t i = 0; i < row.size(); ++i) {
        numbers_[i].push_back(row[i]);
      }
    }
  }

  // Views of the columns; valid as long as this.
  std::array<ColumnView, kColumnCount> views() const {
    std::array<ColumnView, kColumnCount> views;
    views[kId] = variable(ids_, id_ends_);
    for (size_t i = 0; i < numbers_.size(); ++i) {
      views[kRows + i] = {.rows = rows_, .values = bytes_of(numbers_[i])};
    }
    views[kEncoding] = variable(encodings_, encoding_ends_);
    views[kOrigins] = variable(origins_, origin_ends_);
    return views;
  }

 private:
  template <typename T>
  static const std::byte* bytes_of(const T& values) {
    return reinterpret_cast<const std::byte*>(values.data());
  }

  template <typename T>
  ColumnView variable(const T& values, const std::vector<int64_t>& ends) const {
    return {.rows = rows_,
            .values = bytes_of(values),
            .offsets = bytes_of(ends),
            .elements = values.size()};
  }

  uint64_t rows_;
  std::string ids_;
  std::string encodings_;
  std::vector<uint64_t> origins_;
  std::vector<int64_t> id_ends_ = {0};
  std::vector<int64_t> encoding_ends_ = {0};
  std::vector<int64_t> origin_ends_ = {0};
  std::array<std::vector<uint64_t>, 5> numbers_;
};

// --- Reading ------------------------------------------------------------------------------------

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
  throw Error(ErrorCode::kCorrupt, file + " is no manifest that headrace wrote: " + what,
              {.file = file, .column = ""});
}

ManifestHeader header_of(const ShardLayout& layout, const std::string& path) {
  if (schema_of(layout) != manifest_columns()) {
    refuse(path, "its columns are others");
  }
  const auto text = find_value(layout.metadata, kMetadataKey);
  if (!text) {
    refuse(path, std::string("it has no ") + kMetadataKey);
  }
  ManifestHeader header = parse_manifest_header(*text, path);
  if (header.kind == ManifestKind::kSnapshot ? header.shards != layout.rows
                                             : header.shards < layout.rows) {
    refuse(path, "it names " + std::to_string(layout.rows) + " shards of " +
                     std::to_string(header.shards));
  }
  return header;
}

// Adds the shards of manifests to a table.
class TableReader {
 public:
  // `shards`: of how many it makes room for, as many as the file can hold.
  TableReader(const std::string& path, bool origins, uint64_t shards)
      : path_(path), with_origins_(origins) {
    table_.ids.reserve(shards);
    table_.encodings.reserve(shards);
    table_.origin_ends.reserve(origins ? shards : 0);
    for (std::vector<uint64_t>* column : numbers()) {
      column->reserve(shards);
    }
  }

  // Adds a batch. Requires: its body is at `body` and intact.
  void add(const ShardLayout& layout, const BatchLayout& batch, const std::byte* body) {
    const auto view = [&](Column c) {
      return view_in_body(layout.columns[c], batch, static_cast<size_t>(c), body);
    };
    for (size_t i = 0; i < numbers().size(); ++i) {
      add_numbers(view(static_cast<Column>(kRows + i)), *numbers()[i], kRows + i != kStoredXxh3);
    }
    const ColumnView ids = view(kId);
    const ColumnView encodings = view(kEncoding);
    const ColumnView origins = view(kOrigins);
    for (uint64_t i = 0; i < batch.rows; ++i) {
      const auto id = parse_uuid(text_at(ids, i));
      if (!id) {
        refuse(path_, "the id of shard " + std::to_string(table_.size()) + " is no UUID");
      }
      table_.ids.push_back(*id);
      const auto encoding = parse_encoding(text_at(encodings, i));
      if (!encoding) {
        throw Error(ErrorCode::kUnsupported,
                    path_ + ": shard " + uuid_text(*id) +
                        " has an encoding that is not known; update headrace to read it",
                    {.file = path_, .column = ""});
      }
      table_.encodings.push_back(*encoding);
      if (with_origins_) {
        add_origins(origins, i);
      }
    }
  }

  ShardTable take() && {
    uint64_t rows = 0;
    for (const uint64_t count : table_.rows) {
      if (count > kMaxCount - rows) {
        refuse(path_, "its rows do not fit 63 bits");
      }
      rows += count;
    }
    return std::move(table_);
  }

 private:
  std::array<std::vector<uint64_t>*, 5> numbers() {
    return {&table_.rows, &table_.batch_rows, &table_.bytes, &table_.stored_bytes,
            &table_.stored_xxh3};
  }

  void add_numbers(const ColumnView& view, std::vector<uint64_t>& out, bool counts) {
    const size_t first = out.size();
    out.resize(first + view.rows);
    std::memcpy(out.data() + first, view.values, view.rows * sizeof(uint64_t));
    // Of a count, 0 and what is negative in the file are wrong.
    if (counts && std::any_of(out.begin() + static_cast<int64_t>(first), out.end(),
                              [](uint64_t count) { return count - 1 >= kMaxCount; })) {
      refuse(path_, "a number of rows or bytes is not positive");
    }
  }

  // Elements [begin, end) of row `i`.
  std::pair<uint64_t, uint64_t> extent(const ColumnView& view, uint64_t i) const {
    const int64_t begin = offset_at(view, i);
    const int64_t end = offset_at(view, i + 1);
    if (begin < 0 || end < begin || static_cast<uint64_t>(end) > view.elements) {
      refuse(path_, "the offsets of shard " + std::to_string(i) + " leave its column");
    }
    return {static_cast<uint64_t>(begin), static_cast<uint64_t>(end)};
  }

  std::string_view text_at(const ColumnView& view, uint64_t i) const {
    const auto [begin, end] = extent(view, i);
    return {reinterpret_cast<const char*>(view.values) + begin, end - begin};
  }

  void add_origins(const ColumnView& view, uint64_t i) {
    const auto [begin, end] = extent(view, i);
    const size_t first = table_.origins.size();
    table_.origins.resize(first + (end - begin));
    if (end > begin) {
      std::memcpy(table_.origins.data() + first, view.values + begin * sizeof(uint64_t),
                  (end - begin) * sizeof(uint64_t));
    }
    table_.origin_ends.push_back(table_.origins.size());
  }

  const std::string& path_;
  bool with_origins_;
  ShardTable table_;
};

// Reads a file from front to back, hashing all of it.
class HashedReader {
 public:
  explicit HashedReader(const File& file) : file_(file) {}

  // The bytes up to `end`, valid until the next call. Requires: end >= those of earlier calls.
  std::span<const std::byte> read_to(uint64_t end) {
    bytes_.resize(end - at_);
    file_.read(at_, bytes_);
    hasher_.update(bytes_);
    at_ = end;
    return bytes_;
  }

  uint64_t digest() const noexcept { return hasher_.digest(); }

 private:
  const File& file_;
  Hasher hasher_;
  uint64_t at_ = 0;
  std::vector<std::byte> bytes_;
};

}  // namespace

ShardEntry ShardTable::entry(size_t i) const {
  ShardEntry entry{.id = uuid_text(ids[i]),
                   .rows = rows[i],
                   .batch_rows = batch_rows[i],
                   .bytes = bytes[i],
                   .stored_bytes = stored_bytes[i],
                   .stored_xxh3 = stored_xxh3[i],
                   .encoding = encodings[i]};
  if (!origin_ends.empty()) {
    const auto at = [this](uint64_t index) {
      return origins.begin() + static_cast<int64_t>(index);
    };
    entry.origins.assign(at(i == 0 ? 0 : origin_ends[i - 1]), at(origin_ends[i]));
  }
  return entry;
}

ShardSummary write_manifest(ByteSink& sink, const ManifestHeader& header,
                            std::span<const ShardEntry> entries) {
  std::for_each(entries.begin(), entries.end(), check_entry);
  const uint64_t per_batch = shards_per_batch(entries);
  ShardWriter writer(manifest_columns(), per_batch, sink,
                     {{kMetadataKey, manifest_header_json(header)}});
  for (size_t first = 0; first < entries.size(); first += per_batch) {
    const BatchColumns batch(
        entries.subspan(first, std::min<size_t>(per_batch, entries.size() - first)));
    writer.write_batch(batch.views());
  }
  return writer.finish();
}

Manifest read_manifest(const std::string& path, ManifestParts parts) {
  return read_manifest(File(path, std::nullopt, Links::kRefuse), parts);
}

Manifest read_manifest(const File& file, ManifestParts parts) {
  const std::string& path = file.path();
  const ShardLayout layout = read_shard_layout(file, LayoutRules::kProfileOnly);
  Manifest manifest{.header = header_of(layout, path)};
  if (parts == ManifestParts::kHeader) {
    return manifest;
  }
  if (layout.file_bytes != file.info().size) {
    throw truncated_error(path, layout.file_bytes, file.info().size);
  }
  TableReader reader(path, parts == ManifestParts::kShardsAndOrigins, layout.rows);
  HashedReader bytes(file);
  // A batch at a time, each checked before it is used: what a hostile file declares costs nothing.
  for (size_t b = 0; b < layout.batches.size(); ++b) {
    const Place body = layout.batches[b].body;
    if (body.bytes > kMaxBodyBytes) {
      refuse(path,
             "record batch " + std::to_string(b) + " has " + std::to_string(body.bytes) + " bytes");
    }
    bytes.read_to(body.offset);
    const std::span<const std::byte> read = bytes.read_to(body.offset + body.bytes);
    if (!layout.batches[b].xxh3 || !body_is_intact(layout.batches[b], read)) {
      refuse(path,
             "its bytes changed since it was written (record batch " + std::to_string(b) + ")");
    }
    reader.add(layout, layout.batches[b], read.data());
  }
  bytes.read_to(layout.file_bytes);
  manifest.xxh3 = bytes.digest();
  manifest.shards = std::move(reader).take();
  return manifest;
}

}  // namespace headrace
