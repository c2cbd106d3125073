#include "format/batch_layout.h"

#include <array>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"

namespace headrace {
namespace {

Field tensor(std::vector<uint64_t> shape) {
  return {.name = "t", .dtype = DType::kInt32, .row_shape = std::move(shape)};
}

Field csr(bool binary) {
  return {.name = "c",
          .dtype = binary ? DType::kUint8 : DType::kFloat32,
          .kind = ColumnKind::kCsr,
          .index_dtype = DType::kUint16,
          .width = 50,
          .binary = binary};
}

// "rows*6: validity values" for each array.
std::vector<std::string> described(const Field& field) {
  const std::array names = {"validity", "offsets", "values", "indices"};
  std::vector<std::string> lines;
  for (const ArrayNode& node : array_nodes(profile_column(field))) {
    std::string line = std::string(node.per_element ? "elements*" : "rows*") +
                       std::to_string(node.multiplier) + ":";
    for (const BufferRole role : node.buffers) {
      line += std::string(" ") + names[static_cast<size_t>(role)];
    }
    lines.push_back(line);
  }
  return lines;
}

using Lines = std::vector<std::string>;

TEST(ArrayNodes, FollowArrowsOrderOfNestedArrays) {
  EXPECT_EQ(described(tensor({})), (Lines{"rows*1: validity values"}));
  EXPECT_EQ(described(tensor({2, 3})),
            (Lines{"rows*1: validity", "rows*2: validity", "rows*6: validity values"}));
  Field ragged = tensor({3});
  ragged.kind = ColumnKind::kRagged;
  EXPECT_EQ(described(ragged), (Lines{"rows*1: validity offsets", "elements*1: validity",
                                      "elements*3: validity values"}));
  EXPECT_EQ(described({.name = "b", .kind = ColumnKind::kBytes}),
            (Lines{"rows*1: validity offsets values"}));
  EXPECT_EQ(described(csr(false)),
            (Lines{"rows*1: validity offsets", "elements*1: validity",
                   "elements*1: validity indices", "elements*1: validity values"}));
  EXPECT_EQ(described(csr(true)),
            (Lines{"rows*1: validity offsets", "elements*1: validity indices"}));
}

TEST(BufferBytes, CountsBitsAndSaturates) {
  ColumnLayout bits{.field = {.name = "b", .dtype = DType::kBool, .row_shape = {3}},
                    .packed_bits = true,
                    .list_sizes = {3}};
  EXPECT_EQ(buffer_bytes(bits, BufferRole::kValues, 3, 0), 2U);
  EXPECT_EQ(buffer_bytes(bits, BufferRole::kValues, 8, 0), 3U);
  const ColumnLayout numbers = profile_column(tensor({5}));
  EXPECT_EQ(buffer_bytes(numbers, BufferRole::kValues, UINT64_MAX / 2, 0), UINT64_MAX);
  EXPECT_EQ(buffer_bytes(numbers, BufferRole::kValidity, 100, 0), 0U);
  const ColumnLayout text = profile_column({.name = "b", .kind = ColumnKind::kText});
  EXPECT_EQ(buffer_bytes(text, BufferRole::kOffsets, UINT64_MAX, 0), UINT64_MAX);
  EXPECT_EQ(buffer_bytes(text, BufferRole::kOffsets, 0, 0), 8U);
}

TEST(LeafElements, CountsNumbersOfRowsOrOfElements) {
  EXPECT_EQ(leaf_elements(tensor({2, 3}), 7, 0), 42U);
  EXPECT_EQ(leaf_elements(csr(false), 7, 40), 40U);
  Field ragged = tensor({2, 3});
  ragged.kind = ColumnKind::kRagged;
  EXPECT_EQ(leaf_elements(ragged, 7, 40), 240U);
  EXPECT_EQ(leaf_elements(ragged, 7, UINT64_MAX), UINT64_MAX);
}

TEST(AlignedBodySize, GoesUpToMultiplesOf64AndSaturates) {
  EXPECT_EQ(aligned_body_size(0), 0U);
  EXPECT_EQ(aligned_body_size(1), 64U);
  EXPECT_EQ(aligned_body_size(64), 64U);
  EXPECT_EQ(aligned_body_size(UINT64_MAX - 130), UINT64_MAX - 127);
  EXPECT_EQ(aligned_body_size(UINT64_MAX - 5), UINT64_MAX);
}

TEST(ProfileBatch, PutsEveryBufferAtAMultipleOf64) {
  const std::vector<ColumnLayout> columns = {profile_column(tensor({2, 3})),
                                             profile_column(csr(false))};
  const BatchLayout batch = profile_batch(columns, 7, std::array<uint64_t, 2>{0, 40}, 640);
  EXPECT_EQ(batch.columns[0].values, (Place{640, 168}));
  EXPECT_EQ(batch.columns[1].offsets, (Place{832, 64}));
  EXPECT_EQ(batch.columns[1].indices, (Place{896, 80}));
  EXPECT_EQ(batch.columns[1].values, (Place{1024, 160}));
  EXPECT_EQ(batch.columns[1].elements, 40U);
  EXPECT_EQ(batch.body, (Place{640, 1216 - 640}));
}

TEST(ViewOf, PointsAtThePartsThatAColumnHas) {
  const std::array<std::byte, 8> file{};
  const ColumnPlace place{.values = {1, 10}, .offsets = {2, 20}, .indices = {3, 30}, .elements = 4};
  const ColumnView full = view_of(profile_column(csr(false)), place, 2, file.data());
  EXPECT_EQ(full.values, file.data() + 1);
  EXPECT_EQ(full.offsets, file.data() + 2);
  EXPECT_EQ(full.indices, file.data() + 3);
  EXPECT_EQ(full.elements, 4U);
  EXPECT_EQ(full.rows, 2U);
  EXPECT_EQ(full.offset_size, 8);
  EXPECT_EQ(view_of(profile_column(csr(true)), place, 2, file.data()).values, nullptr);
  const ColumnView plain = view_of(profile_column(tensor({})), place, 2, file.data());
  EXPECT_EQ(plain.offsets, nullptr);
  EXPECT_EQ(plain.indices, nullptr);
}

TEST(ViewInBody, CountsPlacesFromTheBodyAndLeavesEmptyOnesAtItsStart) {
  const ColumnLayout layout = profile_column(csr(false));
  const BatchLayout batch = profile_batch(std::vector{layout}, 3, std::vector<uint64_t>{5}, 4096);
  const std::vector<std::byte> body(batch.body.bytes);
  const ColumnView view = view_in_body(layout, batch, 0, body.data());
  EXPECT_EQ(view.rows, 3U);
  EXPECT_EQ(view.elements, 5U);
  EXPECT_EQ(view.offsets, body.data() + batch.columns[0].offsets.offset - 4096);
  EXPECT_EQ(view.indices, body.data() + batch.columns[0].indices.offset - 4096);
  EXPECT_EQ(view.values, body.data() + batch.columns[0].values.offset - 4096);

  BatchLayout empty = batch;
  empty.columns[0].values = {1, 0};  // as files of others may have it: in front of the body
  EXPECT_EQ(view_in_body(layout, empty, 0, body.data()).values, body.data());
}

TEST(BodyIsIntact, ComparesTheHashThatTheBatchCarries) {
  const std::array<std::byte, 3> body = {std::byte{1}, std::byte{2}, std::byte{3}};
  EXPECT_TRUE(body_is_intact({.xxh3 = hash_bytes(body)}, body));
  EXPECT_FALSE(body_is_intact({.xxh3 = hash_bytes(body) + 1}, body));
  EXPECT_FALSE(body_is_intact({.xxh3 = hash_bytes(body)}, std::span(body).first(2)));
  EXPECT_TRUE(body_is_intact({}, body));
}

}  // namespace
}  // namespace headrace
