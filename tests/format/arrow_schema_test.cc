#include "format/arrow_schema.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/arrow_fields.h"
#include "testing/errors.h"
#include "testing/shards.h"

namespace headrace {
namespace {

using flatbuf::Endianness;

const flatbuf::Schema& root_of(const flatbuffers::FlatBufferBuilder& builder) {
  return *flatbuffers::GetRoot<flatbuf::Schema>(builder.GetBufferPointer());
}

ArrowSchema read(const std::vector<ArrowNode>& nodes, Endianness endianness = Endianness::Little) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<flatbuf::Field>> fields;
  for (const ArrowNode& node : nodes) {
    fields.push_back(build_node(builder, node));
  }
  builder.Finish(flatbuf::CreateSchemaDirect(builder, endianness, &fields));
  return read_schema(root_of(builder), builder.GetSize(), "f.arrow");
}

TEST(ArrowSchema, GivesBackColumnsAndMetadata) {
  const std::vector<Field> schema = one_field_of_each_kind();
  const Metadata metadata = {{"b", "2"}, {"a", "1"}, {"", ""}};
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(build_schema(builder, schema, metadata));
  const ArrowSchema found = read_schema(root_of(builder), builder.GetSize(), "f.arrow");
  ASSERT_EQ(found.columns.size(), schema.size());
  for (size_t i = 0; i < schema.size(); ++i) {
    EXPECT_EQ(found.columns[i].field, schema[i]);
  }
  EXPECT_EQ(found.metadata, metadata);
}

TEST(ArrowSchema, RefusesBigEndianNoColumnsAndTwoOfOneName) {
  expect_error(ErrorCode::kUnsupported, {"big endian", "headrace convert"},
               [] { read({int_node()}, Endianness::Big); });
  expect_error(ErrorCode::kUnsupported, {"no columns"}, [] { read({}); });
  expect_error(ErrorCode::kUnsupported, {"two columns are called a"}, [] {
    read({int_node(8, true, "a"), int_node(8, true, "b"), int_node(8, true, "a")});
  });
}

TEST(ArrowSchema, RefusesNamesThatAreNotUtf8) {
  expect_error(ErrorCode::kCorrupt, {"column number 1", "UTF-8"}, [] {
    read({int_node(8, true, "a"), int_node(8, true, "caf\xE9")});
  });
}

TEST(ArrowSchema, CopiesNoMoreTextThanThereAreBytes) {
  // A thousand entries that all stand for the same text.
  flatbuffers::FlatBufferBuilder builder;
  const std::vector fields = {build_node(builder, int_node())};
  const auto text = builder.CreateString(std::string(10'000, 'x'));
  const auto entry = flatbuf::CreateKeyValue(builder, text, text);
  const std::vector entries(1000, entry);
  builder.Finish(flatbuf::CreateSchemaDirect(builder, Endianness::Little, &fields, &entries));
  expect_error(ErrorCode::kCorrupt, {"more text"},
               [&] { read_schema(root_of(builder), builder.GetSize(), "f.arrow"); });
}

}  // namespace
}  // namespace headrace
