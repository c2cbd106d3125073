#include "column/sparse_steps.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <type_traits>

namespace headrace {
namespace {

template <typename T>
T load(const std::byte* from, uint64_t i) noexcept {
  T value;
  std::memcpy(&value, from + i * sizeof(T), sizeof(T));
  return value;
}

// A negative index becomes one above every width.
template <typename Index>
uint64_t load_index(const std::byte* indices, uint64_t i) noexcept {
  return static_cast<uint64_t>(static_cast<int64_t>(load<Index>(indices, i)));
}

uint64_t offset(const ColumnView& rows, uint64_t i) noexcept {
  return static_cast<uint64_t>(offset_at(rows, i));
}

RowFault outside(uint64_t row, uint64_t index) noexcept {
  return {RowFaultKind::kIndexOutside, row, static_cast<int64_t>(index)};
}

// The first index that is not below `width`. Requires: there is one.
template <typename Index>
RowFault find_outside(const ColumnView& rows, uint64_t width) noexcept {
  for (uint64_t row = 0; row < rows.rows; ++row) {
    for (uint64_t i = offset(rows, row); i < offset(rows, row + 1); ++i) {
      if (const auto index = load_index<Index>(rows.indices, i); index >= width) {
        return outside(row, index);
      }
    }
  }
  return {};
}

// An index in as many bits as its loop of checks needs: a uint16 would be widened in any case.
template <typename Index>
using Word = std::conditional_t<sizeof(Index) == sizeof(uint64_t), uint64_t, uint32_t>;

template <typename From, typename To>
RowFault copy_indices_as(const ColumnView& rows, uint64_t width, std::byte* out) noexcept {
  const uint64_t first = offset(rows, 0);
  const uint64_t count = offset(rows, rows.rows) - first;
  const std::byte* from = rows.indices + first * sizeof(From);
  const auto last = static_cast<Word<From>>(width - 1);
  // An index is below the width if neither it nor its distance to the last column is negative:
  // two instructions that baseline x86-64 has for vectors, unlike a comparison without sign.
  Word<From> signs = 0;
  const auto look_at = [&](From index) {
    const auto word = static_cast<Word<From>>(index);
    signs |= word | (last - word);
  };
  if (sizeof(From) == sizeof(To) && from == out) {
    for (uint64_t i = 0; i < count; ++i) {
      look_at(load<From>(from, i));
    }
  } else {
    for (uint64_t i = 0; i < count; ++i) {
      const auto index = load<From>(from, i);
      look_at(index);
      const auto copy = static_cast<To>(index);
      std::memcpy(out + i * sizeof(To), &copy, sizeof(To));
    }
  }
  const bool outside = signs >> (8 * sizeof(signs) - 1) != 0;
  return outside ? find_outside<From>(rows, width) : RowFault{};
}

template <typename To>
RowFault copy_indices_to(const Field& field, const ColumnView& rows, std::byte* out) noexcept {
  switch (field.index_dtype) {
    case DType::kUint16:
      return copy_indices_as<uint16_t, To>(rows, field.width, out);
    case DType::kInt32:
      return copy_indices_as<int32_t, To>(rows, field.width, out);
    default:
      return copy_indices_as<int64_t, To>(rows, field.width, out);
  }
}

// Where the kept elements of a chunk go; values are packed in place.
struct Kept {
  std::byte* indices;
  std::byte* values;
  int64_t* offsets;  // rows + 1
};

// A value of `bytes` bytes, for 0 too.
template <size_t bytes>
void move_value(std::byte* values, uint64_t to, uint64_t from) noexcept {
  if constexpr (bytes > 0) {
    std::memmove(values + to * bytes, values + from * bytes, bytes);
  }
}

template <typename From, typename To, size_t value_bytes>
RowFault keep_selected(const ColumnView& rows, const ColumnSelection& selected,
                       const Kept& kept) noexcept {
  const uint64_t first = offset(rows, 0);
  const int32_t* new_columns = selected.new_columns();
  uint64_t end = 0;
  kept.offsets[0] = 0;
  for (uint64_t row = 0; row < rows.rows; ++row) {
    const uint64_t row_end = offset(rows, row + 1);
    for (uint64_t i = offset(rows, row); i < row_end; ++i) {
      const auto index = load_index<From>(rows.indices, i);
      if (index >= selected.stored_width()) {
        return outside(row, index);
      }
      // Written whether kept or not, since a branch would be mispredicted.
      const int32_t column = new_columns[index];
      const auto copy = static_cast<To>(column);
      std::memcpy(kept.indices + end * sizeof(To), &copy, sizeof(To));
      move_value<value_bytes>(kept.values, end, i - first);
      end += column >= 0 ? 1 : 0;
    }
    kept.offsets[row + 1] = static_cast<int64_t>(end);
  }
  return {};
}

using KeepSelected = RowFault (*)(const ColumnView&, const ColumnSelection&, const Kept&) noexcept;

template <typename From, typename To>
KeepSelected keep_selected_of(uint64_t value_bytes) noexcept {
  switch (value_bytes) {
    case 0:
      return &keep_selected<From, To, 0>;
    case 1:
      return &keep_selected<From, To, 1>;
    case 2:
      return &keep_selected<From, To, 2>;
    case 4:
      return &keep_selected<From, To, 4>;
    default:
      return &keep_selected<From, To, 8>;
  }
}

template <typename From>
KeepSelected keep_selected_of(DType to, uint64_t value_bytes) noexcept {
  return to == DType::kInt32 ? keep_selected_of<From, int32_t>(value_bytes)
                             : keep_selected_of<From, int64_t>(value_bytes);
}

KeepSelected keep_selected_of(DType from, DType to, uint64_t value_bytes) noexcept {
  switch (from) {
    case DType::kUint16:
      return keep_selected_of<uint16_t>(to, value_bytes);
    case DType::kInt32:
      return keep_selected_of<int32_t>(to, value_bytes);
    default:
      return keep_selected_of<int64_t>(to, value_bytes);
  }
}

template <typename T>
double sum(const T* values, uint64_t count) noexcept {
  double total = 0;
  for (uint64_t i = 0; i < count; ++i) {
    total += static_cast<double>(values[i]);
  }
  return total;
}

// The dtype in which values of `dtype` are computed with.
DType work_dtype(DType dtype, bool arithmetic) noexcept {
  if (!arithmetic) {
    return dtype;
  }
  return dtype == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
}

Field field_after(const Field& field, const Layout& layout) {
  Field after = field;
  const bool ones = field.binary || layout.steps.binary;
  after.dtype = layout.dtype;
  after.binary = false;
  if (layout.steps.selected != nullptr) {
    after.width = layout.steps.selected->width();
    after.index_dtype = DType::kInt32;
  }
  if (layout.kind == LayoutKind::kCsr) {
    after.index_dtype = layout.index_dtype;
  } else if (layout.kind == LayoutKind::kCoo) {
    after.index_dtype = DType::kInt64;
  } else if (ones && !layout.steps.arithmetic()) {
    after.binary = true;
    after.dtype = DType::kUint8;
  }
  return after;
}

}  // namespace

RowFault copy_indices(const Field& field, const ColumnView& rows, DType to,
                      std::byte* out) noexcept {
  if (rows.rows == 0) {
    return {};
  }
  return to == DType::kInt32 ? copy_indices_to<int32_t>(field, rows, out)
                             : copy_indices_to<int64_t>(field, rows, out);
}

void write_row_numbers(const ColumnView& rows, int64_t first, int64_t* out) noexcept {
  for (uint64_t row = 0; row < rows.rows; ++row) {
    const uint64_t count = offset(rows, row + 1) - offset(rows, row);
    out = std::fill_n(out, count, first + static_cast<int64_t>(row));
  }
}

SparseTransform::SparseTransform(const Field& field, const Layout& layout)
    : stored_(field),
      field_(field_after(field, layout)),
      repeats_(field.binary || layout.steps.binary ? Repeats::kSet : Repeats::kSum),
      steps_(layout.steps),
      selected_(steps_.selected.get()),
      ones_(field.binary || layout.steps.binary),
      checks_(layout.kind != LayoutKind::kDense),
      work_dtype_(work_dtype(layout.dtype, steps_.arithmetic())),
      cast_(std::array{ones_ ? DType::kUint8 : field.dtype, work_dtype_}),
      round_(std::array{work_dtype_, layout.dtype}) {}

// `given`, or memory of `own` for as many bytes.
std::byte* SparseTransform::memory(std::byte* given, std::vector<double>& own, uint64_t bytes) {
  if (given != nullptr) {
    return given;
  }
  own.resize(std::max<uint64_t>(own.size(), (bytes + sizeof(double) - 1) / sizeof(double)));
  return reinterpret_cast<std::byte*>(own.data());
}

// Makes the offsets of `result` begin at 0.
void SparseTransform::rebase(const ColumnView& rows, const Elements& elements, ColumnView& result) {
  if (elements.first == 0 && selected_ == nullptr) {
    return;
  }
  offsets_.resize(rows.rows + 1);
  for (uint64_t i = 0; i <= rows.rows; ++i) {
    offsets_[i] = static_cast<int64_t>(offset(rows, i) - elements.first);
  }
  result.offsets = reinterpret_cast<const std::byte*>(offsets_.data());
}

// Gives `result` its values as work_dtype_. Returns where they may be changed; nullptr if they need
// not be.
std::byte* SparseTransform::place_values(const ColumnView& rows, const Elements& elements,
                                         const SparseMemory& out, ColumnView& result) {
  result.values = nullptr;
  if (field_.binary) {
    return nullptr;
  }
  const bool unchanged = !ones_ && !steps_.arithmetic() && selected_ == nullptr &&
                         stored_.dtype == field_.dtype && out.values == nullptr;
  if (unchanged) {
    result.values = rows.values + elements.first * cast_.from_size();
    return nullptr;
  }
  std::byte* work = memory(work_dtype_ == field_.dtype ? out.values : nullptr, work_,
                           elements.count * cast_.to_size());
  cast(rows, elements, work);
  result.values = work;
  return work;
}

// Gives `result` its indices and drops what is not selected of them and of its values, `work`.
RowFault SparseTransform::place_indices(const ColumnView& rows, const Elements& elements,
                                        const SparseMemory& out, std::byte* work,
                                        ColumnView& result) {
  if (selected_ == nullptr && !checks_) {
    result.indices = rows.indices + elements.first * dtype_size(stored_.index_dtype);
    return {};
  }
  std::byte* indices =
      memory(out.indices, indices_, elements.count * dtype_size(field_.index_dtype));
  result.indices = indices;
  if (selected_ == nullptr) {
    return copy_indices(stored_, rows, field_.index_dtype, indices);
  }
  const uint64_t value_bytes = work == nullptr ? 0 : cast_.to_size();
  const RowFault fault = keep_selected_of(stored_.index_dtype, field_.index_dtype, value_bytes)(
      rows, *selected_, {.indices = indices, .values = work, .offsets = offsets_.data()});
  result.elements = static_cast<uint64_t>(offsets_.back());
  return fault;
}

void SparseTransform::cast(const ColumnView& rows, const Elements& elements, std::byte* to) const {
  if (!ones_) {
    const std::byte* from = rows.values + elements.first * cast_.from_size();
    if (from != to) {
      cast_.apply(from, to, elements.count);
    }
    return;
  }
  std::array<std::byte, 8> one = {};
  constexpr std::byte kOne{1};
  cast_.apply(&kOne, one.data(), 1);
  for (uint64_t i = 0; i < elements.count; ++i) {
    std::memcpy(to + i * cast_.to_size(), one.data(), cast_.to_size());
  }
}

// What each row is multiplied by. Requires: offsets that begin at 0.
void SparseTransform::find_factors(const ColumnView& rows, const std::byte* values) {
  factors_.assign(rows.rows, steps_.scale);
  for (uint64_t row = 0; steps_.total.has_value() && row < rows.rows; ++row) {
    const uint64_t begin = offset(rows, row);
    const uint64_t count = offset(rows, row + 1) - begin;
    const double row_sum = work_dtype_ == DType::kFloat64
                               ? sum(reinterpret_cast<const double*>(values) + begin, count)
                               : sum(reinterpret_cast<const float*>(values) + begin, count);
    if (row_sum != 0) {
      factors_[row] = *steps_.total / row_sum * steps_.scale;
    }
  }
}

void SparseTransform::compute(const ColumnView& rows, std::byte* values) const noexcept {
  const auto in = [&](auto* typed) {
    const bool scaled = steps_.total.has_value() || steps_.scale != 1;
    for (uint64_t row = 0; scaled && row < rows.rows; ++row) {
      const uint64_t begin = offset(rows, row);
      multiply(std::span(typed + begin, offset(rows, row + 1) - begin), factors_[row]);
    }
    if (steps_.log1p) {
      log1p(std::span(typed, rows.elements));
    }
  };
  if (work_dtype_ == DType::kFloat64) {
    in(reinterpret_cast<double*>(values));
  } else {
    in(reinterpret_cast<float*>(values));
  }
}

RowFault SparseTransform::apply(const ColumnView& rows, const SparseMemory& out,
                                ColumnView& result) {
  result = rows;
  if (rows.rows == 0) {
    offsets_.assign(1, 0);
    result.offsets = reinterpret_cast<const std::byte*>(offsets_.data());
    result.elements = 0;
    return {};
  }
  const Elements elements = {offset(rows, 0), offset(rows, rows.rows) - offset(rows, 0)};
  result.elements = elements.count;
  rebase(rows, elements, result);
  std::byte* work = place_values(rows, elements, out, result);
  if (steps_.total.has_value() || steps_.scale != 1) {
    find_factors(result, work);
  }
  if (const RowFault fault = place_indices(rows, elements, out, work, result)) {
    return fault;
  }
  if (steps_.arithmetic()) {
    compute(result, work);
  }
  if (work_dtype_ != field_.dtype && !field_.binary) {
    std::byte* rounded = memory(out.values, values_, elements.count * round_.to_size());
    round_.apply(work, rounded, result.elements);
    result.values = rounded;
  }
  return {};
}

}  // namespace headrace
