#include "base/hash.h"

#include <array>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

// The buffer of xxHash's own sanity test.
std::vector<std::byte> sanity_buffer(size_t size) {
  std::vector<std::byte> bytes;
  uint64_t state = 2654435761U;
  for (size_t i = 0; i < size; ++i) {
    bytes.push_back(static_cast<std::byte>(state >> 56));
    state *= 11400714785074694797U;
  }
  return bytes;
}

TEST(HashBytes, GivesTheKnownAnswersOfXxh3) {
  // From xxHash's sanity test: XXH3_64bits, seed 0. The lengths take each of its code paths.
  constexpr std::array<std::pair<size_t, uint64_t>, 8> kAnswers = {{
      {0, 0x2D06800538D394C2U},
      {1, 0xC44BDFF4074EECDBU},
      {6, 0x27B56A84CD2D7325U},
      {12, 0xA713DAF0DFBB77E7U},
      {24, 0xA3FE70BF9D3510EBU},
      {48, 0x397DA259ECBA1F11U},
      {195, 0xCD94217EE362EC3AU},
      {2048, 0xDD59E2C3A5F038E0U},
  }};
  for (const auto& [size, answer] : kAnswers) {
    EXPECT_EQ(hash_bytes(sanity_buffer(size)), answer) << size;
  }
}

TEST(HashWords, IsTheHashOfTheLittleEndianBytes) {
  const std::array<uint8_t, 16> bytes = {8, 7, 6, 5, 4, 3, 2, 1, 0x10, 0, 0, 0, 0, 0, 0, 0x80};
  EXPECT_EQ(hash_words({0x0102030405060708U, 0x8000000000000010U}),
            hash_bytes(std::as_bytes(std::span(bytes))));
}

TEST(HashWords, KeepsOrderAndCountApart) {
  EXPECT_NE(hash_words({1, 0}), hash_words({0, 1}));
  EXPECT_NE(hash_words({1}), hash_words({1, 0}));
  EXPECT_NE(hash_words({}), hash_words({0}));
}

TEST(HashWords, OfNeighbouringTuplesNeverMeet) {
  std::set<uint64_t> hashes;
  for (uint64_t a = 0; a < 100; ++a) {
    for (uint64_t b = 0; b < 100; ++b) {
      hashes.insert(hash_words({a, b}));
    }
  }
  EXPECT_EQ(hashes.size(), 10'000U);
}

TEST(HashWords, TakesEightWords) {
  const std::array<uint64_t, 8> words = {1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(hash_words({1, 2, 3, 4, 5, 6, 7, 8}), hash_bytes(std::as_bytes(std::span(words))));
}

TEST(Hasher, EqualsTheOneShotHashForEverySplit) {
  const std::vector<std::byte> bytes = sanity_buffer(1100);
  const std::span<const std::byte> all(bytes);
  const uint64_t expected = hash_bytes(all);
  for (size_t cut = 0; cut <= all.size(); cut += 11) {
    Hasher hasher;
    hasher.update(all.first(cut));
    hasher.update(all.subspan(cut));
    ASSERT_EQ(hasher.digest(), expected) << cut;
  }
}

TEST(Hasher, TakesWordsAsLittleEndianBytes) {
  Hasher hasher;
  hasher.update(uint64_t{3});
  hasher.update(uint64_t{9});
  EXPECT_EQ(hasher.digest(), hash_words({3, 9}));
}

TEST(Hasher, CanGoOnAfterADigest) {
  Hasher hasher;
  EXPECT_EQ(hasher.digest(), hash_bytes({}));
  hasher.update(uint64_t{3});
  EXPECT_EQ(hasher.digest(), hash_words({3}));
  EXPECT_EQ(hasher.digest(), hash_words({3}));
}

}  // namespace
}  // namespace headrace
