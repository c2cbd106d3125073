#include "column/row_indices.h"

#include <type_traits>

#include "column/elements.h"
#include "column/half.h"

namespace headrace {
namespace {

// A stored number, ready to be compared: an integer, a float or a double.
template <typename T>
T widened(T value) noexcept {
  return value;
}
float widened(Half value) noexcept { return to_float(value); }
float widened(Bfloat value) noexcept { return to_float(value); }

template <typename T>
int64_t to_int64(T value) noexcept {
  return static_cast<int64_t>(value);
}

// Whether `value` is a whole number that an int64 holds; `whole` is then that number.
template <typename T>
bool as_whole(T value, int64_t& whole) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    constexpr T kEnd = 0x1p63;
    if (!(value >= -kEnd && value < kEnd)) {  // NaN too
      return false;
    }
    whole = to_int64(value);
    return static_cast<T>(whole) == value;
  } else {
    whole = to_int64(value);
    return std::is_signed_v<T> || whole >= 0;
  }
}

// Where the numbers of a row lie.
struct Numbers {
  const std::byte* stored;
  uint64_t begin;
  uint64_t end;
};

template <typename Stored, typename Index>
RowFault read_row(const Numbers& numbers, const IndexSource& source, uint64_t row, uint64_t& end,
                  std::byte* out) noexcept {
  const bool padded = source.pad.has_value();
  const int64_t pad = source.pad.value_or(0);
  for (uint64_t i = numbers.begin; i < numbers.end; ++i) {
    const auto value = widened(load_element<Stored>(numbers.stored, i));
    int64_t whole = 0;
    const bool is_number = as_whole(value, whole);
    const bool is_pad = padded && is_number && whole == pad;
    // A negative number becomes one above every width.
    if (!is_pad && (!is_number || static_cast<uint64_t>(whole) >= source.width)) {
      return is_number ? RowFault{RowFaultKind::kIndexOutside, row, whole}
                       : RowFault{RowFaultKind::kNotIndex, row, 0, static_cast<double>(value)};
    }
    // Written even for a pad, since a branch would be mispredicted.
    store_element(out, end, static_cast<Index>(whole));
    end += is_pad ? 0 : 1;
  }
  return {};
}

template <typename Stored, typename Index>
RowFault read_rows(const Field& field, const IndexSource& source, const ColumnView& rows,
                   const IndexMemory& out) noexcept {
  const uint64_t row_elements = field.row_elements();
  uint64_t end = 0;
  out.offsets[0] = 0;
  for (uint64_t row = 0; row < rows.rows; ++row) {
    const Numbers numbers = field.is_tensor()
                                ? Numbers{rows.values, row * row_elements, (row + 1) * row_elements}
                                : Numbers{rows.values, static_cast<uint64_t>(offset_at(rows, row)),
                                          static_cast<uint64_t>(offset_at(rows, row + 1))};
    if (const RowFault fault = read_row<Stored, Index>(numbers, source, row, end, out.indices)) {
      return fault;
    }
    out.offsets[row + 1] = static_cast<int64_t>(end);
  }
  return {};
}

template <typename Stored>
RowFault read_stored(const Field& field, const IndexSource& source, const ColumnView& rows,
                     const IndexMemory& out) noexcept {
  return index_dtype_of(source) == DType::kInt32
             ? read_rows<Stored, int32_t>(field, source, rows, out)
             : read_rows<Stored, int64_t>(field, source, rows, out);
}

}  // namespace

RowFault read_indices(const Field& field, const IndexSource& source, const ColumnView& rows,
                      const IndexMemory& out) noexcept {
  switch (field.dtype) {
    case DType::kBool:
    case DType::kUint8:
      return read_stored<uint8_t>(field, source, rows, out);
    case DType::kUint16:
      return read_stored<uint16_t>(field, source, rows, out);
    case DType::kUint32:
      return read_stored<uint32_t>(field, source, rows, out);
    case DType::kUint64:
      return read_stored<uint64_t>(field, source, rows, out);
    case DType::kInt8:
      return read_stored<int8_t>(field, source, rows, out);
    case DType::kInt16:
      return read_stored<int16_t>(field, source, rows, out);
    case DType::kInt32:
      return read_stored<int32_t>(field, source, rows, out);
    case DType::kInt64:
      return read_stored<int64_t>(field, source, rows, out);
    case DType::kFloat16:
      return read_stored<Half>(field, source, rows, out);
    case DType::kBfloat16:
      return read_stored<Bfloat>(field, source, rows, out);
    case DType::kFloat32:
      return read_stored<float>(field, source, rows, out);
    case DType::kFloat64:
      return read_stored<double>(field, source, rows, out);
  }
  return {};
}

}  // namespace headrace
