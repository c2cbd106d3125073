#include "column/schema.h"

#include <array>
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

}  // namespace

size_t dtype_size(DType dtype) noexcept { return kFacts[static_cast<size_t>(dtype)].size; }

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
  return {std::move(name), dtype, std::move(row_shape)};
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
  }
  return hasher.digest();
}

std::string describe(const Field& field) {
  std::string text = dtype_name(field.dtype);
  for (size_t i = 0; i < field.row_shape.size(); ++i) {
    text += (i == 0 ? "[" : ", ") + std::to_string(field.row_shape[i]);
  }
  return field.row_shape.empty() ? text : text + "]";
}

}  // namespace headrace
