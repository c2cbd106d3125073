#include "format/field_writer.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/shards.h"

namespace headrace {
namespace {

// An Arrow field as text: "x: LargeList<item: Int(32)> {key=value}".
std::string rendered(const flatbuf::Field& field) {
  std::string text = field.name()->str() + ": " + flatbuf::EnumNameType(field.type_type());
  if (const auto* integer = field.type_as_Int()) {
    text += (integer->is_signed() ? "(" : "(u") + std::to_string(integer->bit_width()) + ")";
  } else if (const auto* floating = field.type_as_FloatingPoint()) {
    text += std::string("(") + flatbuf::EnumNamePrecision(floating->precision()) + ")";
  } else if (const auto* list = field.type_as_FixedSizeList()) {
    text += "(" + std::to_string(list->list_size()) + ")";
  }
  EXPECT_FALSE(field.nullable());
  for (size_t i = 0; i < field.children()->size(); ++i) {
    text += (i == 0 ? "<" : ", ") + rendered(*field.children()->Get(static_cast<uint32_t>(i)));
  }
  text += field.children()->size() > 0 ? ">" : "";
  for (size_t i = 0; field.custom_metadata() != nullptr && i < field.custom_metadata()->size();
       ++i) {
    const auto* entry = field.custom_metadata()->Get(static_cast<uint32_t>(i));
    text += " {" + entry->key()->str() + "=" + entry->value()->str() + "}";
  }
  return text;
}

std::string written(const Field& field) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(build_field(builder, field));
  return rendered(*flatbuffers::GetRoot<flatbuf::Field>(builder.GetBufferPointer()));
}

TEST(BuildField, WritesEachKindAsTheFormatSays) {
  std::vector<std::string> found;
  for (const Field& field : one_field_of_each_kind()) {
    found.push_back(written(field));
  }
  EXPECT_EQ(found,
            (std::vector<std::string>{
                "scalar: FloatingPoint(DOUBLE)",
                "tensor: FixedSizeList(3)<item: Int(16)>",
                "nested_tensor: "
                "FixedSizeList(2)<item: FixedSizeList(3)<item: FloatingPoint(SINGLE)>>",
                "ragged: LargeList<item: FixedSizeList(2)<item: Int(32)>>",
                "bytes: LargeBinary",
                "text: LargeUtf8",
                "csr: LargeList<item: Struct_<indices: Int(32), values: FloatingPoint(SINGLE)>> "
                "{headrace.columns=300}",
                "binary_csr: LargeList<item: Int(u16)> {headrace.columns=300}",
            }));
}

TEST(BuildField, SaysTheDtypesThatArrowLacksOnTheColumn) {
  EXPECT_EQ(written({.name = "x", .dtype = DType::kBool}), "x: Int(u8) {headrace.dtype=bool}");
  EXPECT_EQ(written({.name = "x", .dtype = DType::kBfloat16, .row_shape = {2}}),
            "x: FixedSizeList(2)<item: Int(u16)> {headrace.dtype=bfloat16}");
  EXPECT_EQ(written({.name = "x", .dtype = DType::kBfloat16, .kind = ColumnKind::kCsr, .width = 9}),
            "x: LargeList<item: Struct_<indices: Int(64), values: Int(u16)>> "
            "{headrace.dtype=bfloat16} {headrace.columns=9}");
}

TEST(StoredDType, IsAnotherOfTheSameSizeOnlyForBoolAndBfloat16) {
  for (size_t i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(dtype_size(stored_dtype(dtype)), dtype_size(dtype));
    const bool other = dtype == DType::kBool || dtype == DType::kBfloat16;
    EXPECT_EQ(stored_dtype(dtype) != dtype, other) << dtype_name(dtype);
  }
}

}  // namespace
}  // namespace headrace
