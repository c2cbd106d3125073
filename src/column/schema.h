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

// Whether elements are floating-point numbers, of 16 bits too.
bool is_float(DType dtype) noexcept;

// numpy's name, such as "float32"; "bfloat16" is torch's.
const char* dtype_name(DType dtype) noexcept;

// The dtype of that name. Throws kUnsupported that lists the names.
DType dtype_from_name(std::string_view name);

// What a row of a column is.
enum class ColumnKind : uint8_t {
  kTensor,  // a scalar or a tensor, of the same shape in every row
  kRagged,  // any number of elements: scalars, or tensors of one shape
  kBytes,   // any number of bytes
  kText,    // bytes that are UTF-8
  kCsr,     // a sparse vector: indices of its columns, and a value for each
};

// "tensor", "ragged", "bytes", "text" or "csr".
const char* kind_name(ColumnKind kind) noexcept;

// The kind of that name. Throws kUnsupported that lists the names.
ColumnKind kind_from_name(std::string_view name);

// One column. Of bytes and text, dtype is kUint8; of csr, dtype is that of the values.
struct Field {
  std::string name;
  DType dtype = DType::kUint8;
  // Of a row (tensor) or of one element of a row (ragged); empty = a scalar, and for other kinds.
  std::vector<uint64_t> row_shape = {};
  ColumnKind kind = ColumnKind::kTensor;
  DType index_dtype = DType::kInt64;  // csr only: kUint16, kInt32 or kInt64
  uint64_t width = 0;                 // csr only: every index is below it
  bool binary = false;                // csr only: no values are stored; dtype is then kUint8

  // Whether every row has the same number of bytes.
  bool is_tensor() const noexcept { return kind == ColumnKind::kTensor; }

  // Elements and bytes of a row of a tensor, or of one element of a ragged row; 1 and the size of
  // the dtype for other kinds.
  uint64_t row_elements() const noexcept;
  uint64_t row_bytes() const noexcept { return row_elements() * dtype_size(dtype); }

  bool operator==(const Field&) const = default;
};

// A field after its sizes were checked against 64-bit overflow. Throws kInvalid, kUnsupported for
// an empty row.
Field make_field(std::string name, DType dtype, std::vector<uint64_t> row_shape);

// Throws as make_field, and kInvalid for what the kind does not allow: a shape of bytes, text or
// csr; an index dtype that cannot hold width - 1; a width of zero or above 2^63 - 1.
void check_field(const Field& field);

// The columns of a dataset in order.
using Schema = std::vector<Field>;

// A hash of names, dtypes and row shapes: equal for equal schemas on every machine.
uint64_t schema_hash(const Schema& schema);

// "float32[64]", "int64" for scalars, "ragged float32[3]", "text", "csr float32[30000]",
// "csr binary[1024]".
std::string describe(const Field& field);

}  // namespace headrace
