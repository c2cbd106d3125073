#include "format/stored_body.h"

#include <cstring>

#include <gtest/gtest.h>

#include "testing/shards.h"

namespace headrace {
namespace {

using Bytes = std::vector<std::byte>;

int64_t prefix_at(std::span<const std::byte> body, uint64_t offset) {
  int64_t length = 0;
  std::memcpy(&length, body.data() + offset, sizeof(length));
  return length;
}

TEST(BodyCompressor, StoresBuffersOneByOneAtMultiplesOf64) {
  const std::vector<ColumnLayout> columns = {
      profile_column({.name = "x", .dtype = DType::kInt32}),
      profile_column({.name = "t", .kind = ColumnKind::kText})};
  BatchLayout batch = profile_batch(columns, 100, std::vector<uint64_t>{0, 5}, 0);
  const Bytes numbers(400, std::byte{7});
  const Bytes offsets(808, std::byte{1});
  const Bytes text = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}};
  const std::vector<std::span<const std::byte>> buffers = {numbers, offsets, text};

  BodyCompressor compressor;
  compressor.compress(buffers, batch);
  const auto body = compressor.body();
  EXPECT_EQ(batch.body.bytes, body.size());
  EXPECT_EQ(body.size(), 3 * kBodyAlignment);
  EXPECT_EQ(batch.columns[0].values.offset, 0U);
  EXPECT_EQ(batch.columns[1].offsets.offset, 64U);
  EXPECT_EQ(batch.columns[1].values, (Place{128, kStoredPrefix + 5}));
  EXPECT_EQ(prefix_at(body, 0), 400);
  EXPECT_EQ(prefix_at(body, 64), 808);
  // What gets no smaller stays as it is.
  EXPECT_EQ(prefix_at(body, 128), kStoredRaw);
  EXPECT_EQ(std::memcmp(body.data() + 136, text.data(), text.size()), 0);
  for (uint64_t at = 128 + batch.columns[1].values.bytes; at < body.size(); ++at) {
    EXPECT_EQ(body[at], std::byte{0});
  }

  const Bytes first(body.begin(), body.end());
  BatchLayout again = profile_batch(columns, 100, std::vector<uint64_t>{0, 5}, 0);
  compressor.compress(buffers, again);
  EXPECT_EQ(Bytes(compressor.body().begin(), compressor.body().end()), first);
}

TEST(StoredParts, AreThoseWithBytesInTheOrderOfTheFile) {
  ColumnPlace place{.values = {9, 1}, .offsets = {5, 2}, .indices = {7, 3}};
  EXPECT_EQ(stored_parts(place),
            (std::vector<Place*>{&place.offsets, &place.indices, &place.values}));
  place.indices.bytes = 0;
  EXPECT_EQ(stored_parts(place), (std::vector<Place*>{&place.offsets, &place.values}));
}

}  // namespace
}  // namespace headrace
