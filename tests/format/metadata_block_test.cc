#include "format/metadata_block.h"

#include <array>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace headrace {
namespace {

// A footer with one column.
std::vector<std::byte> footer() {
  flatbuffers::FlatBufferBuilder builder;
  const std::vector fields = {flatbuf::CreateFieldDirect(builder, "x")};
  const auto schema = flatbuf::CreateSchemaDirect(builder, flatbuf::Endianness::Little, &fields);
  builder.Finish(flatbuf::CreateFooter(builder, flatbuf::MetadataVersion::V5, schema));
  const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return {bytes.begin(), bytes.end()};
}

TEST(MetadataBlock, GivesAFlatbufferOnlyAfterItsVerifier) {
  const TempDir dir;
  std::vector<std::byte> bytes = footer();
  const uint64_t size = bytes.size();
  MetadataBlock block;
  block.read(File(dir.write("good", bytes)), {0, size});
  const auto* root = block.root<flatbuf::Footer>(0, size);
  ASSERT_NE(root, nullptr);
  EXPECT_EQ(root->schema()->fields()->Get(0)->name()->str(), "x");
  EXPECT_EQ(block.root<flatbuf::Footer>(0, 4), nullptr);
  EXPECT_EQ(block.root<flatbuf::Footer>(0, 0), nullptr);
  bytes[0] = std::byte{0xFF};  // the offset of the root
  block.read(File(dir.write("bad", bytes)), {0, size});
  EXPECT_EQ(block.root<flatbuf::Footer>(0, size), nullptr);
}

TEST(StructAt, ReadsStructsAtAnyAddress) {
  // A vector of two structs behind a length, at every address modulo 8.
  const std::array<int64_t, 4> numbers = {1, 2, 3, -4};
  const uint32_t length = 2;
  for (size_t shift = 0; shift < 8; shift += sizeof(length)) {
    alignas(8) std::array<std::byte, 48> memory{};
    std::memcpy(memory.data() + shift, &length, sizeof(length));
    std::memcpy(memory.data() + shift + sizeof(length), numbers.data(), sizeof(numbers));
    const auto& vector = *reinterpret_cast<const flatbuffers::Vector<const flatbuf::Buffer*>*>(
        memory.data() + shift);
    EXPECT_EQ(struct_at(vector, 0).length(), 2);
    EXPECT_EQ(struct_at(vector, 1).offset(), 3);
    EXPECT_EQ(struct_at(vector, 1).length(), -4);
  }
}

TEST(MetadataBlock, IsUsedAgainForMoreAndForLess) {
  const TempDir dir;
  const File file(dir.write("numbers", std::vector<uint8_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  MetadataBlock block;
  block.read(file, {2, 3});
  EXPECT_EQ(block.bytes().size(), 3U);
  EXPECT_EQ(block.bytes()[0], std::byte{3});
  block.read(file, {0, 8});
  EXPECT_EQ(block.bytes()[7], std::byte{8});
  block.read(file, {7, 1});
  ASSERT_EQ(block.bytes().size(), 1U);
  EXPECT_EQ(block.bytes()[0], std::byte{8});
}

}  // namespace
}  // namespace headrace
