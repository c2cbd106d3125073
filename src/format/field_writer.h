#pragma once

#include <arrow_generated.h>
#include <string_view>

#include "column/schema.h"

namespace headrace {

// Keys in the metadata of Arrow fields: what Arrow's type does not say.
inline constexpr std::string_view kDTypeKey = "headrace.dtype";      // of bool and bfloat16
inline constexpr std::string_view kColumnsKey = "headrace.columns";  // the width of csr

// The names of the arrays inside a csr column.
inline constexpr std::string_view kIndicesName = "indices";
inline constexpr std::string_view kValuesName = "values";

// The dtype that stands for `dtype` in a shard: Arrow's bool is a bit, torch's a byte, and bfloat16
// Arrow does not have.
DType stored_dtype(DType dtype) noexcept;

// Adds the Arrow field of a column, as our profile writes it, to `builder`. Requires: extents below
// 2^31.
flatbuffers::Offset<flatbuf::Field> build_field(flatbuffers::FlatBufferBuilder& builder,
                                                const Field& field);

}  // namespace headrace
