#include "column/gather_variable.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

template <typename T>
const std::byte* bytes_of(const std::vector<T>& values) {
  return reinterpret_cast<const std::byte*>(values.data());
}

// Text "0", "11", "222", ... with gaps between offsets[0] and the first element.
struct Texts {
  std::vector<int32_t> offsets = {2};
  std::string bytes = "__";

  explicit Texts(int rows) {
    for (int row = 0; row < rows; ++row) {
      bytes += text(row);
      offsets.push_back(static_cast<int32_t>(bytes.size()));
    }
  }
  static std::string text(int row) {
    return std::string(static_cast<size_t>(row % 7), static_cast<char>('a' + row % 26));
  }
  ColumnView view() const {
    return {.rows = offsets.size() - 1,
            .values = reinterpret_cast<const std::byte*>(bytes.data()),
            .offsets = bytes_of(offsets),
            .offset_size = 4,
            .elements = bytes.size()};
  }
};

std::string gathered(const std::vector<VariableRun>& runs, uint64_t rows,
                     std::vector<int64_t>& offsets) {
  std::vector<ElementRange> ranges(rows);
  EXPECT_FALSE(load_ranges(runs, ranges).found);
  offsets.assign(1, 0);
  for (const ElementRange& range : ranges) {
    offsets.push_back(offsets.back() + static_cast<int64_t>(range.size()));
  }
  std::string out(static_cast<size_t>(offsets.back()), '?');
  gather_elements(runs, ranges, ColumnPart::kValues, 1, offsets.data(),
                  reinterpret_cast<std::byte*>(out.data()));
  return out;
}

TEST(GatherVariable, CopiesRowsInAnyOrderToTheirPlaces) {
  const Texts texts(1000);
  const ColumnView view = texts.view();
  std::mt19937_64 random(5);
  std::vector<VariableRun> runs;
  std::vector<std::string> expected;
  uint32_t out = 0;
  for (int i = 0; i < 300; ++i) {
    const auto count = static_cast<uint32_t>(1 + random() % 4);
    const uint64_t first = random() % (1000 - count);
    runs.push_back({.column = &view, .first = first, .count = count, .out = out});
    for (uint32_t k = 0; k < count; ++k) {
      expected.push_back(Texts::text(static_cast<int>(first + k)));
    }
    out += count;
  }
  std::shuffle(runs.begin(), runs.end(), random);  // runs come in no order
  std::vector<int64_t> offsets;
  const std::string all = gathered(runs, out, offsets);
  for (size_t row = 0; row < expected.size(); ++row) {
    EXPECT_EQ(all.substr(static_cast<size_t>(offsets[row]),
                         static_cast<size_t>(offsets[row + 1] - offsets[row])),
              expected[row]);
  }
}

TEST(GatherVariable, RunsThatAreNotMappedArePassedOver) {
  const Texts texts(10);
  const ColumnView view = texts.view();
  const ColumnView absent{.rows = 10, .offset_size = 4, .elements = 100};
  const std::vector<VariableRun> runs = {{.column = &absent, .first = 0, .count = 1, .out = 0},
                                         {.column = &view, .first = 3, .count = 2, .out = 1}};
  std::vector<int64_t> offsets;
  EXPECT_EQ(gathered(runs, 3, offsets), Texts::text(3) + Texts::text(4));
  EXPECT_EQ(offsets, (std::vector<int64_t>{0, 0, 3, 7}));
}

TEST(GatherVariable, OffsetsThatAreNotInOrderOrBeyondTheElementsAreFound) {
  const std::vector<uint8_t> values(8);
  struct Case {
    std::vector<int64_t> offsets;
    uint32_t bad_row;
  };
  const int64_t far = INT64_MAX;
  for (const Case& bad :
       {Case{{0, 9}, 0}, Case{{0, 3, 2, 8}, 1}, Case{{-1, 3}, 0}, Case{{0, 8, far}, 1},
        Case{{INT64_MIN, INT64_MIN}, 0}, Case{{far, far}, 0}, Case{{0, 4, 8, -8}, 2}}) {
    const auto rows = static_cast<uint32_t>(bad.offsets.size() - 1);
    const ColumnView view{.rows = rows,
                          .values = bytes_of(values),
                          .offsets = bytes_of(bad.offsets),
                          .offset_size = 8,
                          .elements = 8};
    const std::vector<VariableRun> runs = {{.column = &view, .first = 0, .count = rows, .out = 0}};
    std::vector<ElementRange> ranges(rows);
    const BadOffsets found = load_ranges(runs, ranges);
    ASSERT_TRUE(found.found);
    EXPECT_EQ(found.run, 0U);
    EXPECT_EQ(found.row, bad.bad_row);
    EXPECT_EQ(found.begin, bad.offsets[bad.bad_row]);
    EXPECT_EQ(found.end, bad.offsets[bad.bad_row + 1]);
  }
}

}  // namespace
}  // namespace headrace
