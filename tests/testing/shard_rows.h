#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "format/shard_layout.h"
#include "testing/shards.h"
#include "testing/temp_dir.h"

// Reading shards in tests.
namespace headrace {

// The layout of a file of these bytes.
inline ShardLayout read_bytes(std::span<const std::byte> bytes,
                              LayoutRules rules = LayoutRules::kAnyArrow) {
  const TempDir dir;
  return read_shard_layout(File(dir.write("a.arrow", bytes)), rules);
}

// The body of a batch in the bytes of its file.
inline std::span<const std::byte> body_of(const BatchLayout& batch,
                                          std::span<const std::byte> file) {
  return file.subspan(batch.body.offset, batch.body.bytes);
}

// Expects that a shard shows the rows of `columns`, batch for batch.
inline void expect_rows(const ShardLayout& layout, std::span<const std::byte> file,
                        const std::vector<ShardColumn>& columns) {
  ASSERT_EQ(layout.columns.size(), columns.size());
  EXPECT_EQ(layout.rows, columns[0].rows);
  uint64_t row = 0;
  for (const BatchLayout& batch : layout.batches) {
    EXPECT_EQ(batch.first_row, row);
    EXPECT_EQ(batch.body.offset % kBodyAlignment, 0U);
    EXPECT_TRUE(body_is_intact(batch, body_of(batch, file)));
    for (size_t c = 0; c < columns.size(); ++c) {
      const Field& field = columns[c].field;
      EXPECT_EQ(layout.columns[c].field, field);
      const ColumnView found =
          view_of(layout.columns[c], batch.columns[c], batch.rows, file.data());
      const ColumnView expected = columns[c].view(row, batch.rows);
      for (uint64_t i = 0; i < batch.rows; ++i) {
        ASSERT_EQ(row_bytes(field, found, i), row_bytes(field, expected, i))
            << field.name << " row " << row + i;
      }
    }
    row += batch.rows;
  }
  EXPECT_EQ(row, layout.rows);
}

}  // namespace headrace
