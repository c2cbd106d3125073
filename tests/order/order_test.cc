#include "order/order.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/hash.h"
#include "testing/errors.h"
#include "testing/unit_tables.h"

namespace headrace {
namespace {

const Shuffle kExact{.kind = Shuffle::Kind::kExact};

Shuffle blocks(uint64_t block_rows, uint64_t window) {
  return {.kind = Shuffle::Kind::kBlocks, .block_rows = block_rows, .window = window};
}

Shuffle shards(const std::vector<uint64_t>& unit_rows, uint64_t window, uint64_t lanes) {
  return {.kind = Shuffle::Kind::kShards,
          .window = window,
          .lanes = lanes,
          .units = table_of(unit_rows)};
}

// Units of 0 to 2 * mean rows, `mean` on average, in turn.
std::vector<uint64_t> uneven(uint64_t units, uint64_t mean) {
  std::vector<uint64_t> rows(units);
  for (uint64_t unit = 0; unit < units; ++unit) {
    rows[unit] = unit * 7 % (2 * mean + 1);
  }
  return rows;
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
  for (const Shuffle& shuffle : {Shuffle{}, kExact, blocks(8, 3), shards({50, 0, 51}, 2, 3)}) {
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
  EXPECT_EQ(message_of(uint64_t{1} << 40, blocks(2, uint64_t{1} << 40)),
            "at most 65536 units are open at once; found a window of 1099511627776; use larger "
            "blocks, or shuffle=True, which mixes all rows");
  EXPECT_EQ(message_of(100, blocks(1, uint64_t{1} << 40)), "no error");  // cut to the 100 blocks
}

TEST(Order, RefusesShardsThatDoNotFit) {
  const auto refused = [](std::initializer_list<std::string_view> parts, const Shuffle& shuffle) {
    expect_error(ErrorCode::kInvalid, parts, [&] { static_cast<void>(Order(10, shuffle, {})); });
  };
  refused({"window and lanes must be at least 1; found 0 and 1"}, shards({10}, 0, 1));
  refused({"window and lanes must be at least 1; found 1 and 0"}, shards({10}, 1, 0));
  refused({"10 rows needs units that hold them; found units of 11"}, shards({10, 1}, 1, 1));
  refused({"found none"}, {.kind = Shuffle::Kind::kShards, .window = 1, .lanes = 1});
  refused({"lanes must be at most 65536; found 65537"}, shards({10}, 1, 65537));
  refused({"at most 65536 units", "a window of 2 in each of 40000 lanes", "fewer lanes"},
          shards({5, 5}, 2, 40000));
  static_cast<void>(Order(10, shards({10}, uint64_t{1} << 40, 40000), {}));  // cut to the 1 unit
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
      {kExact, 2, {0, 0}, 0x26F2A1148CF52011U},
      {kExact, 2, {0, 1}, 0xCFBAEA74A8CC0E5U},
      {kExact, 2, {1, 0}, 0xCFBAEA74A8CC0E5U},
      {kExact, 3, {0, 0}, 0xCEFE765AA8E7E539U},
      {kExact, 3, {0, 1}, 0x32CCA2FC44DACF74U},
      {kExact, 3, {1, 0}, 0x7FB6F0C094F81C5DU},
      {kExact, 10, {0, 0}, 0x1B6E2E39EFF462B7U},
      {kExact, 10, {0, 1}, 0x9F65FBE6D730DE87U},
      {kExact, 10, {1, 0}, 0xB8C1E3C7469005D9U},
      {kExact, 1000, {0, 0}, 0x62CFE2AED3796D85U},
      {kExact, 1000, {0, 1}, 0xEE7C3D002FFA2B91U},
      {kExact, 1000, {1, 0}, 0xE6149AF42FAA776FU},
      {kExact, 4097, {0, 0}, 0x416F83EB267E0F12U},
      {kExact, 4097, {0, 1}, 0xF513BA20DDE83F10U},
      {kExact, 4097, {1, 0}, 0x794EA30DF5674B4BU},
      {kExact, 100000, {0, 0}, 0x86B05550E5BE8DC3U},
      {kExact, 100000, {0, 1}, 0xB58E3D0CB2D1A4C2U},
      {kExact, 100000, {1, 0}, 0xD2C3D4B313184092U},
      {blocks(3, 2), 10, {0, 0}, 0x9ECA4200A634C0DDU},
      {blocks(3, 2), 10, {0, 1}, 0x4109580E012699FCU},
      {blocks(3, 2), 10, {3, 7}, 0x47D9978A5A54FAC2U},
      {blocks(16, 4), 1000, {0, 0}, 0x67AE0FBF7FF71413U},
      {blocks(16, 4), 1000, {0, 1}, 0x93A879EAE5C0C444U},
      {blocks(16, 4), 1000, {3, 7}, 0x1CCB3EF91928E790U},
      {blocks(16, 4), 1001, {0, 0}, 0x6BB7E06C7702047U},
      {blocks(16, 4), 1001, {0, 1}, 0xDC0F86B035B1DC42U},
      {blocks(16, 4), 1001, {3, 7}, 0x871ACB3E647129E7U},
      {blocks(100, 8), 5000, {0, 0}, 0xA1337DBFD25F9988U},
      {blocks(100, 8), 5000, {0, 1}, 0xDFB69B00A767940BU},
      {blocks(100, 8), 5000, {3, 7}, 0xA5EDE6E586041A6AU},
      {blocks(1024, 16), 100000, {0, 0}, 0xCEE5E3490E0C353DU},
      {blocks(1024, 16), 100000, {0, 1}, 0x2767B119670CBDA9U},
      {blocks(1024, 16), 100000, {3, 7}, 0xDA6288955FFDE44EU},
      {blocks(1, 64), 100000, {0, 0}, 0x530250AAE7D2DA00U},
      {blocks(1, 64), 100000, {0, 1}, 0x20B4130FB186668AU},
      {blocks(1, 64), 100000, {3, 7}, 0xA0FEDB9C98FD7959U},
      {blocks(4096, 1), 100000, {0, 0}, 0x21D3842E0B09BEACU},
      {blocks(4096, 1), 100000, {0, 1}, 0xD32704291778B259U},
      {blocks(4096, 1), 100000, {3, 7}, 0xE13EA7A9CECEF9B5U},
      {shards({7}, 16, 1), 7, {3, 7}, 0x7AC570222747CB2FU},
      {shards({0, 7, 0, 0, 1, 0}, 2, 3), 8, {3, 7}, 0x683BACC7119A3E10U},
      {shards(uneven(10, 10), 3, 1), 63, {0, 0}, 0x4BA2A6FFA4374EU},
      {shards(uneven(10, 10), 3, 1), 63, {0, 1}, 0xCFB487B2F1E7D64CU},
      {shards(uneven(10, 10), 3, 1), 63, {3, 7}, 0x2CCFBEFDBD3B4101U},
      {shards(uneven(10, 10), 3, 4), 63, {0, 0}, 0x21DD37EB77ABC8BAU},
      {shards(uneven(10, 10), 3, 4), 63, {0, 1}, 0xE500F8F6D1D2222DU},
      {shards(uneven(10, 10), 3, 4), 63, {3, 7}, 0x7F8F2A8CF0D4294FU},
      {shards(uneven(100, 50), 16, 1), 4956, {0, 0}, 0x2C525C8CDDFF9897U},
      {shards(uneven(100, 50), 16, 1), 4956, {0, 1}, 0xC3AB4F291750786BU},
      {shards(uneven(100, 50), 16, 1), 4956, {3, 7}, 0x9FA927284002B7B4U},
      {shards(uneven(100, 50), 16, 8), 4956, {0, 0}, 0xFB0C7D5C27E1B02BU},
      {shards(uneven(100, 50), 16, 8), 4956, {0, 1}, 0x6FEEF73BCFE9BD75U},
      {shards(uneven(100, 50), 16, 8), 4956, {3, 7}, 0x3A02647D2D52842EU},
      {shards(uneven(1000, 100), 4, 3), 99600, {0, 0}, 0x3068259D4D08CD7CU},
      {shards(uneven(1000, 100), 4, 3), 99600, {0, 1}, 0xEB269910925D09EFU},
      {shards(uneven(1000, 100), 4, 3), 99600, {3, 7}, 0x793AB7B98E137684U},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(hash_of(c.shuffle, c.rows, c.key), c.hash)
        << c.rows << " rows, seed " << c.key.seed << ", epoch " << c.key.epoch << std::hex
        << ", hash " << hash_of(c.shuffle, c.rows, c.key);
  }
}

}  // namespace
}  // namespace headrace
