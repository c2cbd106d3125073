#include "transform/column_builder.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "column/row_faults.h"

namespace headrace {
namespace {

constexpr uint64_t kSmallest = 512;                // bytes of a part's memory
constexpr uint64_t kMoved = uint64_t{1} << 16;     // bytes from which on memory moves
constexpr uint64_t kMost = uint64_t{1} << 40;      // beyond it a size is a mistake
constexpr uint64_t kMostKept = uint64_t{1} << 24;  // bytes of memory that waits for the next rows

Error wrong(const Field& field, const std::string& what, std::optional<uint64_t> row = {}) {
  return Error(ErrorCode::kTransform, "column " + field.name + ": " + what,
               {.file = "", .column = field.name, .row = row});
}

}  // namespace

std::byte* ColumnBuilder::Part::grow(uint64_t bytes, uint64_t used) {
  if (bytes > kMost) {
    throw Error(ErrorCode::kInvalid, "cannot reserve " + std::to_string(bytes) +
                                         " bytes of a column; more than 1 TiB is refused");
  }
  if (memory_ == nullptr || bytes > capacity_) {
    const uint64_t capacity = std::max({bytes, 2 * capacity_, kSmallest});
    AlignedBytes larger(allocate_aligned(capacity));
    if (used > 0) {
      std::memcpy(larger.get(), memory_.get(), used);
    }
    memory_ = std::move(larger);
    capacity_ = capacity;
  }
  return memory_.get();
}

BuiltColumn::Part ColumnBuilder::Part::take(uint64_t bytes, SmallBlocks* blocks) {
  if (bytes >= kMoved && bytes >= capacity_ / 2) {
    capacity_ = 0;
    return {std::move(memory_), bytes};
  }
  SharedBytes copy = blocks != nullptr ? blocks->allocate(bytes) : allocate_shared_bytes(bytes);
  if (bytes > 0) {
    std::memcpy(copy.get(), memory_.get(), bytes);
  }
  if (capacity_ > kMostKept) {
    memory_.reset();
    capacity_ = 0;
  }
  return {std::move(copy), bytes};
}

ColumnBuilder::ColumnBuilder(Field field) : field_(std::move(field)) {
  if (!field_.is_tensor()) {
    offsets_.grow(sizeof(int64_t), 0);
    *reinterpret_cast<int64_t*>(offsets_.data()) = 0;
  }
}

int64_t* ColumnBuilder::ends() const noexcept {
  return reinterpret_cast<int64_t*>(offsets_.data()) + rows_ + 1;
}

ColumnBuilder::Room ColumnBuilder::reserve(uint64_t rows, uint64_t elements) {
  const uint64_t row_bytes = field_.row_bytes();
  const uint64_t all_rows = checked_add(rows_, rows, "reserved rows");
  if (field_.is_tensor()) {
    const uint64_t used = (rows_ + reserved_rows_) * row_bytes;
    values_.grow(checked_mul(all_rows, row_bytes, "reserved bytes"), used);
    reserved_rows_ = rows;
    return {.values = values_.data() + rows_ * row_bytes};
  }
  const uint64_t all = checked_add(elements_, elements, "reserved elements");
  const uint64_t kept = elements_ + reserved_elements_;
  const uint64_t index_bytes = dtype_size(field_.index_dtype);
  Room room;
  if (has_values()) {
    values_.grow(checked_mul(all, row_bytes, "reserved bytes"), kept * row_bytes);
    room.values = values_.data() + elements_ * row_bytes;
  }
  if (field_.kind == ColumnKind::kCsr) {
    indices_.grow(checked_mul(all, index_bytes, "reserved bytes"), kept * index_bytes);
    room.indices = indices_.data() + elements_ * index_bytes;
  }
  const uint64_t offsets = checked_add(all_rows, 1, "reserved rows");
  offsets_.grow(checked_mul(offsets, sizeof(int64_t), "reserved bytes"),
                (rows_ + 1 + reserved_rows_) * sizeof(int64_t));
  room.ends = ends();
  reserved_rows_ = rows;
  reserved_elements_ = elements;
  return room;
}

void ColumnBuilder::commit(uint64_t rows, uint64_t elements) {
  const bool tensor = field_.is_tensor();
  if (rows > reserved_rows_ || (!tensor && elements > reserved_elements_)) {
    const std::string which = tensor ? "" : " of " + std::to_string(elements) + " elements";
    const std::string room = tensor ? "" : " of " + std::to_string(reserved_elements_);
    throw wrong(field_, "committed " + std::to_string(rows) + " rows" + which +
                            " where it had reserved " + std::to_string(reserved_rows_) + room +
                            "; what lies behind may have been overwritten");
  }
  if (!tensor) {
    // All are looked at before any changes, so that what is refused can be committed again.
    int64_t* const end_of = ends();
    int64_t before = 0;
    for (uint64_t i = 0; i < rows; ++i) {
      if (end_of[i] < before || static_cast<uint64_t>(end_of[i]) > elements) {
        throw wrong(field_, "row " + std::to_string(i) + " of those committed ends at element " +
                                std::to_string(end_of[i]) + ", the one before it at " +
                                std::to_string(before) + ", all at " + std::to_string(elements));
      }
      before = end_of[i];
    }
    if (static_cast<uint64_t>(before) != elements) {
      throw wrong(field_, "committed " + std::to_string(elements) + " elements, and the last row " +
                              "ends at " + std::to_string(before));
    }
    for (uint64_t i = 0; i < rows; ++i) {
      end_of[i] += static_cast<int64_t>(elements_);
    }
    elements_ += elements;
  }
  rows_ += rows;
  reserved_rows_ = 0;
  reserved_elements_ = 0;
}

ColumnView ColumnBuilder::view() const noexcept {
  return {.rows = rows_,
          .values = has_values() ? values_.data() : nullptr,
          .offsets = offsets_.data(),
          .indices = indices_.data(),
          .elements = elements_};
}

void ColumnBuilder::check(uint64_t first) const {
  if (first == rows_) {
    return;
  }
  const ColumnView rows = slice(view(), field_, first, rows_ - first);
  if (const RowFault fault = find_row_fault(field_, rows)) {
    throw wrong(field_, "row " + std::to_string(fault.row) + ": " + describe(fault, field_, rows),
                fault.row);
  }
}

void ColumnBuilder::truncate(uint64_t first) noexcept {
  rows_ = first;
  reserved_rows_ = 0;
  reserved_elements_ = 0;
  if (!field_.is_tensor()) {
    elements_ = static_cast<uint64_t>(reinterpret_cast<const int64_t*>(offsets_.data())[first]);
  }
}

BuiltColumn ColumnBuilder::take(SmallBlocks* blocks) {
  BuiltColumn built{.rows = rows_, .elements = elements_};
  if (field_.is_tensor()) {
    built.values = values_.take(rows_ * field_.row_bytes(), blocks);
  } else {
    if (has_values()) {
      built.values = values_.take(elements_ * field_.row_bytes(), blocks);
    }
    if (field_.kind == ColumnKind::kCsr) {
      built.indices = indices_.take(elements_ * dtype_size(field_.index_dtype), blocks);
    }
    built.offsets = offsets_.take((rows_ + 1) * sizeof(int64_t), blocks);
    offsets_.grow(sizeof(int64_t), 0);  // it may have moved
    *reinterpret_cast<int64_t*>(offsets_.data()) = 0;
  }
  truncate(0);
  return built;
}

}  // namespace headrace
