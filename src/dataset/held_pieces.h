#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "dataset/dataset.h"
#include "storage/waiting_turns.h"

namespace headrace {

// The pieces of transient sources that a reader holds. What is needed together is waited for as
// follows, so that no two readers wait for room that the other one has:
//
// 1. All is sent for. If all is here, it is held: done.
// 2. The reader lets go of all that it has.
// 3. One reader at a time has the turn, of all that share the cache: it holds what comes, and waits
//    for the rest. The others hold nothing, wait for the first shard that is missing, and begin
//    anew. Who waits for long takes the turn when it becomes free: what is missing may lack room
//    that only it can make.
//
// One per thread, not shared.
class HeldPieces {
 public:
  // A piece of a dataset: its group, and its number there.
  struct Name {
    uint32_t group = 0;
    uint32_t piece = 0;
    bool operator==(const Name&) const = default;
  };

  // `on_drop` is called for each piece that is let go.
  HeldPieces(const Dataset& dataset, std::function<void(Name)> on_drop)
      : dataset_(dataset), on_drop_(std::move(on_drop)) {}

  // Holds `pieces` of a group, all at once, and waits for them if need be; then all that was held
  // before was let go meanwhile, here and by whatever `before_wait` calls. Those of other sources
  // are opened. Calls `poll` while it waits. Throws as Source::fetch and Source::hold; kInvalid
  // where the pieces together are larger than their cache.
  void hold(uint32_t group, std::span<const uint32_t> pieces,
            const std::function<void()>& before_wait, const std::function<void()>& poll);

  // What a piece of the dataset has open; nullptr where it is neither open nor held.
  const OpenSource* opened(Name name) const;

  // The map that holds `address`; nullptr if none does.
  const MappedFile* map_at(const void* address) const;

  // Throws kTruncated when a file that is held has become shorter.
  void check_files() const;

  // Lets go of what its source has no more use for. Costs a few nanoseconds a piece.
  void drop_retired();

  void drop_all();

 private:
  struct Hash {
    size_t operator()(const Name& name) const noexcept {
      return std::hash<uint64_t>()((uint64_t{name.group} << 32) | name.piece);
    }
  };

  const Source& source(Name name) const {
    return *dataset_.groups()[name.group]->piece(name.piece).source;
  }
  // Which shards of which stores have to be in a cache at the same time.
  using Needed = std::map<const RemoteShards*, std::set<uint64_t>>;
  using NeededByCache = std::map<CacheId, Needed>;

  NeededByCache shards_of(uint32_t group, std::span<const uint32_t> pieces) const;
  const Source* try_hold(uint32_t group, std::span<const uint32_t> pieces);
  void wait_for(const Source* missing, uint32_t group, std::span<const uint32_t> pieces,
                const std::function<void()>& before_wait, const std::function<void()>& poll);
  void abandon(uint32_t group, std::span<const uint32_t> pieces) const noexcept;

  const Dataset& dataset_;
  std::function<void(Name)> on_drop_;
  std::unordered_map<Name, std::shared_ptr<const OpenSource>, Hash> held_;
};

}  // namespace headrace
