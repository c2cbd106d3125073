#include "format/field_writer.h"

#include <cstdint>
#include <string>
#include <vector>

#include "format/arrow_metadata.h"

namespace headrace {
namespace {

using flatbuf::Precision;
using flatbuf::Type;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
using ArrowField = flatbuf::Field;

constexpr std::string_view kItem = "item";

struct TypeOffset {
  Type type;
  Offset<void> at;
};

TypeOffset build_primitive(FlatBufferBuilder& builder, DType dtype) {
  const auto integer = [&builder](int bits, bool is_signed) {
    return TypeOffset{Type::Int, flatbuf::CreateInt(builder, bits, is_signed).Union()};
  };
  const auto floating = [&builder](Precision precision) {
    return TypeOffset{Type::FloatingPoint,
                      flatbuf::CreateFloatingPoint(builder, precision).Union()};
  };
  const int bits = static_cast<int>(8 * dtype_size(dtype));
  switch (stored_dtype(dtype)) {
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
    case DType::kInt64:
      return integer(bits, true);
    case DType::kFloat16:
      return floating(Precision::HALF);
    case DType::kFloat32:
      return floating(Precision::SINGLE);
    case DType::kFloat64:
      return floating(Precision::DOUBLE);
    default:
      return integer(bits, false);
  }
}

// Every field is non-nullable: our files hold no nulls.
Offset<ArrowField> build_node(FlatBufferBuilder& builder, std::string_view name, TypeOffset type,
                              const std::vector<Offset<ArrowField>>& children,
                              const Metadata& metadata = {}) {
  const auto name_at = builder.CreateString(name);
  const auto children_at = builder.CreateVector(children);
  const auto metadata_at = build_metadata(builder, metadata);
  return flatbuf::CreateField(builder, name_at, false, type.type, type.at, 0, children_at,
                              metadata_at);
}

// The leaf and the FixedSizeLists around it, outermost first.
Offset<ArrowField> build_tensor(FlatBufferBuilder& builder, std::string_view name,
                                const Field& field, size_t level, const Metadata& metadata) {
  if (level == field.row_shape.size()) {
    return build_node(builder, name, build_primitive(builder, field.dtype), {}, metadata);
  }
  const auto child = build_tensor(builder, kItem, field, level + 1, {});
  const auto size = static_cast<int32_t>(field.row_shape[level]);
  return build_node(builder, name,
                    {Type::FixedSizeList, flatbuf::CreateFixedSizeList(builder, size).Union()},
                    {child}, metadata);
}

Offset<ArrowField> build_csr_item(FlatBufferBuilder& builder, const Field& field) {
  const std::string_view name = field.binary ? kItem : kIndicesName;
  const auto indices = build_node(builder, name, build_primitive(builder, field.index_dtype), {});
  if (field.binary) {
    return indices;
  }
  const auto values = build_node(builder, kValuesName, build_primitive(builder, field.dtype), {});
  return build_node(builder, kItem, {Type::Struct_, flatbuf::CreateStruct_(builder).Union()},
                    {indices, values});
}

Metadata metadata_of(const Field& field) {
  Metadata metadata;
  if (stored_dtype(field.dtype) != field.dtype) {
    metadata.emplace_back(kDTypeKey, dtype_name(field.dtype));
  }
  if (field.kind == ColumnKind::kCsr) {
    metadata.emplace_back(kColumnsKey, std::to_string(field.width));
  }
  return metadata;
}

}  // namespace

DType stored_dtype(DType dtype) noexcept {
  return dtype == DType::kBool ? DType::kUint8 : dtype == DType::kBfloat16 ? DType::kUint16 : dtype;
}

Offset<ArrowField> build_field(FlatBufferBuilder& builder, const Field& field) {
  const Metadata metadata = metadata_of(field);
  const auto list = [&](Offset<ArrowField> item) {
    return build_node(builder, field.name,
                      {Type::LargeList, flatbuf::CreateLargeList(builder).Union()}, {item},
                      metadata);
  };
  switch (field.kind) {
    case ColumnKind::kBytes:
      return build_node(builder, field.name,
                        {Type::LargeBinary, flatbuf::CreateLargeBinary(builder).Union()}, {});
    case ColumnKind::kText:
      return build_node(builder, field.name,
                        {Type::LargeUtf8, flatbuf::CreateLargeUtf8(builder).Union()}, {});
    case ColumnKind::kRagged:
      return list(build_tensor(builder, kItem, field, 0, {}));
    case ColumnKind::kCsr:
      return list(build_csr_item(builder, field));
    case ColumnKind::kTensor:
      break;
  }
  return build_tensor(builder, field.name, field, 0, metadata);
}

}  // namespace headrace
