#include "column/interleave.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(Interleave, PutsRowsOfColumnsSideBySideWhateverTheirSize) {
  for (const uint64_t row_bytes : {1, 2, 3, 4, 8, 12}) {
    constexpr uint64_t kRows = 5;
    std::vector<std::vector<std::byte>> columns(3);
    std::vector<const std::byte*> starts;
    for (size_t c = 0; c < columns.size(); ++c) {
      for (uint64_t i = 0; i < kRows * row_bytes; ++i) {
        columns[c].push_back(static_cast<std::byte>(c * 100 + i));
      }
      starts.push_back(columns[c].data());
    }
    std::vector<std::byte> out(kRows * columns.size() * row_bytes + 1, std::byte{0xEE});
    interleave(starts, kRows, row_bytes, out.data());
    for (uint64_t i = 0; i + 1 < out.size(); ++i) {
      const uint64_t row = i / row_bytes / columns.size();
      const uint64_t column = i / row_bytes % columns.size();
      EXPECT_EQ(out[i], columns[column][row * row_bytes + i % row_bytes]) << row_bytes << " " << i;
    }
    EXPECT_EQ(out.back(), std::byte{0xEE});
  }
}

}  // namespace
}  // namespace headrace
