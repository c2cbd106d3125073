#include "dataset/shard_pieces.h"

#include <gtest/gtest.h>

#include "dataset/arrow_files.h"
#include "dataset/shard_source.h"
#include "dataset/views.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/shard_reading.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

// Files "a" and "b" of 20 rows, in batches of 8.
class TwoShards : public ShardSet {
 public:
  TwoShards(Schema schema, std::string folder, uint64_t bytes)
      : ShardSet(std::move(schema), {}), folder_(std::move(folder)), bytes_(bytes) {}
  std::string path(size_t shard) const override { return folder_ + "/" + id(shard); }
  std::string id(size_t shard) const override { return shard == 0 ? "a" : "b"; }
  ExpectedShard expected(size_t /*shard*/) const override { return {.rows = 20, .bytes = bytes_}; }

 private:
  std::string folder_;
  uint64_t bytes_;
};

class ShardPieces : public testing::Test {
 protected:
  DatasetPtr dataset(const std::vector<bool>& packed) const {
    const auto bytes = shard_bytes(columns_, 8);
    dir_.write("a", bytes);
    dir_.write("b", bytes);
    const auto set =
        std::make_shared<const TwoShards>(schema_of(columns_), dir_.path(), bytes.size());
    std::vector<Piece> pieces;
    for (size_t shard = 0; shard < 2; ++shard) {
      const auto file = std::make_shared<const ShardFile>(set, shard);
      for (uint64_t batch = 0; batch < 3; ++batch) {
        const uint64_t rows = batch < 2 ? 8 : 4;
        pieces.push_back({.source = std::make_shared<ShardSource>(file, batch, 8 * batch, rows),
                          .first = 0,
                          .rows = rows,
                          .columns = nullptr});
      }
    }
    return dataset_of_pieces(set->schema(), std::move(pieces), packed);
  }

  TempDir dir_;
  std::vector<ShardColumn> columns_ = columns_of_each_kind(20);
};

TEST_F(ShardPieces, PackedColumnsGetARowSpaceOfTheirOwn) {
  for (const bool some : {false, true}) {
    for (const bool all : {false, true}) {
      std::vector<bool> packed(columns_.size(), all);
      packed[1] = packed[4] = some || all;
      const DatasetPtr shown = dataset(packed);
      EXPECT_EQ(shown->groups().size(), some && !all ? 2U : 1U);
      expect_shows_rows(shown, {39, 0, 8, 21}, columns_, {19, 0, 8, 1});
    }
  }
}

TEST_F(ShardPieces, RowsOfAShardAreOneEntryWhateverItsBatches) {
  const DatasetPtr shown = dataset(std::vector<bool>(columns_.size()));
  const auto shards = shard_rows(*shown);
  ASSERT_EQ(shards.size(), 2U);
  EXPECT_EQ(shards[1].id, "b");
  EXPECT_EQ(shards[1].first, 20U);
  EXPECT_EQ(shards[1].rows, 20U);
  const auto part = shard_rows(*slice(shown, 10, 15, 1));
  ASSERT_EQ(part.size(), 2U);
  EXPECT_EQ(part[0].rows, 10U);
  EXPECT_EQ(part[1].first, 10U);
  EXPECT_EQ(part[1].rows, 5U);
}

TEST_F(ShardPieces, OtherDatasetsHaveNoShards) {
  const DatasetPtr shown = dataset(std::vector<bool>(columns_.size()));
  expect_error(ErrorCode::kInvalid, {"chosen rows"}, [&] { shard_rows(*slice(shown, 0, 5, 2)); });
  expect_error(ErrorCode::kInvalid, {"memory", "hr.Writer"},
               [&] { shard_rows(*in_memory({counting("x", 3)})); });
  expect_error(ErrorCode::kInvalid, {"files", "hr.convert"},
               [&] { shard_rows(*dataset_from_arrow_files({dir_.path("a")})); });
}

TEST_F(ShardPieces, ASplitByFileKeepsWholeShards) {
  const DatasetPtr shown = dataset(std::vector<bool>(columns_.size()));
  for (uint64_t seed = 0; seed < 20; ++seed) {
    try {
      for (const DatasetPtr& part : split_by_file(shown, {0.5, 0.5}, seed)) {
        EXPECT_EQ(part->rows(), 20U);
        EXPECT_EQ(part->file_count(), 1U);
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalid);  // both fell into one part
    }
  }
}

}  // namespace
}  // namespace headrace
