#include "transform/ngrams.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/tokens.h"
#include "transform/murmur3.h"

namespace headrace {
namespace {

const std::vector<std::string> kWords = {"to", "be", "or", "not"};

std::vector<uint32_t> hashes_of(size_t starts, NgramRange range) {
  TokenBuffer buffer;
  add_tokens(buffer, kWords, " ");
  std::vector<uint32_t> hashes;
  hash_ngrams(buffer, starts, range, [&](uint32_t hash) { hashes.push_back(hash); });
  EXPECT_LE(hashes.size(), most_ngrams(buffer, starts, range));
  std::sort(hashes.begin(), hashes.end());
  return hashes;
}

std::vector<uint32_t> hashes_of(const std::vector<std::string>& ngrams) {
  std::vector<uint32_t> hashes;
  for (const std::string& ngram : ngrams) {
    hashes.push_back(murmur3(ngram));
  }
  std::sort(hashes.begin(), hashes.end());
  return hashes;
}

TEST(Ngrams, AreHashedWithSpacesBetweenTheirWords) {
  EXPECT_EQ(hashes_of(4, {1, 1}), hashes_of(kWords));
  EXPECT_EQ(hashes_of(4, {1, 2}), hashes_of({"to", "be", "or", "not", "to be", "be or", "or not"}));
  EXPECT_EQ(hashes_of(4, {2, 3}), hashes_of({"to be", "be or", "or not", "to be or", "be or not"}));
  EXPECT_EQ(hashes_of(4, {4, 1000}), hashes_of({"to be or not"}));
  EXPECT_TRUE(hashes_of(4, {5, 1000}).empty());
}

TEST(Ngrams, BeginWithTheFirstTokensOnly) {
  EXPECT_EQ(hashes_of(2, {1, 2}), hashes_of({"to", "be", "to be", "be or"}));
  EXPECT_TRUE(hashes_of(0, {1, 2}).empty());
}

}  // namespace
}  // namespace headrace
