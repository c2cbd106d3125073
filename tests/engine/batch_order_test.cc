#include "engine/batch_order.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/loading.h"

namespace headrace {
namespace {

BatchOrder order_of(uint64_t items, const LoaderOptions& options, uint64_t epoch,
                    uint64_t position) {
  return BatchOrder(items, options.shuffle, {options.seed, epoch}, position, options.split);
}

Batches batches_of(const BatchOrder& order) {
  Batches batches(order.plan().batches());
  Order::Workspace space;
  for (uint64_t number = 0; number < batches.size(); ++number) {
    order.items_of(number, space, batches[number]);
  }
  return batches;
}

TEST(BatchOrder, GivesTheItemsOfEveryBatch) {
  for (const auto kind :
       {Shuffle::Kind::kSequential, Shuffle::Kind::kExact, Shuffle::Kind::kBlocks}) {
    for (const uint64_t position : {0U, 3U, 99U, 101U}) {
      const LoaderOptions options = options_of(4, kind);
      EXPECT_EQ(batches_of(order_of(101, options, 1, position)),
                expected_batches(101, options, 1, position));
    }
  }
}

TEST(BatchOrder, OfARankGivesItsItems) {
  LoaderOptions options = options_of(4, Shuffle::Kind::kExact);
  options.split.world_size = 3;
  options.split.rank = 1;
  EXPECT_EQ(batches_of(order_of(100, options, 2, 0)), expected_batches(100, options, 2, 0));
}

TEST(BatchOrder, RefusesNoItems) {
  expect_error(ErrorCode::kInvalid, {"at least one", "found 0"},
               [] { order_of(0, options_of(1), 0, 0); });
}

}  // namespace
}  // namespace headrace
