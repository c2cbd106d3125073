#include "dataset/shard_rooms.h"

#include "dataset/dataset_paths.h"

namespace headrace {

ShardRoom room_of(const ShardTable& shards, size_t shard) {
  const bool expanded = shards.encodings[shard] != ShardEncoding::kPlain;
  return {.bytes = shards.read_bytes(shard),
          .stored_bytes = expanded ? shards.stored_bytes[shard] : 0};
}

ShardRoom ShardRooms::room(size_t shard) const {
  return made_ != nullptr ? ShardRoom{.bytes = made_->most_bytes(shard)} : room_of(*shards_, shard);
}

ShardRoom ShardRooms::least_room(size_t shard) const {
  return made_ != nullptr ? ShardRoom{.bytes = made_->least_bytes(shard)}
                          : room_of(*shards_, shard);
}

uint64_t ShardRooms::most_kept(size_t shard) const {
  // What was made says itself how large it is, whatever is estimated here.
  return made_ != nullptr ? UINT64_MAX : room_of(*shards_, shard).bytes;
}

FetchRequest ShardRooms::request(size_t shard, uint64_t position) const {
  if (made_ != nullptr) {
    return {.id = shard,
            .next_use = position,
            .bytes = made_->most_bytes(shard),
            .name = made_->name(shard),
            .made = true};
  }
  return {.id = shard,
          .next_use = position,
          .bytes = shards_->stored_bytes[shard],
          .xxh3 = shards_->stored_xxh3[shard],
          .name = "shards/" + DatasetPaths::shard_name(shards_->ids[shard])};
}

ShardRoom ShardRooms::room_of_request(const FetchRequest& request) const {
  return request.made ? ShardRoom{.bytes = request.bytes} : room_of(*shards_, request.id);
}

void ShardRooms::learn(size_t shard, uint64_t bytes) const noexcept {
  if (made_ != nullptr) {
    made_->learn(shard, shards_->rows[shard], bytes);
  }
}

}  // namespace headrace
