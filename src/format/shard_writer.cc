#include "format/shard_writer.h"

#include <array>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "base/error.h"
#include "base/hash.h"
#include "column/row_faults.h"
#include "format/batch_layout.h"
#include "format/shard_frame.h"
#include "format/stored_body.h"

namespace headrace {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::array<std::byte, kBodyAlignment> kZeros{};

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
  Impl(Schema schema, uint64_t rows_per_batch, ByteSink& sink, Metadata metadata,
       ShardEncoding encoding)
      : frame_(checked(std::move(schema)), std::move(metadata), rows_per_batch, sink),
        expanded_(frame_.bytes()) {
    if (encoding == ShardEncoding::kZstd) {
      compressor_.emplace();
    }
  }

  void write_batch(std::span<const ColumnView> views, Rows rows) {
    check_rows(views);
    std::vector<uint64_t> elements;
    for (size_t i = 0; i < views.size(); ++i) {
      const Field& field = frame_.schema()[i];
      if (rows == Rows::kToCheck) {
        check_faults(field, views[i]);
      }
      elements.push_back(checked_elements(field, views[i]));
    }
    BatchLayout batch = profile_batch(frame_.columns(), views[0].rows, elements, 0);
    std::vector<ShardOffsets> offsets;
    for (size_t i = 0; i < views.size(); ++i) {
      if (!frame_.schema()[i].is_tensor()) {
        offsets.emplace_back(views[i]);
      }
    }
    const std::vector<Bytes> buffers = body_buffers(views, batch, offsets);
    if (compressor_) {
      expanded_ += frame_.message_bytes(batch, expanded_) + batch.body.bytes;
      compressor_->compress(buffers, batch);
      const Bytes body = compressor_->body();
      write_body(std::span(&body, 1), batch, ShardEncoding::kZstd);
    } else {
      write_body(padded(buffers), batch, ShardEncoding::kPlain);
      expanded_ = frame_.bytes();
    }
    closed_ = batch.rows < frame_.rows_per_batch();
  }

  ShardSummary finish() {
    const uint64_t before = frame_.bytes();
    ShardSummary summary = frame_.finish();
    expanded_ += summary.bytes - before;  // the end of a shard has one size, however it is stored
    summary.expanded_bytes = expanded_;
    return summary;
  }

  const ShardFrame& frame() const noexcept { return frame_; }
  uint64_t expanded() const noexcept { return expanded_; }

 private:
  static Schema checked(Schema schema) {
    check_shard_schema(schema);
    return schema;
  }

  void check_rows(std::span<const ColumnView> views) const {
    const Schema& schema = frame_.schema();
    if (frame_.finished() || closed_) {
      throw invalid(frame_.finished() ? "the shard is finished"
                                      : "a batch of fewer than rows_per_batch rows was the last "
                                        "one");
    }
    if (views.size() != schema.size()) {
      throw invalid("a batch has " + std::to_string(views.size()) + " columns, the schema " +
                    std::to_string(schema.size()));
    }
    for (size_t i = 0; i < views.size(); ++i) {
      if (views[i].rows != views[0].rows) {
        throw invalid("column " + schema[i].name + " has " + std::to_string(views[i].rows) +
                      " rows, column " + schema[0].name + " has " + std::to_string(views[0].rows));
      }
    }
    if (views[0].rows == 0 || views[0].rows > frame_.rows_per_batch()) {
      throw invalid("a batch has " + std::to_string(views[0].rows) + " rows, not 1 to " +
                    std::to_string(frame_.rows_per_batch()));
    }
  }

  // The buffers of `batch` that have bytes, in order.
  std::vector<Bytes> body_buffers(std::span<const ColumnView> views, const BatchLayout& batch,
                                  const std::vector<ShardOffsets>& offsets) const {
    std::vector<Bytes> buffers;
    auto next_offsets = offsets.begin();
    for (size_t i = 0; i < views.size(); ++i) {
      const Field& field = frame_.schema()[i];
      const ColumnPlace& place = batch.columns[i];
      uint64_t first = 0;
      if (!field.is_tensor()) {
        first = next_offsets->first();
        buffers.push_back(next_offsets->bytes());
        ++next_offsets;
      }
      if (place.indices.bytes > 0) {
        buffers.emplace_back(views[i].indices + first * dtype_size(field.index_dtype),
                             place.indices.bytes);
      }
      if (place.values.bytes > 0) {
        buffers.emplace_back(views[i].values + first * field.row_bytes(), place.values.bytes);
      }
    }
    return buffers;
  }

  // The buffers, with the zeros between them.
  static std::vector<Bytes> padded(const std::vector<Bytes>& buffers) {
    std::vector<Bytes> pieces;
    for (const Bytes buffer : buffers) {
      pieces.push_back(buffer);
      pieces.push_back(Bytes(kZeros).first(aligned_body_size(buffer.size()) - buffer.size()));
    }
    return pieces;
  }

  void write_body(std::span<const Bytes> pieces, BatchLayout& batch, ShardEncoding encoding) {
    Hasher hasher;
    for (const Bytes piece : pieces) {
      hasher.update(piece);
    }
    batch.xxh3 = hasher.digest();
    frame_.begin_batch(batch, encoding);
    for (const Bytes piece : pieces) {
      frame_.write(piece);
    }
  }

  ShardFrame frame_;
  std::optional<BodyCompressor> compressor_;  // absent: bodies are stored as they are
  uint64_t expanded_;                         // bytes of what the file would be then
  bool closed_ = false;                       // a batch with fewer rows was written
};

ShardWriter::ShardWriter(Schema schema, uint64_t rows_per_batch, ByteSink& sink, Metadata extra,
                         ShardEncoding encoding)
    : impl_(std::make_unique<Impl>(std::move(schema), rows_per_batch, sink, std::move(extra),
                                   encoding)) {}

ShardWriter::~ShardWriter() = default;

void ShardWriter::write_batch(std::span<const ColumnView> columns, Rows rows) {
  impl_->write_batch(columns, rows);
}

ShardSummary ShardWriter::finish() { return impl_->finish(); }

uint64_t ShardWriter::rows() const noexcept { return impl_->frame().rows(); }

uint64_t ShardWriter::expanded_bytes() const noexcept { return impl_->expanded(); }

uint64_t ShardWriter::bytes() const noexcept { return impl_->frame().bytes(); }

}  // namespace headrace
