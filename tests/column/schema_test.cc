#include "column/schema.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace headrace {
namespace {

TEST(DType, NamesAndSizesAreNumpys) {
  const std::vector<std::pair<std::string, size_t>> expected = {
      {"bool", 1},     {"uint8", 1},   {"uint16", 2}, {"uint32", 4}, {"uint64", 8},
      {"int8", 1},     {"int16", 2},   {"int32", 4},  {"int64", 8},  {"float16", 2},
      {"bfloat16", 2}, {"float32", 4}, {"float64", 8}};
  ASSERT_EQ(expected.size(), kDTypeCount);
  for (const auto& [name, size] : expected) {
    const DType dtype = dtype_from_name(name);
    EXPECT_EQ(dtype_name(dtype), name);
    EXPECT_EQ(dtype_size(dtype), size) << name;
  }
}

TEST(DType, EveryDtypeIsFoundByItsName) {
  for (size_t i = 0; i < kDTypeCount; ++i) {
    EXPECT_EQ(dtype_from_name(dtype_name(static_cast<DType>(i))), static_cast<DType>(i));
  }
}

TEST(DType, AnUnknownNameIsUnsupportedAndTheMessageListsTheKnown) {
  for (const char* name : {"complex64", "", "float", "Float32", "float32 ", "object", "int"}) {
    expect_error(ErrorCode::kUnsupported, {name, "bool, uint8", "bfloat16", "float64"},
                 [&] { dtype_from_name(name); });
  }
}

TEST(Field, CountsElementsAndBytesOfARow) {
  EXPECT_EQ(make_field("x", DType::kFloat64, {}).row_elements(), 1U);
  EXPECT_EQ(make_field("x", DType::kFloat64, {}).row_bytes(), 8U);
  EXPECT_EQ(make_field("x", DType::kFloat16, {3, 4, 5}).row_elements(), 60U);
  EXPECT_EQ(make_field("x", DType::kFloat16, {3, 4, 5}).row_bytes(), 120U);
}

TEST(MakeField, RefusesRowsOfNoElements) {
  const Error error = expect_error(ErrorCode::kUnsupported, {"column x", "at least 1"}, [] {
    make_field("x", DType::kInt8, {3, 0});
  });
  EXPECT_EQ(error.context().column, "x");
}

TEST(MakeField, RefusesARowWhoseBytesOverflow) {
  const uint64_t large = uint64_t{1} << 32;
  expect_error(ErrorCode::kInvalid, {"bytes of a row"}, [&] {
    make_field("x", DType::kInt8, {large, large});
  });
  expect_error(ErrorCode::kInvalid, {"bytes of a row"},
               [] { make_field("x", DType::kFloat64, {uint64_t{1} << 61}); });
  EXPECT_EQ(make_field("x", DType::kFloat64, {uint64_t{1} << 60}).row_bytes(), uint64_t{1} << 63);
}

TEST(SchemaHash, IsEqualForEqualSchemas) {
  const Schema schema = {make_field("x", DType::kFloat32, {3}), make_field("y", DType::kInt64, {})};
  EXPECT_EQ(schema_hash(schema), schema_hash(Schema(schema)));
}

TEST(SchemaHash, ChangesWithEverythingThatASchemaSays) {
  const auto field = [](const char* name, DType dtype, std::vector<uint64_t> shape) {
    return make_field(name, dtype, std::move(shape));
  };
  const std::vector<Schema> schemas = {
      {},
      {field("x", DType::kFloat32, {3})},
      {field("y", DType::kFloat32, {3})},
      {field("x", DType::kInt32, {3})},
      {field("x", DType::kFloat32, {4})},
      {field("x", DType::kFloat32, {})},
      {field("x", DType::kFloat32, {3, 1})},
      {field("x", DType::kFloat32, {1, 3})},
      {field("x", DType::kFloat32, {3}), field("y", DType::kFloat32, {3})},
      {field("y", DType::kFloat32, {3}), field("x", DType::kFloat32, {3})},
      {field("xy", DType::kFloat32, {3})},
      {field("x", DType::kFloat32, {3}), field("", DType::kFloat32, {3})},
  };
  std::set<uint64_t> hashes;
  for (const Schema& schema : schemas) {
    hashes.insert(schema_hash(schema));
  }
  EXPECT_EQ(hashes.size(), schemas.size());
}

TEST(SchemaHash, NeverChanges) {
  // Saved states hold it: a new value here makes every one of them foreign.
  const Schema schema = {make_field("x", DType::kFloat32, {64}),
                         make_field("label", DType::kInt64, {})};
  EXPECT_EQ(schema_hash(schema), 6269113521558253333U);
}

TEST(Describe, WritesDtypeAndShape) {
  EXPECT_EQ(describe(make_field("x", DType::kInt64, {})), "int64");
  EXPECT_EQ(describe(make_field("x", DType::kFloat32, {64})), "float32[64]");
  EXPECT_EQ(describe(make_field("x", DType::kBfloat16, {2, 3, 4})), "bfloat16[2, 3, 4]");
}

Field csr_field(DType index_dtype, uint64_t width, bool binary = false) {
  return {.name = "w",
          .dtype = binary ? DType::kUint8 : DType::kFloat32,
          .row_shape = {},
          .kind = ColumnKind::kCsr,
          .index_dtype = index_dtype,
          .width = width,
          .binary = binary};
}

TEST(Field, EveryKindIsFoundByItsName) {
  for (const char* name : {"tensor", "ragged", "bytes", "text", "csr"}) {
    EXPECT_EQ(kind_name(kind_from_name(name)), std::string(name));
  }
  expect_error(ErrorCode::kUnsupported, {"sparse", "ragged, bytes, text, csr"},
               [] { kind_from_name("sparse"); });
}

TEST(Field, OtherKindsAreDescribed) {
  EXPECT_EQ(describe({.name = "t", .kind = ColumnKind::kText}), "text");
  EXPECT_EQ(
      describe(
          {.name = "r", .dtype = DType::kInt16, .row_shape = {3}, .kind = ColumnKind::kRagged}),
      "ragged int16[3]");
  EXPECT_EQ(describe(csr_field(DType::kInt32, 9)), "csr float32[9]");
  EXPECT_EQ(describe(csr_field(DType::kInt32, 9, true)), "csr binary[9]");
}

TEST(Field, CsrNeedsIndicesThatReachItsWidth) {
  check_field(csr_field(DType::kUint16, 65536));
  check_field(csr_field(DType::kInt64, uint64_t{1} << 40, true));
  expect_error(ErrorCode::kInvalid, {"column w", "uint16", "65536", "65537"},
               [] { check_field(csr_field(DType::kUint16, 65537)); });
  expect_error(ErrorCode::kInvalid, {"column w", "0"},
               [] { check_field(csr_field(DType::kInt32, 0)); });
  expect_error(ErrorCode::kInvalid, {"column w", "float32"},
               [] { check_field(csr_field(DType::kFloat32, 5)); });
}

TEST(Field, OnlyTensorsAndRaggedRowsHaveAShape) {
  Field text{.name = "t", .kind = ColumnKind::kText};
  check_field(text);
  text.row_shape = {2};
  expect_error(ErrorCode::kInvalid, {"column t", "text has no row shape"},
               [&] { check_field(text); });
}

TEST(SchemaHash, TellsKindsApart) {
  const Field text{.name = "t", .kind = ColumnKind::kText};
  const Field bytes{.name = "t", .kind = ColumnKind::kBytes};
  EXPECT_NE(schema_hash({text}), schema_hash({bytes}));
  EXPECT_NE(schema_hash({csr_field(DType::kInt32, 9)}), schema_hash({csr_field(DType::kInt32, 8)}));
}

}  // namespace
}  // namespace headrace
