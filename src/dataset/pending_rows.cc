#include "dataset/pending_rows.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "base/buffer.h"

namespace headrace {
namespace {

constexpr uint64_t kOffsetBytes = sizeof(int64_t);

// Elements of rows [first, first + count), and where the first of them is.
struct Elements {
  uint64_t begin = 0;
  uint64_t count = 0;
};

Elements elements_of(const ColumnView& view, uint64_t first, uint64_t count) noexcept {
  const auto begin = static_cast<uint64_t>(offset_at(view, first));
  return {begin, static_cast<uint64_t>(offset_at(view, first + count)) - begin};
}

// Bytes of one element of a kind with offsets, in `values` and in `indices`.
uint64_t value_bytes(const Field& field) noexcept { return field.binary ? 0 : field.row_bytes(); }
uint64_t index_bytes(const Field& field) noexcept {
  return field.kind == ColumnKind::kCsr ? dtype_size(field.index_dtype) : 0;
}

bool fits(const Schema& schema, std::span<const ColumnView> columns, uint64_t first, uint64_t count,
          const BatchRoom& room) noexcept {
  for (size_t c = 0; c < schema.size(); ++c) {
    const uint64_t elements =
        schema[c].is_tensor() ? count : elements_of(columns[c], first, count).count;
    if (elements > room.elements[c] / schema[c].row_elements()) {
      return false;
    }
  }
  return batch_bytes(schema, columns, first, count) <= room.bytes;
}

}  // namespace

uint64_t batch_bytes(const Schema& schema, std::span<const ColumnView> columns, uint64_t first,
                     uint64_t count) noexcept {
  uint64_t bytes = 0;
  for (size_t c = 0; c < schema.size(); ++c) {
    const Field& field = schema[c];
    bytes += field.is_tensor()
                 ? count * field.row_bytes()
                 : count * kOffsetBytes + elements_of(columns[c], first, count).count *
                                              (value_bytes(field) + index_bytes(field));
  }
  return bytes;
}

uint64_t rows_that_fit(const Schema& schema, std::span<const ColumnView> columns, uint64_t first,
                       uint64_t count, const BatchRoom& room) noexcept {
  if (fits(schema, columns, first, count, room)) {
    return count;
  }
  uint64_t low = 0;  // fits
  uint64_t high = count;
  while (low + 1 < high) {
    const uint64_t middle = low + (high - low) / 2;
    (fits(schema, columns, first, middle, room) ? low : high) = middle;
  }
  return low;
}

void PendingRows::Bytes::reserve(uint64_t wanted) {
  if (wanted <= capacity) {
    return;
  }
  const uint64_t larger = std::bit_ceil(std::max<uint64_t>(wanted, kBufferAlignment));
  auto* grown = static_cast<std::byte*>(std::realloc(data.get(), larger));
  if (grown == nullptr) {
    throw std::bad_alloc();
  }
  static_cast<void>(data.release());
  data.reset(grown);
  capacity = larger;
}

void PendingRows::Bytes::append(const std::byte* from, uint64_t count) noexcept {
  if (count > 0) {
    std::memcpy(data.get() + size, from, count);
    size += count;
  }
}

void PendingRows::Bytes::drop(uint64_t count) noexcept {
  size -= count;
  if (size > 0) {
    std::memmove(data.get(), data.get() + count, size);
  }
}

uint64_t PendingRows::elements(const Schema& schema, size_t column) const noexcept {
  const Field& field = schema[column];
  return (field.is_tensor() ? rows_ : columns_[column].elements) * field.row_elements();
}

void PendingRows::append(const Schema& schema, std::span<const ColumnView> columns, uint64_t first,
                         uint64_t count) {
  for (size_t c = 0; c < schema.size(); ++c) {
    const Field& field = schema[c];
    Column& held = columns_[c];
    const uint64_t elements =
        field.is_tensor() ? count : elements_of(columns[c], first, count).count;
    held.values.reserve(held.values.size + elements * value_bytes(field));
    held.indices.reserve(held.indices.size + elements * index_bytes(field));
    held.offsets.reserve((rows_ + count + 1) * kOffsetBytes);
  }
  for (size_t c = 0; c < schema.size(); ++c) {
    const Field& field = schema[c];
    const ColumnView& from = columns[c];
    Column& held = columns_[c];
    if (field.is_tensor()) {
      held.values.append(from.values + first * field.row_bytes(), count * field.row_bytes());
      continue;
    }
    const Elements elements = elements_of(from, first, count);
    if (!field.binary) {
      held.values.append(from.values + elements.begin * field.row_bytes(),
                         elements.count * field.row_bytes());
    }
    held.indices.append(from.indices + elements.begin * index_bytes(field),
                        elements.count * index_bytes(field));
    for (uint64_t i = 0; i <= count; ++i) {
      const auto offset = static_cast<int64_t>(
          held.elements + static_cast<uint64_t>(offset_at(from, first + i)) - elements.begin);
      std::memcpy(held.offsets.data.get() + (rows_ + i) * kOffsetBytes, &offset, kOffsetBytes);
    }
    held.elements += elements.count;
  }
  bytes_ += batch_bytes(schema, columns, first, count);
  rows_ += count;
}

std::vector<ColumnView> PendingRows::views(const Schema& schema, uint64_t count) const {
  std::vector<ColumnView> result;
  for (size_t c = 0; c < schema.size(); ++c) {
    const Column& held = columns_[c];
    ColumnView view{.rows = count, .values = held.values.data.get()};
    if (!schema[c].is_tensor()) {
      view.offsets = held.offsets.data.get();
      view.indices = held.indices.data.get();
      view.elements = held.elements;
    }
    result.push_back(view);
  }
  return result;
}

void PendingRows::drop(const Schema& schema, uint64_t count) noexcept {
  if (count == 0) {
    return;
  }
  for (size_t c = 0; c < schema.size(); ++c) {
    const Field& field = schema[c];
    Column& held = columns_[c];
    if (field.is_tensor()) {
      held.values.drop(count * field.row_bytes());
      bytes_ -= count * field.row_bytes();
      continue;
    }
    std::byte* offsets = held.offsets.data.get();
    const auto gone = offset_at({.offsets = offsets}, count);
    held.values.drop(static_cast<uint64_t>(gone) * value_bytes(field));
    held.indices.drop(static_cast<uint64_t>(gone) * index_bytes(field));
    held.elements -= static_cast<uint64_t>(gone);
    bytes_ -= count * kOffsetBytes +
              static_cast<uint64_t>(gone) * (value_bytes(field) + index_bytes(field));
    for (uint64_t i = count; i <= rows_; ++i) {
      const int64_t offset = offset_at({.offsets = offsets}, i) - gone;
      std::memcpy(offsets + (i - count) * kOffsetBytes, &offset, kOffsetBytes);
    }
  }
  rows_ -= count;
}

void PendingRows::shrink(uint64_t bytes) noexcept {
  uint64_t held = 0;
  for (const Column& column : columns_) {
    held += column.values.capacity + column.offsets.capacity + column.indices.capacity;
  }
  if (rows_ == 0 && held > bytes) {
    for (Column& column : columns_) {
      column = Column{};
    }
  }
}

}  // namespace headrace
