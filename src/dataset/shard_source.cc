#include "dataset/shard_source.h"

#include <cstring>
#include <vector>

#include "base/checked.h"
#include "base/error.h"
#include "dataset/read_faults.h"
#include "storage/fault_guard.h"

namespace headrace {
namespace {

constexpr uint64_t kBitsPerByte = 8;

// Expands `count` bits from bit `first` of `packed` on, the first in the lowest bit, to a byte
// each.
void unpack_bits(const std::byte* packed, uint64_t first, uint64_t count, std::byte* out) noexcept {
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t bit = first + i;
    out[i] = (packed[bit / kBitsPerByte] >> (bit % kBitsPerByte)) & std::byte{1};
  }
}

}  // namespace

DType ShardSource::dtype(size_t column) const noexcept {
  return file_->set().schema()[column].dtype;
}

DType ShardSource::index_dtype(size_t column) const noexcept {
  return file_->set().schema()[column].index_dtype;
}

std::string ShardSource::file(size_t /*column*/) const { return file_->path(); }

bool ShardSource::shares_file(const Source& other) const noexcept {
  const auto* shard = dynamic_cast<const ShardSource*>(&other);
  return shard != nullptr && shard->file_ == file_;
}

uint64_t ShardSource::variable_bytes(size_t /*column*/) const noexcept {
  const ExpectedShard expected = file_->expected();
  return mul_div(file_->set().variable_bytes(expected.bytes, expected.rows), rows(), expected.rows);
}

const StoredRows* ShardSource::stored(size_t column) const {
  const StoredRows& rows = open().stored[column];
  return rows.row_bytes == 0 ? nullptr : &rows;
}

StoredPart ShardSource::stored_part(size_t column, ColumnPart part) const {
  const OpenSource& open = this->open();
  const Field& field = file_->set().schema()[column];
  if (field.is_tensor() || element_bytes(field, part) == 0) {
    return {};
  }
  const uint64_t count = part == ColumnPart::kOffsets ? rows() + 1 : open.variable[column].elements;
  const Stretch all = stretch(column, part, 0, count);
  return {.file = &open.stored[column], .offset = all.offset, .bytes = all.bytes};
}

// The open shard, whose batch is the one that this source was made for.
const OpenShard& ShardSource::open_batch() const {
  const OpenShard& shard = file_->open();
  const auto& batches = shard.layout.batches;
  if (batch_ >= batches.size() || batches[batch_].first_row != first_row_ ||
      batches[batch_].rows != rows()) {
    throw Error(ErrorCode::kCorrupt,
                shard.path.text() + " has other record batches than the dataset says: no. " +
                    std::to_string(batch_) + " should be " + std::to_string(rows()) +
                    " rows from row " + std::to_string(first_row_) +
                    "; put the right file there, or make the dataset anew",
                {.file = shard.path, .column = ""});
  }
  return shard;
}

std::unique_ptr<const OpenSource> ShardSource::do_open() const {
  const OpenShard& shard = open_batch();
  const BatchLayout& batch = shard.layout.batches[batch_];
  const std::byte* data = shard.map == nullptr ? nullptr : shard.map->data();
  auto open = std::make_unique<OpenSource>();
  open->maps.push_back(shard.map);
  for (size_t c = 0; c < shard.layout.columns.size(); ++c) {
    const ColumnLayout& column = shard.layout.columns[c];
    const ColumnPlace& place = batch.columns[c];
    PieceRows rows;
    ColumnView view;
    StoredRows stored{.path = shard.path, .info = shard.info};
    if (!column.field.is_tensor()) {
      view = view_of(column, place, batch.rows, data);
      if (data == nullptr) {
        view = {.rows = batch.rows, .offset_size = column.offset_size, .elements = place.elements};
      }
    } else if (!column.packed_bits) {
      stored.offset = place.values.offset;
      stored.row_bytes = column.field.row_bytes();
      stored.dtype = column.field.dtype;
      if (data != nullptr) {
        rows = {.rows = data + place.values.offset,
                .stride = static_cast<int64_t>(stored.row_bytes)};
      }
    }
    open->columns.push_back(rows);
    open->variable.push_back(view);
    open->stored.push_back(std::move(stored));
  }
  return open;
}

ShardSource::Stretch ShardSource::stretch(size_t column, ColumnPart part, uint64_t first,
                                          uint64_t count) const {
  const OpenShard& shard = file_->open();
  const ColumnLayout& layout = shard.layout.columns[column];
  const ColumnPlace& place = shard.layout.batches[batch_].columns[column];
  if (part == ColumnPart::kOffsets) {
    return {place.offsets.offset + first * layout.offset_size, count * layout.offset_size};
  }
  const uint64_t size = element_bytes(layout.field, part);
  const Place& elements = part == ColumnPart::kValues ? place.values : place.indices;
  return {elements.offset + first * size, count * size};
}

void ShardSource::read_bytes(const Stretch& from, std::byte* out, OpenFiles& files) const {
  const OpenShard& shard = file_->open();
  if (shard.map == nullptr) {
    files.get(shard.path, shard.info).read(from.offset, {out, from.bytes});
    return;
  }
  auto leaf = [&]() noexcept { std::memcpy(out, shard.map->data() + from.offset, from.bytes); };
  if (guarded(leaf) != nullptr) {
    throw_map_fault(*shard.map);
  }
}

void ShardSource::read(size_t column, uint64_t first, uint64_t rows, std::byte* out,
                       OpenFiles& files) const {
  open();
  const ColumnLayout& layout = file_->open().layout.columns[column];
  if (!layout.packed_bits) {
    const uint64_t row_bytes = layout.field.row_bytes();
    const Place& values = file_->open().layout.batches[batch_].columns[column].values;
    read_bytes({values.offset + first * row_bytes, rows * row_bytes}, out, files);
    return;
  }
  const uint64_t elements = layout.field.row_elements();
  const uint64_t first_byte = first * elements / kBitsPerByte;
  const uint64_t end_byte = ((first + rows) * elements + kBitsPerByte - 1) / kBitsPerByte;
  const Place& values = file_->open().layout.batches[batch_].columns[column].values;
  std::vector<std::byte> packed(end_byte - first_byte);
  read_bytes({values.offset + first_byte, packed.size()}, packed.data(), files);
  unpack_bits(packed.data(), first * elements % kBitsPerByte, rows * elements, out);
}

void ShardSource::read_part(size_t column, ColumnPart part, uint64_t first, uint64_t count,
                            std::byte* out, OpenFiles& files) const {
  read_bytes(stretch(column, part, first, count), out, files);
}

void ShardSource::advise_part(size_t column, ColumnPart part, uint64_t first, uint64_t count,
                              Advice advice, OpenFiles& files) const {
  const OpenShard& shard = file_->open();
  const Stretch wanted = stretch(column, part, first, count);
  if (shard.map != nullptr) {
    shard.map->advise(shard.map->data() + wanted.offset, wanted.bytes, advice);
  } else if (advice == Advice::kWillNeed) {
    files.get(shard.path, shard.info).will_need(wanted.offset, wanted.bytes);
  }
}

}  // namespace headrace
