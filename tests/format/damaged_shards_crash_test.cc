#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/damaged_file.h"
#include "testing/golden_files.h"
#include "testing/shards.h"

// What was damaged is never read as if it were not: either the very rows that were written, or an
// Error. Each reading also goes through all rows without the hashes, where AddressSanitizer
// watches.
namespace headrace {
namespace {

using Bytes = std::vector<std::byte>;

constexpr uint64_t kRows = 5;
constexpr uint64_t kRowsPerBatch = 3;

Bytes small_shard(const Field& field, uint32_t seed = 1) {
  return shard_bytes({make_column(field, kRows, seed)}, kRowsPerBatch, {{"key", "value"}});
}

class DamagedShards : public testing::TestWithParam<Field> {};

TEST_P(DamagedShards, WithAnyBitFlippedAreAnError) {
  DamagedFile file(small_shard(GetParam()));
  ASSERT_TRUE(shown_by(file));
  for (uint64_t bit = 0; bit < 8 * file.bytes().size(); ++bit) {
    file.flip(bit);
    ASSERT_FALSE(shown_by(file)) << "bit " << bit % 8 << " of byte " << bit / 8;
    file.flip(bit);
  }
}

TEST_P(DamagedShards, CutAnywhereAreAnError) {
  DamagedFile file(small_shard(GetParam()));
  for (uint64_t size = file.bytes().size(); size > 0; --size) {
    file.truncate(size - 1);
    ASSERT_FALSE(shown_by(file)) << size - 1 << " bytes";
  }
}

TEST_P(DamagedShards, SplicedAtRandomAreAsWrittenOrAnError) {
  const Bytes original = small_shard(GetParam());
  const Bytes other = small_shard(GetParam(), 2);
  DamagedFile file(original);
  const std::optional<Shown> whole = shown_by(file);
  std::mt19937_64 random(20261122);
  for (int i = 0; i < 1250; ++i) {
    const Bytes& from = i % 2 == 0 ? original : other;
    const uint64_t length = 1 + random() % 96;
    const uint64_t source = random() % (from.size() - length);
    const uint64_t target = random() % (original.size() - length);
    file.write(target, std::span(from).subspan(source, length));
    const std::optional<Shown> shown = shown_by(file);
    ASSERT_TRUE(!shown || *shown == *whole)
        << length << " bytes from " << source << " to " << target << ", try " << i;
    file.write(target, std::span(original).subspan(target, length));
  }
}

TEST_P(DamagedShards, WithAnotherShardsEndAreAnError) {
  const Bytes original = small_shard(GetParam());
  const Bytes other = small_shard(GetParam(), 2);
  const size_t shared = std::min(original.size(), other.size());
  for (size_t tail = 8; tail < shared; tail += 8) {
    Bytes mixed(original.begin(), original.end() - static_cast<int64_t>(tail));
    mixed.insert(mixed.end(), other.end() - static_cast<int64_t>(tail), other.end());
    // Ends that are equal in both shards say nothing.
    if (mixed != original && mixed != other) {
      ASSERT_FALSE(shown_by(DamagedFile(mixed))) << tail << " bytes";
    }
  }
}

std::string name_of(const testing::TestParamInfo<Field>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(EachKind, DamagedShards, testing::ValuesIn(one_field_of_each_kind()),
                         name_of);

// Sizes, counts and offsets that other readers have stumbled over.
constexpr std::array<int64_t, 9> kNumbers = {0,
                                             1,
                                             -1,
                                             (int64_t{1} << 31) - 1,
                                             int64_t{1} << 31,
                                             int64_t{1} << 32,
                                             int64_t{1} << 62,
                                             std::numeric_limits<int64_t>::max(),
                                             std::numeric_limits<int64_t>::min()};

// Puts each number into each word of the file, as 64 and as 32 bits.
void expect_no_crash(const Bytes& original) {
  DamagedFile file(original);
  for (uint64_t at = 0; at + 8 <= original.size(); at += 4) {
    for (const int64_t number : kNumbers) {
      for (const uint64_t size : {8, 4}) {
        std::array<std::byte, 8> bytes{};
        std::memcpy(bytes.data(), &number, sizeof(number));
        file.write(at, std::span(bytes).first(size));
        shown_by(file);
      }
    }
    file.write(at, std::span(original).subspan(at, 8));
  }
}

TEST(DamagedFiles, WithAnyNumberInAnyWordAreReadOrAnErrorWithinTheirSize) {
  for (const Field& field : one_field_of_each_kind()) {
    expect_no_crash(small_shard(field));
  }
}

TEST(DamagedFiles, OfOthersWithAnyNumberInAnyWordAreReadOrAnError) {
  expect_no_crash(GoldenFile("foreign/polars.arrow").bytes());
  expect_no_crash(GoldenFile("foreign/feather.arrow").bytes());
}

}  // namespace
}  // namespace headrace
