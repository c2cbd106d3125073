#include "column/schema.h"

#include <array>
#include <limits>
#include <span>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "base/hash.h"

namespace headrace {
namespace {

struct DTypeFacts {
  const char* name;
  size_t size;
};

constexpr std::array<DTypeFacts, kDTypeCount> kFacts = {{
    {"bool", 1},
    {"uint8", 1},
    {"uint16", 2},
    {"uint32", 4},
    {"uint64", 8},
    {"int8", 1},
    {"int16", 2},
    {"int32", 4},
    {"int64", 8},
    {"float16", 2},
    {"bfloat16", 2},
    {"float32", 4},
    {"float64", 8},
}};

constexpr std::array<const char*, 5> kKindNames = {"tensor", "ragged", "bytes", "text", "csr"};

[[noreturn]] void refuse(const Field& field, const std::string& why) {
  throw Error(ErrorCode::kInvalid, "column " + field.name + ": " + why,
              {.file = "", .column = field.name});
}

void check_csr(const Field& field) {
  uint64_t most = 0;  // the largest width whose indices fit
  switch (field.index_dtype) {
    case DType::kUint16:
      most = uint64_t{1} << 16;
      break;
    case DType::kInt32:
      most = uint64_t{1} << 31;
      break;
    case DType::kInt64:
      most = std::numeric_limits<int64_t>::max();
      break;
    default:
      refuse(field, std::string("indices of csr are uint16, int32 or int64, not ") +
                        dtype_name(field.index_dtype));
  }
  if (field.width == 0 || field.width > most) {
    refuse(field,
           "a csr column with " + std::string(dtype_name(field.index_dtype)) + " indices is 1 to " +
               std::to_string(most) + " wide, not " + std::to_string(field.width) +
               (field.width == 0 ? "; say how wide its rows are" : "; give it wider indices"));
  }
  if (field.binary && field.dtype != DType::kUint8) {
    refuse(field, std::string("binary csr has no values, so its dtype is uint8, not ") +
                      dtype_name(field.dtype));
  }
}

}  // namespace

const char* kind_name(ColumnKind kind) noexcept { return kKindNames[static_cast<size_t>(kind)]; }

ColumnKind kind_from_name(std::string_view name) {
  std::string known;
  for (size_t i = 0; i < kKindNames.size(); ++i) {
    if (name == kKindNames[i]) {
      return static_cast<ColumnKind>(i);
    }
    known += (i == 0 ? "" : ", ") + std::string(kKindNames[i]);
  }
  throw Error(ErrorCode::kUnsupported,
              "kind " + std::string(name) + " is not known; use one of " + known);
}

size_t dtype_size(DType dtype) noexcept { return kFacts[static_cast<size_t>(dtype)].size; }

bool is_float(DType dtype) noexcept {
  return dtype == DType::kFloat16 || dtype == DType::kBfloat16 || dtype == DType::kFloat32 ||
         dtype == DType::kFloat64;
}

const char* dtype_name(DType dtype) noexcept { return kFacts[static_cast<size_t>(dtype)].name; }

DType dtype_from_name(std::string_view name) {
  std::string known;
  for (size_t i = 0; i < kFacts.size(); ++i) {
    if (name == kFacts[i].name) {
      return static_cast<DType>(i);
    }
    known += (i == 0 ? "" : ", ") + std::string(kFacts[i].name);
  }
  throw Error(ErrorCode::kUnsupported,
              "dtype " + std::string(name) + " is not supported; use one of " + known);
}

uint64_t Field::row_elements() const noexcept {
  uint64_t elements = 1;
  for (const uint64_t extent : row_shape) {
    elements *= extent;
  }
  return elements;
}

Field make_field(std::string name, DType dtype, std::vector<uint64_t> row_shape) {
  uint64_t bytes = dtype_size(dtype);
  for (const uint64_t extent : row_shape) {
    bytes = checked_mul(bytes, extent, "bytes of a row");
  }
  if (bytes == 0) {
    throw Error(ErrorCode::kUnsupported,
                "column " + name + " has rows of no elements; every extent must be at least 1",
                {.file = "", .column = name});
  }
  return {.name = std::move(name), .dtype = dtype, .row_shape = std::move(row_shape)};
}

void check_field(const Field& field) {
  make_field(field.name, field.dtype, field.row_shape);
  const bool shaped = field.kind == ColumnKind::kTensor || field.kind == ColumnKind::kRagged;
  if (!shaped && !field.row_shape.empty()) {
    refuse(field, std::string(kind_name(field.kind)) + " has no row shape");
  }
  if ((field.kind == ColumnKind::kBytes || field.kind == ColumnKind::kText) &&
      field.dtype != DType::kUint8) {
    refuse(field, std::string(kind_name(field.kind)) + " is stored as uint8, not " +
                      dtype_name(field.dtype));
  }
  if (field.kind == ColumnKind::kCsr) {
    check_csr(field);
  }
}

uint64_t schema_hash(const Schema& schema) {
  Hasher hasher;
  hasher.update(schema.size());
  for (const Field& field : schema) {
    hasher.update(field.name.size());
    hasher.update(std::as_bytes(std::span(field.name)));
    const std::string_view dtype = dtype_name(field.dtype);
    hasher.update(dtype.size());
    hasher.update(std::as_bytes(std::span(dtype)));
    hasher.update(field.row_shape.size());
    for (const uint64_t extent : field.row_shape) {
      hasher.update(extent);
    }
    if (!field.is_tensor()) {
      hasher.update(static_cast<uint64_t>(field.kind));
      hasher.update(static_cast<uint64_t>(field.index_dtype));
      hasher.update(field.width);
      hasher.update(field.binary ? 1 : 0);
    }
  }
  return hasher.digest();
}

std::string describe(const Field& field) {
  switch (field.kind) {
    case ColumnKind::kBytes:
    case ColumnKind::kText:
      return kind_name(field.kind);
    case ColumnKind::kCsr:
      return std::string("csr ") + (field.binary ? "binary" : dtype_name(field.dtype)) + "[" +
             std::to_string(field.width) + "]";
    default:
      break;
  }
  std::string text = std::string(field.is_tensor() ? "" : "ragged ") + dtype_name(field.dtype);
  for (size_t i = 0; i < field.row_shape.size(); ++i) {
    text += (i == 0 ? "[" : ", ") + std::to_string(field.row_shape[i]);
  }
  return field.row_shape.empty() ? text : text + "]";
}

}  // namespace headrace
