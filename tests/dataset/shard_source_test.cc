#include "dataset/shard_source.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "dataset/arrow_files.h"
#include "testing/errors.h"
#include "testing/shard_reading.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

const ShardSource& source_of(const DatasetPtr& dataset, uint64_t piece) {
  return dynamic_cast<const ShardSource&>(*dataset->groups().front()->piece(piece).source);
}

class ShardSources : public testing::Test {
 protected:
  TempDir dir_;
  std::vector<ShardColumn> columns_ = columns_of_each_kind(20);
  std::string path_ = dir_.write("a.arrow", shard_bytes(columns_, 8));
};

TEST_F(ShardSources, OfOneFileShareItsMap) {
  const DatasetPtr dataset = dataset_from_arrow_files({path_});
  const ShardSource& first = source_of(dataset, 0);
  const ShardSource& last = source_of(dataset, 2);
  EXPECT_EQ(last.first_row_in_file(), 16U);
  EXPECT_EQ(last.rows(), 4U);
  EXPECT_EQ(first.place(), last.place());
  EXPECT_NE(first.place(), source_of(dataset_from_arrow_files({path_}), 0).place());
  EXPECT_EQ(first.open().map_of(0), last.open().map_of(5));
  EXPECT_EQ(&first.stored(0)->path.text(), &last.stored(2)->path.text());
}

TEST_F(ShardSources, SayWhereTensorsAreStored) {
  const DatasetPtr dataset = dataset_from_arrow_files({path_});
  const ShardSource& source = source_of(dataset, 1);
  const StoredRows* rows = source.stored(1);
  EXPECT_EQ(rows->row_bytes, 6U);
  EXPECT_EQ(rows->offset % 64, 0U);
  EXPECT_EQ(source.stored(3), nullptr);  // ragged
}

TEST_F(ShardSources, ReadByCallsWhatIsNotMapped) {
  const DatasetPtr mapped = dataset_from_arrow_files({path_});
  const DatasetPtr called = dataset_from_arrow_files({path_}, {.io = Io::kPread});
  OpenFiles files;
  for (const DatasetPtr& dataset : {mapped, called}) {
    const ShardSource& source = source_of(dataset, 1);
    std::vector<std::byte> rows(2 * 6);
    source.read(1, 3, 2, rows.data(), files);
    EXPECT_EQ(rows, std::vector(columns_[1].values.begin() + 11 * 6,
                                columns_[1].values.begin() + 13 * 6));
  }
  EXPECT_EQ(source_of(called, 0).open().columns[1].rows, nullptr);
  EXPECT_EQ(source_of(called, 0).open().variable[3].offsets, nullptr);
}

TEST_F(ShardSources, AnotherBatchThanPromisedIsRefused) {
  class OneFile : public ShardSet {
   public:
    OneFile(Schema schema, std::string path, uint64_t bytes)
        : ShardSet(std::move(schema), {}), path_(std::move(path)), bytes_(bytes) {}
    std::string path(size_t) const override { return path_; }
    std::string id(size_t) const override { return {}; }
    ExpectedShard expected(size_t) const override { return {.rows = 20, .bytes = bytes_}; }

   private:
    std::string path_;
    uint64_t bytes_;
  };
  const auto set = std::make_shared<const OneFile>(schema_of(columns_), path_,
                                                   std::filesystem::file_size(path_));
  const auto file = std::make_shared<const ShardFile>(set, 0);
  EXPECT_NO_THROW(ShardSource(file, 1, 8, 8).open());
  expect_error(ErrorCode::kCorrupt, {"a.arrow", "record batches"},
               [&] { ShardSource(file, 1, 10, 8).open(); });
  expect_error(ErrorCode::kCorrupt, {"a.arrow", "record batches"},
               [&] { ShardSource(file, 2, 16, 5).open(); });
  expect_error(ErrorCode::kCorrupt, {"a.arrow", "record batches"},
               [&] { ShardSource(file, 3, 20, 1).open(); });
}

}  // namespace
}  // namespace headrace
