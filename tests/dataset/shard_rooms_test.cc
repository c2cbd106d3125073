#include "dataset/shard_rooms.h"

#include <memory>

#include <gtest/gtest.h>

#include "testing/numbered_shards.h"

namespace headrace {
namespace {

TEST(ShardRooms, OfAStoreAreThoseOfTheManifest) {
  const NumberedShards shards(3);
  const ShardRooms rooms(shards.table(), nullptr);
  EXPECT_EQ(rooms.made(), nullptr);
  EXPECT_EQ(rooms.room(1).bytes, NumberedShards::kShardBytes);
  EXPECT_EQ(rooms.room(1).stored_bytes, 0U);
  EXPECT_EQ(rooms.most_kept(1), NumberedShards::kShardBytes);
  EXPECT_EQ(rooms.least_room(1).bytes, NumberedShards::kShardBytes);
  EXPECT_FALSE(rooms.is_estimate(1));
  const FetchRequest request = rooms.request(1, 7);
  EXPECT_EQ(request.id, 1U);
  EXPECT_EQ(request.next_use, 7U);
  EXPECT_EQ(request.bytes, NumberedShards::kShardBytes);
  EXPECT_EQ(request.xxh3, shards.table()->stored_xxh3[1]);
  EXPECT_EQ(request.name, "shards/" + uuid_text(shards.table()->ids[1]) + ".arrow");
  EXPECT_FALSE(request.made);
  EXPECT_EQ(rooms.room_of_request(request).bytes, NumberedShards::kShardBytes);
  rooms.learn(1, 5);
  EXPECT_EQ(rooms.room(1).bytes, NumberedShards::kShardBytes) << "the manifest knows better";
}

TEST(ShardRooms, OfWhatIsMadeAreThoseThatAreKnownByNow) {
  const NumberedShards shards(2);
  const ShardRooms rooms(
      shards.table(),
      std::make_shared<MadeShards>(
          Schema{{.name = "x"}},
          std::vector<MadeShards::Shard>{{.name = "a", .rows = 1, .batch_rows = 1, .bytes = 600},
                                         {.name = "b", .rows = 1, .batch_rows = 1}},
          MadeShards::Seen{}, 50'000));
  EXPECT_EQ(rooms.room(0).bytes, 600U);
  EXPECT_GT(rooms.most_kept(0), 50'000U) << "its file says how large it is";
  EXPECT_FALSE(rooms.is_estimate(0));
  EXPECT_TRUE(rooms.is_estimate(1));
  EXPECT_LT(rooms.least_room(1).bytes, rooms.room(1).bytes);
  const FetchRequest request = rooms.request(1, 3);
  EXPECT_TRUE(request.made);
  EXPECT_EQ(request.name, "b");
  rooms.learn(1, 777);
  EXPECT_EQ(rooms.room(1).bytes, 777U);
  EXPECT_EQ(rooms.least_room(1).bytes, 777U);
  EXPECT_FALSE(rooms.is_estimate(1));
  EXPECT_EQ(rooms.room_of_request(request).bytes, request.bytes) << "what its job was told";
}

}  // namespace
}  // namespace headrace
