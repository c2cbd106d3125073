#include "dataset/record_batch.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

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

const BatchLayout& checked_batch(const OpenShard& file, size_t number, uint64_t first_row,
                                 uint64_t rows) {
  const auto& batches = file.layout.batches;
  if (number >= batches.size() || batches[number].first_row != first_row ||
      batches[number].rows != rows) {
    throw Error(ErrorCode::kCorrupt,
                file.path.text() + " has other record batches than the dataset says: no. " +
                    std::to_string(number) + " should be " + std::to_string(rows) +
                    " rows from row " + std::to_string(first_row) +
                    "; put the right file there, or make the dataset anew",
                {.file = file.path, .column = ""});
  }
  return batches[number];
}

}  // namespace

RecordBatch::RecordBatch(const OpenShard& file, size_t number, uint64_t first_row, uint64_t rows)
    : file_(file), batch_(checked_batch(file, number, first_row, rows)) {}

OpenSource RecordBatch::open() const {
  const std::byte* data = file_.map == nullptr ? nullptr : file_.map->data();
  OpenSource open;
  open.maps.push_back(file_.map);
  for (size_t c = 0; c < file_.layout.columns.size(); ++c) {
    const ColumnLayout& column = file_.layout.columns[c];
    const ColumnPlace& place = batch_.columns[c];
    PieceRows rows;
    ColumnView view;
    StoredRows stored{.path = file_.path, .info = file_.info};
    if (!column.field.is_tensor()) {
      view = view_of(column, place, batch_.rows, data);
      if (data == nullptr) {
        view = {.rows = batch_.rows, .offset_size = column.offset_size, .elements = place.elements};
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
    open.columns.push_back(rows);
    open.variable.push_back(view);
    open.stored.push_back(std::move(stored));
  }
  return open;
}

RecordBatch::Stretch RecordBatch::stretch(size_t column, ColumnPart part, uint64_t first,
                                          uint64_t count) const {
  const ColumnLayout& layout = file_.layout.columns[column];
  const ColumnPlace& place = batch_.columns[column];
  if (part == ColumnPart::kOffsets) {
    return {place.offsets.offset + first * layout.offset_size, count * layout.offset_size};
  }
  const uint64_t size = element_bytes(layout.field, part);
  const Place& elements = part == ColumnPart::kValues ? place.values : place.indices;
  return {elements.offset + first * size, count * size};
}

void RecordBatch::read_bytes(const Stretch& from, std::byte* out, OpenFiles& files) const {
  if (from.bytes == 0) {
    return;  // `out` may be null then
  }
  if (file_.map == nullptr) {
    files.get(file_.path, file_.info).read(from.offset, {out, from.bytes});
    return;
  }
  auto leaf = [&]() noexcept { std::memcpy(out, file_.map->data() + from.offset, from.bytes); };
  if (guarded(leaf) != nullptr) {
    throw_map_fault(*file_.map);
  }
}

void RecordBatch::read(size_t column, uint64_t first, uint64_t rows, std::byte* out,
                       OpenFiles& files) const {
  const ColumnLayout& layout = file_.layout.columns[column];
  const Place& values = batch_.columns[column].values;
  if (!layout.packed_bits) {
    const uint64_t row_bytes = layout.field.row_bytes();
    read_bytes({values.offset + first * row_bytes, rows * row_bytes}, out, files);
    return;
  }
  const uint64_t elements = layout.field.row_elements();
  const uint64_t first_byte = first * elements / kBitsPerByte;
  const uint64_t end_byte = ((first + rows) * elements + kBitsPerByte - 1) / kBitsPerByte;
  std::vector<std::byte> packed(end_byte - first_byte);
  read_bytes({values.offset + first_byte, packed.size()}, packed.data(), files);
  unpack_bits(packed.data(), first * elements % kBitsPerByte, rows * elements, out);
}

void RecordBatch::read_part(size_t column, ColumnPart part, uint64_t first, uint64_t count,
                            std::byte* out, OpenFiles& files) const {
  read_bytes(stretch(column, part, first, count), out, files);
}

}  // namespace headrace
