#include "format/shard_writer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "base/error.h"
#include "base/hash.h"
#include "column/row_faults.h"
#include "format/batch_layout.h"
#include "format/ipc_messages.h"

namespace headrace {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::array<std::byte, kBodyAlignment> kZeros{};

// Smaller pieces are put together, so that a batch of many small columns is few writes.
constexpr size_t kDirectWrite = size_t{64} << 10;

// So much is hashed and written at a time.
constexpr size_t kCacheBytes = size_t{256} << 10;

Error invalid(const std::string& what) { return Error(ErrorCode::kInvalid, what); }

void check_extents(const Field& field) {
  for (const uint64_t extent : field.row_shape) {
    if (extent > static_cast<uint64_t>(std::numeric_limits<int32_t>::max())) {
      throw invalid("column " + field.name + " has an extent of " + std::to_string(extent) +
                    "; Arrow's lists hold fewer than 2^31");
    }
  }
  if (field.is_tensor() && field.row_elements() >= kMaxBatchElements) {
    throw invalid(
        "column " + field.name + " has " + std::to_string(field.row_elements()) +
        " elements in each row, and fewer than 2^31 may be there; split them over several "
        "rows or columns");
  }
}

}  // namespace

void check_shard_schema(const Schema& schema) {
  if (schema.empty()) {
    throw invalid("a shard needs at least one column");
  }
  std::set<std::string_view> names;
  for (const Field& field : schema) {
    check_field(field);
    if (!names.insert(field.name).second) {
      throw invalid("two columns are called " + field.name + "; rename one");
    }
    check_extents(field);
  }
}

namespace {

void check_metadata(const Metadata& metadata) {
  std::set<std::string_view> keys;
  for (const auto& [key, value] : metadata) {
    if (!keys.insert(key).second) {
      throw invalid("the metadata has two values for " + key);
    }
  }
}

void check_faults(const Field& field, const ColumnView& view) {
  if (const RowFault fault = find_row_fault(field, view)) {
    throw Error(ErrorCode::kInvalid,
                "column " + field.name + ", row " + std::to_string(fault.row) +
                    " of a batch: " + describe(fault, field, view),
                {.file = "", .column = field.name, .row = fault.row});
  }
}

// The elements of a column, fewer than a record batch may have: 0 for tensors.
uint64_t checked_elements(const Field& field, const ColumnView& view) {
  const uint64_t elements =
      field.is_tensor() ? 0
                        : static_cast<uint64_t>(offset_at(view, view.rows) - offset_at(view, 0));
  const uint64_t leaves = leaf_elements(field, view.rows, elements);
  if (leaves >= kMaxBatchElements) {
    throw Error(ErrorCode::kInvalid,
                "column " + field.name + " has " + std::to_string(leaves) +
                    " elements in one record batch, and fewer than 2^31 may be there; write "
                    "batches of fewer rows",
                {.file = "", .column = field.name});
  }
  return elements;
}

// The offsets of a view as a shard holds them: 64 bits, from 0.
class ShardOffsets {
 public:
  explicit ShardOffsets(const ColumnView& view) : view_(&view) {
    first_ = offset_at(view, 0);
    if (first_ != 0 || view.offset_size != sizeof(int64_t)) {
      moved_.resize(view.rows + 1);
      for (uint64_t i = 0; i <= view.rows; ++i) {
        moved_[i] = offset_at(view, i) - first_;
      }
    }
  }

  uint64_t first() const noexcept { return static_cast<uint64_t>(first_); }
  Bytes bytes() const noexcept {
    return moved_.empty() ? Bytes(view_->offsets, (view_->rows + 1) * sizeof(int64_t))
                          : std::as_bytes(std::span(moved_));
  }

 private:
  const ColumnView* view_;
  int64_t first_ = 0;
  std::vector<int64_t> moved_;
};

}  // namespace

class ShardWriter::Impl {
 public:
  Impl(Schema schema, uint64_t rows_per_batch, ByteSink& sink, Metadata metadata)
      : schema_(std::move(schema)),
        metadata_(std::move(metadata)),
        rows_per_batch_(rows_per_batch),
        sink_(sink) {
    check_shard_schema(schema_);
    check_metadata(metadata_);
    if (rows_per_batch == 0) {
      throw invalid("rows_per_batch is 0; a record batch has at least 1 row");
    }
    for (const Field& field : schema_) {
      columns_.push_back(profile_column(field));
    }
    emit(std::as_bytes(std::span(kFileHead)));
    emit_message(schema_message(schema_, metadata_));
  }

  void write_batch(std::span<const ColumnView> views, Rows rows) {
    check_rows(views);
    std::vector<uint64_t> elements;
    for (size_t i = 0; i < views.size(); ++i) {
      if (rows == Rows::kToCheck) {
        check_faults(schema_[i], views[i]);
      }
      elements.push_back(checked_elements(schema_[i], views[i]));
    }
    BatchLayout batch = profile_batch(columns_, views[0].rows, elements, 0);
    std::vector<ShardOffsets> offsets;
    for (size_t i = 0; i < views.size(); ++i) {
      if (!schema_[i].is_tensor()) {
        offsets.emplace_back(views[i]);
      }
    }
    const std::vector<Bytes> pieces = body_pieces(views, batch, offsets);
    Hasher hasher;
    for (const Bytes piece : pieces) {
      hasher.update(piece);
    }
    batch.xxh3 = hasher.digest();
    const std::vector<std::byte> message = batch_message(columns_, batch, bytes_);
    batches_.push_back({bytes_, message.size(), batch.body.bytes});
    emit_message(message);
    for (const Bytes piece : pieces) {
      emit(piece);
    }
    rows_ += batch.rows;
    closed_ = batch.rows < rows_per_batch_;
  }

  ShardSummary finish() {
    if (finished_) {
      throw invalid("finish() was called twice on a shard");
    }
    emit(std::as_bytes(std::span(kEndOfStream)));
    emit(file_footer(schema_, metadata_, rows_per_batch_, batches_, metadata_hash_));
    flush();
    finished_ = true;
    return {.rows = rows_, .bytes = bytes_, .xxh3 = file_hash_.digest()};
  }

  uint64_t rows() const noexcept { return rows_; }
  uint64_t bytes() const noexcept { return bytes_; }

 private:
  void check_rows(std::span<const ColumnView> views) const {
    if (finished_ || closed_) {
      throw invalid(finished_ ? "the shard is finished"
                              : "a batch of fewer than rows_per_batch rows was the last one");
    }
    if (views.size() != schema_.size()) {
      throw invalid("a batch has " + std::to_string(views.size()) + " columns, the schema " +
                    std::to_string(schema_.size()));
    }
    for (size_t i = 0; i < views.size(); ++i) {
      if (views[i].rows != views[0].rows) {
        throw invalid("column " + schema_[i].name + " has " + std::to_string(views[i].rows) +
                      " rows, column " + schema_[0].name + " has " + std::to_string(views[0].rows));
      }
    }
    if (views[0].rows == 0 || views[0].rows > rows_per_batch_) {
      throw invalid("a batch has " + std::to_string(views[0].rows) + " rows, not 1 to " +
                    std::to_string(rows_per_batch_));
    }
  }

  // The body of `batch` in order, with the zeros between its buffers.
  std::vector<Bytes> body_pieces(std::span<const ColumnView> views, const BatchLayout& batch,
                                 const std::vector<ShardOffsets>& offsets) const {
    std::vector<Bytes> pieces;
    const auto add = [&pieces](Bytes piece) {
      if (!piece.empty()) {
        pieces.push_back(piece);
        pieces.push_back(Bytes(kZeros).first(aligned_body_size(piece.size()) - piece.size()));
      }
    };
    auto next_offsets = offsets.begin();
    for (size_t i = 0; i < views.size(); ++i) {
      const Field& field = schema_[i];
      const ColumnPlace& place = batch.columns[i];
      uint64_t first = 0;
      if (!field.is_tensor()) {
        first = next_offsets->first();
        add(next_offsets->bytes());
        ++next_offsets;
      }
      if (place.indices.bytes > 0) {
        add({views[i].indices + first * dtype_size(field.index_dtype), place.indices.bytes});
      }
      if (place.values.bytes > 0) {
        add({views[i].values + first * field.row_bytes(), place.values.bytes});
      }
    }
    return pieces;
  }

  void emit_message(const std::vector<std::byte>& message) {
    metadata_hash_.update(message);
    emit(message);
  }

  void emit(Bytes bytes) {
    bytes_ += bytes.size();
    if (bytes.size() >= kDirectWrite) {
      flush();
      // What was hashed is still in the cache when it is copied.
      for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), kCacheBytes))) {
        const Bytes piece = bytes.first(std::min(bytes.size(), kCacheBytes));
        file_hash_.update(piece);
        sink_.write(piece);
      }
      return;
    }
    file_hash_.update(bytes);
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
    if (pending_.size() >= kDirectWrite) {
      flush();
    }
  }

  void flush() {
    if (!pending_.empty()) {
      sink_.write(pending_);
      pending_.clear();
    }
  }

  Schema schema_;
  Metadata metadata_;
  uint64_t rows_per_batch_;
  ByteSink& sink_;
  std::vector<ColumnLayout> columns_;
  std::vector<MessagePlace> batches_;
  Hasher metadata_hash_;
  Hasher file_hash_;
  std::vector<std::byte> pending_;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
  bool closed_ = false;  // a batch with fewer rows was written
  bool finished_ = false;
};

ShardWriter::ShardWriter(Schema schema, uint64_t rows_per_batch, ByteSink& sink, Metadata extra)
    : impl_(std::make_unique<Impl>(std::move(schema), rows_per_batch, sink, std::move(extra))) {}

ShardWriter::~ShardWriter() = default;

void ShardWriter::write_batch(std::span<const ColumnView> columns, Rows rows) {
  impl_->write_batch(columns, rows);
}

ShardSummary ShardWriter::finish() { return impl_->finish(); }

uint64_t ShardWriter::rows() const noexcept { return impl_->rows(); }

uint64_t ShardWriter::bytes() const noexcept { return impl_->bytes(); }

}  // namespace headrace
