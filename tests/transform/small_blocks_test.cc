#include "transform/small_blocks.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

bool share_a_slab(const SharedBytes& a, const SharedBytes& b) {
  return !a.owner_before(b) && !b.owner_before(a);
}

TEST(SmallBlocks, GivesNothingAPlaceToo) {
  SmallBlocks blocks;
  EXPECT_NE(blocks.allocate(0), nullptr);
}

TEST(SmallBlocks, GivesPiecesThatDoNotTouchOnCacheLines) {
  SmallBlocks blocks;
  std::vector<SharedBytes> pieces;
  for (uint64_t bytes = 0; bytes < 3000; ++bytes) {
    pieces.push_back(blocks.allocate(bytes));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(pieces.back().get()) % kBufferAlignment, 0U);
    std::fill_n(pieces.back().get(), bytes, static_cast<std::byte>(bytes % 251));
  }
  for (uint64_t bytes = 0; bytes < 3000; ++bytes) {
    for (uint64_t i = 0; i < bytes; ++i) {
      ASSERT_EQ(std::to_integer<uint64_t>(pieces[bytes].get()[i]), bytes % 251);
    }
  }
}

TEST(SmallBlocks, KeepsASlabAsLongAsAPieceOfIt) {
  std::optional<SmallBlocks> blocks(std::in_place);
  SharedBytes first = blocks->allocate(100);
  SharedBytes second = blocks->allocate(100);
  EXPECT_TRUE(share_a_slab(first, second));
  *second = std::byte{7};
  blocks.reset();
  const std::weak_ptr<std::byte> slab = first;
  first.reset();
  EXPECT_FALSE(slab.expired());
  EXPECT_EQ(*second, std::byte{7});
  second.reset();
  EXPECT_TRUE(slab.expired());
}

TEST(SmallBlocks, GivesMemoryOfItsOwnToWhatIsNotSmall) {
  SmallBlocks blocks;
  const SharedBytes small = blocks.allocate(SmallBlocks::kLargestPiece);
  const SharedBytes large = blocks.allocate(SmallBlocks::kLargestPiece + 1);
  EXPECT_FALSE(share_a_slab(small, large));
  EXPECT_EQ(large.use_count(), 1);
}

TEST(SmallBlocks, HasSlabsOfABoundedSize) {
  SmallBlocks blocks;
  SharedBytes first = blocks.allocate(1);
  uint64_t in_slab = 0;
  uint64_t most = 0;
  for (uint64_t i = 0; i < 4 * SmallBlocks::kLargestSlab / kBufferAlignment; ++i) {
    SharedBytes piece = blocks.allocate(1);
    in_slab = share_a_slab(piece, first) ? in_slab + 1 : 0;
    most = std::max(most, in_slab);
    first = std::move(piece);
  }
  EXPECT_EQ(most + 1, SmallBlocks::kLargestSlab / kBufferAlignment);
}

}  // namespace
}  // namespace headrace
