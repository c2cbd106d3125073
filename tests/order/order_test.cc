#include "order/order.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/hash.h"

namespace headrace {
namespace {

constexpr Shuffle kExact{.kind = Shuffle::Kind::kExact};

Shuffle blocks(uint64_t block_rows, uint64_t window) {
  return {Shuffle::Kind::kBlocks, block_rows, window};
}

std::vector<uint64_t> all_rows(const Order& order) {
  std::vector<uint64_t> rows(order.rows());
  Order::Workspace space;
  order.take(0, 1, rows, space);
  return rows;
}

uint64_t hash_of(const Shuffle& shuffle, uint64_t rows, OrderKey key) {
  const std::vector<uint64_t> all = all_rows(Order(rows, shuffle, key));
  return hash_bytes(std::as_bytes(std::span(all)));
}

TEST(Order, CountsUpWithoutAShuffle) {
  EXPECT_EQ(all_rows(Order(5, {}, {})), (std::vector<uint64_t>{0, 1, 2, 3, 4}));
}

TEST(Order, TakesStridesOfEveryShuffle) {
  for (const Shuffle& shuffle : {Shuffle{}, kExact, blocks(8, 3)}) {
    const Order order(101, shuffle, {1, 2});
    const std::vector<uint64_t> all = all_rows(order);
    std::vector<uint64_t> some(25);
    Order::Workspace space;
    order.take(2, 4, some, space);
    for (size_t i = 0; i < some.size(); ++i) {
      ASSERT_EQ(some[i], all[2 + 4 * i]);
    }
  }
}

TEST(Order, RefusesNoRowsAndEmptyBlocks) {
  const auto message_of = [](uint64_t rows, const Shuffle& shuffle) -> std::string {
    try {
      static_cast<void>(Order(rows, shuffle, {}));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalid);
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message_of(0, kExact), "an order needs at least one row; found 0");
  EXPECT_EQ(message_of(5, blocks(0, 2)), "block_rows and window must be at least 1; found 0 and 2");
  EXPECT_EQ(message_of(5, blocks(2, 0)), "block_rows and window must be at least 1; found 2 and 0");
}

// The order is public: these hashes never change. docs/order.md defines the arithmetic.
TEST(Order, NeverChanges) {
  struct Case {
    Shuffle shuffle;
    uint64_t rows;
    OrderKey key;
    uint64_t hash;
  };
  const Case cases[] = {
      {kExact, 1, {0, 0}, 0xC77B3ABB6F87ACD9U},
      {kExact, 1, {0, 1}, 0xC77B3ABB6F87ACD9U},
      {kExact, 1, {1, 0}, 0xC77B3ABB6F87ACD9U},
      {kExact, 2, {0, 0}, 0xCFBAEA74A8CC0E5U},
      {kExact, 2, {0, 1}, 0xCFBAEA74A8CC0E5U},
      {kExact, 2, {1, 0}, 0xCFBAEA74A8CC0E5U},
      {kExact, 3, {0, 0}, 0x32CCA2FC44DACF74U},
      {kExact, 3, {0, 1}, 0xA4ABB741A2FC2FC3U},
      {kExact, 3, {1, 0}, 0xA4ABB741A2FC2FC3U},
      {kExact, 10, {0, 0}, 0x32A2BFF8BFA54978U},
      {kExact, 10, {0, 1}, 0x2B7F43CDEB75135DU},
      {kExact, 10, {1, 0}, 0x108E230C04329A68U},
      {kExact, 1000, {0, 0}, 0xEF13C3829ED5663FU},
      {kExact, 1000, {0, 1}, 0x47BB4E31E611DDE7U},
      {kExact, 1000, {1, 0}, 0xF6902F7EDFF7646AU},
      {kExact, 4097, {0, 0}, 0xCD824F129776611U},
      {kExact, 4097, {0, 1}, 0x644384F84D871BFCU},
      {kExact, 4097, {1, 0}, 0xAD7C380F93F3030BU},
      {kExact, 100000, {0, 0}, 0x2761D43EDDD4E8D4U},
      {kExact, 100000, {0, 1}, 0xBC797429FD2B6E45U},
      {kExact, 100000, {1, 0}, 0x69BF54AF55D1A9BFU},
      {blocks(3, 2), 10, {0, 0}, 0x201954481FC7EFCBU},
      {blocks(3, 2), 10, {0, 1}, 0x21BA32A165F24C9EU},
      {blocks(3, 2), 10, {3, 7}, 0xE4F340950AE83B93U},
      {blocks(16, 4), 1000, {0, 0}, 0x982AE38A00E1B183U},
      {blocks(16, 4), 1000, {0, 1}, 0x1209D93580EE4118U},
      {blocks(16, 4), 1000, {3, 7}, 0xF152D301C297ED67U},
      {blocks(16, 4), 1001, {0, 0}, 0x31D7F49A6F409909U},
      {blocks(16, 4), 1001, {0, 1}, 0xD01AC24132C35251U},
      {blocks(16, 4), 1001, {3, 7}, 0x8FC0AE5B4559D13DU},
      {blocks(100, 8), 5000, {0, 0}, 0x7DB4D08830ACBB38U},
      {blocks(100, 8), 5000, {0, 1}, 0xE42B4684B8E85E94U},
      {blocks(100, 8), 5000, {3, 7}, 0xF5A3F031A715D922U},
      {blocks(1024, 16), 100000, {0, 0}, 0x7071E222160B5773U},
      {blocks(1024, 16), 100000, {0, 1}, 0x4D50470ECCAC3E04U},
      {blocks(1024, 16), 100000, {3, 7}, 0x8A98C0ACA8257A10U},
      {blocks(1, 64), 100000, {0, 0}, 0xE01AFE8DA2927B2DU},
      {blocks(1, 64), 100000, {0, 1}, 0xDCA2C3FBD032B0D9U},
      {blocks(1, 64), 100000, {3, 7}, 0x7B1FC475828D8BD1U},
      {blocks(4096, 1), 100000, {0, 0}, 0x55CE8DC1A6ECA05FU},
      {blocks(4096, 1), 100000, {0, 1}, 0x29AC7550C3182451U},
      {blocks(4096, 1), 100000, {3, 7}, 0x4FF78AD477ABDEB8U},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(hash_of(c.shuffle, c.rows, c.key), c.hash)
        << c.rows << " rows, seed " << c.key.seed << ", epoch " << c.key.epoch << std::hex
        << ", hash " << hash_of(c.shuffle, c.rows, c.key);
  }
}

}  // namespace
}  // namespace headrace
