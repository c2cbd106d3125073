#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headrace {

enum class DType : uint8_t {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFloat16,
  kBfloat16,
  kFloat32,
  kFloat64,
};

inline constexpr size_t kDTypeCount = 13;

// Bytes of one element.
size_t dtype_size(DType dtype) noexcept;

// numpy's name, such as "float32"; "bfloat16" is torch's.
const char* dtype_name(DType dtype) noexcept;

// The dtype of that name. Throws kUnsupported that lists the names.
DType dtype_from_name(std::string_view name);

// One tensor column: every row has `row_shape` elements of `dtype`.
struct Field {
  std::string name;
  DType dtype = DType::kUint8;
  std::vector<uint64_t> row_shape;  // empty = a scalar per row

  uint64_t row_elements() const noexcept;
  uint64_t row_bytes() const noexcept { return row_elements() * dtype_size(dtype); }

  bool operator==(const Field&) const = default;
};

// A field after its sizes were checked against 64-bit overflow. Throws kInvalid, kUnsupported for
// an empty row.
Field make_field(std::string name, DType dtype, std::vector<uint64_t> row_shape);

// The columns of a dataset in order.
using Schema = std::vector<Field>;

// A hash of names, dtypes and row shapes: equal for equal schemas on every machine.
uint64_t schema_hash(const Schema& schema);

// "float32[64]", or "int64" for scalars.
std::string describe(const Field& field);

}  // namespace headrace
