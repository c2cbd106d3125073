#include "dataset/shard_admission.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "dataset/shard_rooms.h"
#include "dataset/shard_window.h"
#include "testing/earlier_boot.h"
#include "testing/errors.h"
#include "testing/shards.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;
using std::chrono::milliseconds;

const Uuid kDataset = {4};
constexpr size_t kPlain = 0;
constexpr size_t kZstd = 1;
constexpr uint64_t kRows = 1000;

void no_poll() {}

// A shard as it is stored plain, and one of other rows that is stored compressed.
class ShardAdmissionTest : public testing::Test {
 protected:
  ShardAdmissionTest() {
    const auto plain = [](uint32_t seed, ShardEncoding encoding) {
      return shard_bytes({make_column({.name = "x"}, kRows, seed), blobs("b", kRows, 30)}, 300, {},
                         encoding);
    };
    expanded_ = {plain(1, ShardEncoding::kPlain), plain(2, ShardEncoding::kPlain)};
    stored_ = {expanded_[0], plain(2, ShardEncoding::kZstd)};
    for (const size_t shard : {kPlain, kZstd}) {
      table_.ids.push_back({static_cast<uint8_t>(shard)});
      table_.rows.push_back(kRows);
      table_.batch_rows.push_back(300);
      table_.bytes.push_back(expanded_[shard].size());
      table_.stored_bytes.push_back(stored_[shard].size());
      table_.stored_xxh3.push_back(hash_bytes(stored_[shard]));
      table_.encodings.push_back(shard == kZstd ? ShardEncoding::kZstd : ShardEncoding::kPlain);
    }
  }

  std::shared_ptr<const ShardTable> table() const {
    return std::make_shared<const ShardTable>(table_);
  }

  std::shared_ptr<ShardWindow> open(uint64_t limit = uint64_t{1} << 20) const {
    return ShardWindow::open(kDataset, table(),
                             {.cache_directory = dir_.path("cache"), .cache_bytes = limit});
  }

  // Does all the jobs there are, with `bytes`; returns how many.
  static int fetch(ShardWindow& window, const Bytes& bytes) {
    int jobs = 0;
    for (; const auto job = window.jobs()->take(milliseconds(0)); ++jobs) {
      job->write(job->offset(), std::span(bytes).subspan(job->offset(), job->bytes()));
      job->done("");
    }
    return jobs;
  }

  static Bytes bytes_of(const CachedShard& shard) {
    return {shard.map()->data(), shard.map()->data() + shard.map()->size()};
  }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(boot())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  std::string boot() const { return dir_.path("cache/" + uuid_text(boot_id())); }

  TempDir dir_;
  ShardTable table_;
  std::vector<Bytes> expanded_;
  std::vector<Bytes> stored_;
};

TEST_F(ShardAdmissionTest, RoomIsForWhatIsKeptAndForWhatItIsMadeOf) {
  EXPECT_EQ(room_of(table_, kPlain).bytes, stored_[kPlain].size());
  EXPECT_EQ(room_of(table_, kPlain).stored_bytes, 0U);
  EXPECT_EQ(room_of(table_, kZstd).bytes, expanded_[kZstd].size());
  EXPECT_EQ(room_of(table_, kZstd).stored_bytes, stored_[kZstd].size());
  EXPECT_LT(stored_[kZstd].size(), expanded_[kZstd].size() / 2);
}

TEST_F(ShardAdmissionTest, CompressedShardsAreKeptWithoutCompression) {
  const auto window = open();
  for (const size_t shard : {kPlain, kZstd}) {
    window->want(shard, shard);
    ASSERT_EQ(fetch(*window, stored_[shard]), 1);
    EXPECT_EQ(bytes_of(*window->wait(shard, no_poll)), expanded_[shard]);
  }
  const uint64_t kept = charged_bytes(expanded_[0].size()) + charged_bytes(expanded_[1].size());
  EXPECT_EQ(window->stats().held_bytes, kept) << "what it was made of is gone";
  EXPECT_EQ(window->stats().bytes, stored_[0].size() + stored_[1].size());
  EXPECT_EQ(files().size(), 2U);
  EXPECT_EQ(std::ranges::count_if(
                files(), [](const std::string& name) { return name.ends_with(".expanded.shard"); }),
            1);
  const auto later = open();
  EXPECT_EQ(bytes_of(*later->wait(kZstd, no_poll)), expanded_[kZstd]);
  EXPECT_EQ(later->stats().fetches, 0U);
}

TEST_F(ShardAdmissionTest, AShardThatIsSmallerThanTheManifestSaysTakesWhatItHas) {
  table_.bytes[kZstd] += 100'000;
  const auto window = open();
  window->want(kZstd, 0);
  fetch(*window, stored_[kZstd]);
  EXPECT_EQ(bytes_of(*window->wait(kZstd, no_poll)), expanded_[kZstd]);
  EXPECT_EQ(window->stats().held_bytes, charged_bytes(expanded_[kZstd].size()));
  EXPECT_EQ(ShardCache::open({.directory = dir_.path("cache"), .limit_bytes = 1})->used_bytes(),
            charged_bytes(expanded_[kZstd].size()));
}

TEST_F(ShardAdmissionTest, WrongBytesAreFetchedAgainBeforeOneIsExpanded) {
  const auto window = open();
  window->want(kZstd, 0);
  Bytes damaged = stored_[kZstd];
  damaged[damaged.size() / 2] ^= std::byte{1};
  auto job = window->jobs()->take(milliseconds(0));
  job->write(0, damaged);
  job->done("");
  EXPECT_EQ(window->stats().retries, 1U);
  while ((job = window->jobs()->take(milliseconds(1000))) == nullptr) {
  }
  job->write(0, stored_[kZstd]);
  job->done("");
  EXPECT_EQ(bytes_of(*window->wait(kZstd, no_poll)), expanded_[kZstd]);
}

// Whoever wrote it was wrong: the bytes are those of the manifest.
TEST_F(ShardAdmissionTest, AShardThatDoesNotExpandToWhatWasPromisedIsAnError) {
  const auto admit = [&](size_t shard, const Bytes& bytes) {
    table_.stored_bytes[shard] = bytes.size();
    table_.stored_xxh3[shard] = hash_bytes(bytes);
    const auto cache =
        ShardCache::open({.directory = dir_.path("cache"), .limit_bytes = uint64_t{1} << 20});
    ShardAdmission admission(cache, table());
    const NextUses keys(kDataset, table());
    auto claim = cache->claim(keys.key(shard));
    const auto reservation = cache->reserve(claim, room_of(table_, shard), 0);
    reservation->file().write(0, bytes);
    admission.admit(*reservation, cache->pin(keys.key(shard)), shard, 0, no_poll);
  };
  Bytes damaged = stored_[kZstd];
  damaged[damaged.size() / 2] ^= std::byte{1};
  expect_error(ErrorCode::kCorrupt, {}, [&] { admit(kZstd, damaged); });
  table_.bytes[kZstd] = expanded_[kZstd].size() - 1;
  expect_error(ErrorCode::kCorrupt, {"promises at most"}, [&] { admit(kZstd, stored_[kZstd]); });
  EXPECT_TRUE(files().empty()) << "the room was given back";
}

TEST_F(ShardAdmissionTest, WhatNobodyWantsAnyMoreIsNotExpanded) {
  const auto cache =
      ShardCache::open({.directory = dir_.path("cache"), .limit_bytes = uint64_t{1} << 20});
  ShardAdmission admission(cache, table());
  const NextUses keys(kDataset, table());
  auto claim = cache->claim(keys.key(kZstd));
  auto reservation = cache->reserve(claim, room_of(table_, kZstd), 0);
  reservation->file().write(0, stored_[kZstd]);
  const auto stop = [] { throw Error(ErrorCode::kCancelled, "stop"); };
  expect_error(ErrorCode::kCancelled, {"stop"},
               [&] { admission.admit(*reservation, cache->pin(keys.key(kZstd)), kZstd, 0, stop); });
  reservation.reset();
  EXPECT_EQ(cache->used_bytes(), 0U);
}

TEST_F(ShardAdmissionTest, WhatAnEarlierBootHasExpandedIsCheckedByItsOwnHashes) {
  {
    const auto window = open();
    window->want(kZstd, 0);
    fetch(*window, stored_[kZstd]);
  }
  const std::string name = files().at(0);
  std::string before = restart_machine(dir_.path("cache"));
  {
    const auto window = open();
    EXPECT_EQ(bytes_of(*window->wait(kZstd, no_poll)), expanded_[kZstd]);
    EXPECT_EQ(window->stats().hits, 1U);
  }
  fs::remove_all(before);
  for (const size_t at : {size_t{20}, expanded_[kZstd].size() / 2, expanded_[kZstd].size() - 20}) {
    before = restart_machine(dir_.path("cache"));
    Bytes damaged = expanded_[kZstd];
    damaged[at] ^= std::byte{1};
    dir_.write(before.substr(dir_.path().size() + 1) + "/" + name, damaged);
    const auto window = open();
    window->want(kZstd, 0);
    EXPECT_EQ(fetch(*window, stored_[kZstd]), 1) << "byte " << at;
    EXPECT_EQ(bytes_of(*window->wait(kZstd, no_poll)), expanded_[kZstd]);
    fs::remove_all(before);
  }
}

TEST_F(ShardAdmissionTest, AnotherSoundShardOfAnEarlierBootIsRefused) {
  const auto cache =
      ShardCache::open({.directory = dir_.path("cache"), .limit_bytes = uint64_t{1} << 20});
  const ShardAdmission admission(cache, table());
  const NextUses keys(kDataset, table());
  const auto claim = cache->claim(keys.key(kZstd));
  const std::string path =
      dir_.write("fewer", shard_bytes({make_column({.name = "x"}, kRows - 1)}, 300));
  EXPECT_FALSE(admission.adopt(*claim, path, kZstd));
  const auto plain = cache->claim(keys.key(kPlain));
  EXPECT_FALSE(admission.adopt(*plain, dir_.write("other", expanded_[kZstd]), kPlain));
  EXPECT_TRUE(admission.adopt(*plain, dir_.write("right", expanded_[kPlain]), kPlain));
}

}  // namespace
}  // namespace headrace
