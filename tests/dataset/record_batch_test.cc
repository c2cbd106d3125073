#include "dataset/record_batch.h"

#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/shard_reading.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

class RecordBatches : public testing::Test {
 protected:
  static constexpr uint64_t kBatchRows = 8;

  // The shard, mapped or to be read by calls.
  OpenShard open(Io io) const {
    const File file(path_);
    return {.path = file.path(),
            .info = file.info(),
            .layout = read_shard_layout(file, LayoutRules::kProfileOnly),
            .map = map_file(file, io)};
  }

  TempDir dir_;
  std::vector<ShardColumn> columns_ = columns_of_each_kind(20);
  std::string path_ = dir_.write("a.arrow", shard_bytes(columns_, kBatchRows));
};

TEST_F(RecordBatches, ShowTheirRowsWhetherTheyAreMappedOrNot) {
  for (const Io io : {Io::kMmap, Io::kPread}) {
    const OpenShard shard = open(io);
    const RecordBatch batch(shard, 1, 8, 8);
    OpenFiles files;
    for (size_t c = 0; c < columns_.size(); ++c) {
      const Field& field = columns_[c].field;
      if (field.is_tensor()) {
        std::vector<std::byte> rows(3 * field.row_bytes());
        batch.read(c, 2, 3, rows.data(), files);
        EXPECT_EQ(std::memcmp(rows.data(), columns_[c].values.data() + 10 * field.row_bytes(),
                              rows.size()),
                  0)
            << field.name;
        continue;
      }
      const auto first = static_cast<uint64_t>(columns_[c].offsets[8]);
      const auto count = static_cast<uint64_t>(columns_[c].offsets[11]) - first;
      const uint64_t size = element_bytes(field, ColumnPart::kValues);
      std::vector<std::byte> values(count * size);
      batch.read_part(c, ColumnPart::kValues, 0, count, values.data(), files);
      EXPECT_TRUE(
          std::equal(values.begin(), values.end(), columns_[c].values.data() + first * size))
          << field.name;
    }
  }
}

TEST_F(RecordBatches, PointIntoTheMapWhereThereIsOne) {
  const OpenShard mapped = open(Io::kMmap);
  const OpenSource pointers = RecordBatch(mapped, 2, 16, 4).open();
  ASSERT_EQ(pointers.columns.size(), columns_.size());
  EXPECT_EQ(pointers.map_of(0), mapped.map.get());
  EXPECT_TRUE(mapped.map->contains(pointers.columns[0].rows));
  EXPECT_EQ(std::memcmp(pointers.columns[0].rows, columns_[0].values.data() + 16 * 8, 4 * 8), 0);
  EXPECT_EQ(pointers.variable[3].rows, 4U);
  EXPECT_EQ(pointers.retired, nullptr);

  const OpenShard called = open(Io::kPread);
  const OpenSource nothing = RecordBatch(called, 2, 16, 4).open();
  EXPECT_EQ(nothing.columns[0].rows, nullptr);
  EXPECT_EQ(nothing.variable[3].offsets, nullptr);
  EXPECT_EQ(nothing.variable[3].elements, pointers.variable[3].elements);
}

TEST_F(RecordBatches, OthersThanPromisedAreRefused) {
  const OpenShard shard = open(Io::kMmap);
  EXPECT_NO_THROW(RecordBatch(shard, 1, 8, 8));
  const auto expect_refused = [&](size_t number, uint64_t first, uint64_t rows) {
    const Error error = expect_error(ErrorCode::kCorrupt, {"a.arrow", "record batches"},
                                     [&] { RecordBatch(shard, number, first, rows); });
    EXPECT_EQ(error.context().file, path_);
  };
  expect_refused(1, 10, 8);
  expect_refused(2, 16, 5);
  expect_refused(3, 20, 1);
}

}  // namespace
}  // namespace headrace
