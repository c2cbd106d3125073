#include "dataset/piece_list.h"

#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/shard_lists.h"

namespace headrace {
namespace {

using Columns = std::vector<uint32_t>;

// Two shards, of three batches and of two.
std::shared_ptr<const ShardList> two_shards() { return shard_list({10, 8}, {4, 4}, 900); }

// The same pieces, each with its source.
PieceList one_by_one(const std::shared_ptr<const ShardList>& shards) {
  std::vector<Piece> pieces;
  const PieceList listed(shards);
  for (uint64_t i = 0; i < shards->size(); ++i) {
    pieces.push_back(listed.piece(i, shards->row_counts()[i]));
  }
  return PieceList(std::move(pieces));
}

void expect_same(const PieceList& a, const PieceList& b) {
  ASSERT_EQ(a.size(), b.size());
  for (uint64_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a.place(i), b.place(i));
    EXPECT_EQ(a.first(i), b.first(i));
    EXPECT_EQ(a.file_end(i), b.file_end(i));
    EXPECT_EQ(&a.source(i), &b.source(i));
    EXPECT_EQ(a.made(i), b.made(i));
    ASSERT_EQ(a.columns(i) == nullptr, b.columns(i) == nullptr);
    if (a.columns(i) != nullptr) {
      EXPECT_EQ(*a.columns(i), *b.columns(i));
    }
  }
}

TEST(PieceList, OfShardsIsWhatItsPiecesAre) {
  const auto shards = two_shards();
  const PieceList listed(shards);
  const PieceList given = one_by_one(shards);
  expect_same(listed, given);
  expect_same(listed.slice(1, 4, 2, 3), given.slice(1, 4, 2, 3));
  expect_same(listed.slice(1, 4, 2, 3).slice(0, 2, 1, 2),
              given.slice(1, 4, 2, 3).slice(0, 2, 1, 2));
  expect_same(listed.slice(2, 3, 1, 1), given.slice(2, 3, 1, 1));
  expect_same(listed.with_columns({3, 1, 2}).slice(1, 5, 0, 4).with_columns({1, 0}),
              given.with_columns({3, 1, 2}).slice(1, 5, 0, 4).with_columns({1, 0}));
}

TEST(PieceList, SlicesBeginInTheMiddleOfAPiece) {
  const PieceList sliced = PieceList(two_shards()).slice(1, 4, 2, 3);
  EXPECT_EQ(sliced.first(0), 2U);
  EXPECT_EQ(sliced.first(1), 0U);
  EXPECT_EQ(sliced.slice(0, 2, 1, 2).first(0), 3U);
  EXPECT_EQ(sliced.file_end(0), 2U);
  EXPECT_EQ(sliced.file_end(2), 3U);
}

TEST(PieceList, ColumnsAreThoseOfTheSource) {
  const PieceList shown = PieceList(two_shards()).with_columns({5, 6, 7}).with_columns({2, 0});
  EXPECT_EQ(*shown.columns(0), (Columns{7, 5}));
}

TEST(PieceList, OfShardsMakesNoSourceUnasked) {
  const auto shards = two_shards();
  const PieceList sliced = PieceList(shards).slice(1, 5, 1, 4).with_columns({0});
  EXPECT_EQ(sliced.kinds(), 1U);
  EXPECT_EQ(sliced.variable_bytes(0, 9), 900U);  // half the rows of two shards of 900 bytes
  for (uint64_t i = 0; i < sliced.size(); ++i) {
    sliced.place(i);
    sliced.file_end(i);
    EXPECT_EQ(sliced.made(i), nullptr);
  }
  for (uint64_t i = 0; i < shards->size(); ++i) {
    EXPECT_EQ(shards->made(i), nullptr);
  }
}

TEST(PieceList, APieceKeepsTheSourceOfAListThatIsGone) {
  Piece piece = PieceList(two_shards()).piece(1, 4);
  EXPECT_EQ(piece.source->first_row_in_file(), 4U);
  EXPECT_EQ(piece.rows, 4U);
}

}  // namespace
}  // namespace headrace
