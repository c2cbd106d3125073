#include "format/field_reader.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "format/field_writer.h"
#include "testing/arrow_fields.h"
#include "testing/errors.h"
#include "testing/shards.h"

namespace headrace {
namespace {

using flatbuf::Type;
using Shape = std::vector<uint64_t>;

ColumnLayout read(const ArrowNode& node) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(build_node(builder, node));
  return read_field(*flatbuffers::GetRoot<flatbuf::Field>(builder.GetBufferPointer()), "x",
                    "f.arrow");
}

void expect_refused(ErrorCode code, std::initializer_list<std::string_view> words,
                    const ArrowNode& node) {
  const Error error = expect_error(code, words, [&] { read(node); });
  EXPECT_EQ(error.context().column, "x");
  EXPECT_EQ(error.context().file, "f.arrow");
}

Metadata extension(const std::string& name, const std::string& metadata) {
  return {{"ARROW:extension:name", name}, {"ARROW:extension:metadata", metadata}};
}

TEST(ReadField, GivesBackWhatOurProfileWrites) {
  for (Field field : one_field_of_each_kind()) {
    for (size_t d = 0; d < kDTypeCount; ++d) {
      field.dtype =
          field.kind == ColumnKind::kBytes || field.kind == ColumnKind::kText || field.binary
              ? DType::kUint8
              : static_cast<DType>(d);
      flatbuffers::FlatBufferBuilder builder;
      builder.Finish(build_field(builder, field));
      const auto* written = flatbuffers::GetRoot<flatbuf::Field>(builder.GetBufferPointer());
      EXPECT_EQ(read_field(*written, field.name, "f"), profile_column(field)) << describe(field);
    }
  }
}

TEST(ReadField, KnowsTheTypesOfOthers) {
  const ColumnLayout list = read(list_node(Type::List, int_node()));
  EXPECT_EQ(list.field.kind, ColumnKind::kRagged);
  EXPECT_EQ(list.offset_size, 4);
  EXPECT_EQ(read({.type = Type::Utf8}).field.kind, ColumnKind::kText);
  EXPECT_EQ(read({.type = Type::Utf8}).offset_size, 4);
  EXPECT_EQ(read({.type = Type::Binary}).field.kind, ColumnKind::kBytes);
  EXPECT_EQ(read({.type = Type::LargeBinary}).offset_size, 8);
  const ColumnLayout bits = read(list_node(Type::FixedSizeList, {.type = Type::Bool}, 3));
  EXPECT_TRUE(bits.packed_bits);
  EXPECT_EQ(bits.field.dtype, DType::kBool);
  EXPECT_EQ(bits.field.row_shape, Shape{3});
}

TEST(ReadField, TakesTheShapeOfAFixedShapeTensor) {
  const auto tensor = [](int32_t size, const std::string& json) {
    return list_node(Type::FixedSizeList, int_node(), size,
                     extension("arrow.fixed_shape_tensor", json));
  };
  const ColumnLayout column = read(tensor(6, R"({"shape":[2,3]})"));
  EXPECT_EQ(column.field.row_shape, (Shape{2, 3}));
  EXPECT_EQ(column.list_sizes, Shape{6});
  const ColumnLayout inside = read(list_node(Type::LargeList, tensor(6, R"({"shape":[3,2]})")));
  EXPECT_EQ(inside.field.kind, ColumnKind::kRagged);
  EXPECT_EQ(inside.field.row_shape, (Shape{3, 2}));
  expect_refused(ErrorCode::kUnsupported, {"permuted"},
                 tensor(6, R"({"shape":[2,3],"permutation":[1,0]})"));
  expect_refused(ErrorCode::kCorrupt, {"does not fit"}, tensor(7, R"({"shape":[2,3]})"));
  expect_refused(ErrorCode::kCorrupt, {"readable shape"}, tensor(6, R"({"shape":"2,3"})"));
  expect_refused(ErrorCode::kCorrupt, {"does not fit"},
                 {.type = Type::Int,
                  .metadata = extension("arrow.fixed_shape_tensor", R"({"shape":[]})"),
                  .size = 8});
}

TEST(ReadField, RefusesWhatIsNotReadInPlaceAndSaysHowToConvertIt) {
  const auto unsupported = [](const ArrowNode& node, std::string_view what) {
    expect_refused(ErrorCode::kUnsupported, {what, "headrace convert"}, node);
  };
  ArrowNode dictionary = int_node();
  dictionary.dictionary = true;
  unsupported(dictionary, "dictionary");
  unsupported(list_node(Type::List, dictionary), "dictionary");
  unsupported(list_node(Type::FixedSizeList, dictionary, 2), "dictionary");
  for (const Type type : flatbuf::EnumValuesType()) {
    const bool known = type == Type::NONE || type == Type::Int || type == Type::FloatingPoint ||
                       type == Type::Binary || type == Type::Utf8 || type == Type::Bool ||
                       type == Type::LargeBinary || type == Type::LargeUtf8 || type == Type::List ||
                       type == Type::LargeList || type == Type::FixedSizeList;
    if (!known) {
      unsupported({.type = type}, flatbuf::EnumNameType(type));
    }
  }
  unsupported({.type = static_cast<Type>(200)}, "type 200");
  unsupported(int_node(128), "type Int");
  unsupported(list_node(Type::List, {.type = Type::Bool}), "list of bits");
  unsupported(list_node(Type::List, list_node(Type::List, int_node())), "type List");
  unsupported(list_node(Type::FixedSizeList, list_node(Type::List, int_node()), 2), "type List");
  unsupported(list_node(Type::List, int_node(), 0, extension("a.b", "")), "extension type a.b");
  unsupported({.type = Type::Utf8, .metadata = extension("arrow.json", "")}, "arrow.json");
  unsupported(list_node(Type::FixedSizeList, int_node(), 0), "rows of no elements");
  ArrowNode future = int_node(8, false);
  future.metadata = {{"headrace.dtype", "float8_e4m3fn"}};
  unsupported(future, "float8_e4m3fn");
}

TEST(ReadField, RefusesWhatContradictsItself) {
  const auto corrupt = [](const ArrowNode& node, std::string_view what) {
    expect_refused(ErrorCode::kCorrupt, {what}, node);
  };
  corrupt({}, "no type");
  corrupt({.type = Type::List}, "exactly one child");
  corrupt({.type = Type::LargeList, .children = {int_node(), int_node()}}, "exactly one child");
  corrupt({.type = Type::FixedSizeList, .size = 2}, "exactly one child");
  corrupt(list_node(Type::FixedSizeList, int_node(), -1), "negative size");
  ArrowNode parent = int_node();
  parent.children = {int_node()};
  corrupt(parent, "has children");
  corrupt({.type = Type::Utf8, .children = {int_node()}}, "has children");
  ArrowNode wrong = int_node(32);
  wrong.metadata = {{"headrace.dtype", "bfloat16"}};
  corrupt(wrong, "bfloat16");
  ArrowNode wide = int_node(32);
  wide.metadata = {{"headrace.columns", "10"}};
  corrupt(wide, "is no list");
}

TEST(ReadField, HoldsCsrToItsForm) {
  const auto csr = [](ArrowNode item, const std::string& width = "10") {
    return list_node(Type::LargeList, std::move(item), 0, {{"headrace.columns", width}});
  };
  const auto pair = [](const std::string& first, const std::string& second) {
    return ArrowNode{.type = Type::Struct_,
                     .children = {int_node(32, true, first), int_node(64, true, second)}};
  };
  EXPECT_EQ(read(csr(pair("indices", "values"))).field.index_dtype, DType::kInt32);
  EXPECT_TRUE(read(csr(int_node(64))).field.binary);
  expect_refused(ErrorCode::kCorrupt, {"indices and values"}, csr(pair("values", "indices")));
  expect_refused(ErrorCode::kCorrupt, {"indices and values"}, csr({.type = Type::Struct_}));
  for (const char* width : {"", "-1", "ten", "10 ", "18446744073709551616"}) {
    expect_refused(ErrorCode::kCorrupt, {"no number"}, csr(int_node(64), width));
  }
  expect_refused(ErrorCode::kCorrupt, {"not 0"}, csr(int_node(64), "0"));
  expect_refused(ErrorCode::kCorrupt, {"not 4294967296"}, csr(int_node(32), "4294967296"));
  expect_refused(ErrorCode::kCorrupt, {"uint32"}, csr(int_node(32, false)));
}

}  // namespace
}  // namespace headrace
