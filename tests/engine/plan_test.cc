#include "engine/plan.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

// One way of dealing an epoch, and the plans of all its ranks.
struct Deal {
  uint64_t rows;
  uint64_t start;
  uint64_t batch_size;
  uint64_t world_size;
  Tail tail;

  std::vector<Plan> plans() const {
    std::vector<Plan> plans;
    for (uint64_t rank = 0; rank < world_size; ++rank) {
      plans.emplace_back(rows, start, Plan::Split{batch_size, world_size, rank, tail});
    }
    return plans;
  }
  uint64_t round() const { return batch_size * world_size; }
};

std::string name(const Deal& deal) {
  return "rows " + std::to_string(deal.rows) + ", start " + std::to_string(deal.start) +
         ", batch size " + std::to_string(deal.batch_size) + ", world size " +
         std::to_string(deal.world_size) + ", tail " + std::to_string(static_cast<int>(deal.tail));
}

// Calls check(deal) for all small deals.
template <typename Check>
void for_each_deal(const Check& check) {
  for (uint64_t rows = 1; rows <= 26; ++rows) {
    for (uint64_t start = 0; start <= rows; ++start) {
      for (uint64_t batch_size = 1; batch_size <= 5; ++batch_size) {
        for (uint64_t world_size = 1; world_size <= 5; ++world_size) {
          for (const Tail tail : {Tail::kRepeat, Tail::kDrop, Tail::kExact}) {
            const Deal deal = {rows, start, batch_size, world_size, tail};
            SCOPED_TRACE(name(deal));
            ASSERT_NO_FATAL_FAILURE(check(deal));
          }
        }
      }
    }
  }
}

// The positions of a batch that are not there only to fill up.
std::vector<uint64_t> own_positions(const Plan::Batch& batch) {
  std::vector<uint64_t> positions;
  for (uint64_t i = 0; i + batch.repeated < batch.count; ++i) {
    positions.push_back(batch.first + i * batch.stride);
  }
  return positions;
}

uint64_t most_batches(const std::vector<Plan>& plans) {
  uint64_t most = 0;
  for (const Plan& plan : plans) {
    most = std::max(most, plan.batches());
  }
  return most;
}

TEST(Plan, DealsEveryPositionToItsRankExactlyOnceRoundByRound) {
  for_each_deal([](const Deal& deal) {
    const std::vector<Plan> plans = deal.plans();
    const uint64_t full = (deal.rows - deal.start) / deal.round();
    const uint64_t end = deal.tail == Tail::kDrop ? deal.start + full * deal.round() : deal.rows;
    uint64_t next = deal.start;
    for (uint64_t number = 0; number < most_batches(plans); ++number) {
      // The rows of a round are the next B * W positions, whoever gets them.
      std::vector<uint64_t> dealt;
      for (uint64_t rank = 0; rank < deal.world_size; ++rank) {
        if (number < plans[rank].batches()) {
          for (const uint64_t position : own_positions(plans[rank].batch(number))) {
            ASSERT_EQ(position % deal.world_size, rank);
            dealt.push_back(position);
          }
        }
      }
      std::sort(dealt.begin(), dealt.end());
      ASSERT_EQ(dealt.size(), std::min(deal.round(), end - next));
      for (const uint64_t position : dealt) {
        ASSERT_EQ(position, next++);
      }
      ASSERT_EQ(plans.front().position_after(number + 1), next);
    }
    ASSERT_EQ(next, end);
  });
}

TEST(Plan, RepeatsOnlyToGiveARankWithoutRowsOne) {
  for_each_deal([](const Deal& deal) {
    uint64_t repeated = 0;
    for (const Plan& plan : deal.plans()) {
      for (uint64_t number = 0; number < plan.batches(); ++number) {
        const Plan::Batch batch = plan.batch(number);
        ASSERT_GE(batch.count, 1U);
        ASSERT_LE(batch.count, deal.batch_size);
        ASSERT_LT(batch.first + (batch.count - 1) * batch.stride, deal.rows);
        if (batch.repeated > 0) {
          ASSERT_EQ(batch.count, 1U);
          ASSERT_EQ(batch.repeated, 1U);
          ASSERT_EQ(number + 1, plan.batches());
        }
        repeated += batch.repeated;
      }
    }
    ASSERT_LT(repeated, deal.world_size);
    if (deal.tail != Tail::kRepeat) {
      ASSERT_EQ(repeated, 0U);
    }
  });
}

TEST(Plan, GivesAllRanksEquallyManyBatchesUnlessExact) {
  for_each_deal([](const Deal& deal) {
    const std::vector<Plan> plans = deal.plans();
    const uint64_t most = most_batches(plans);
    for (const Plan& plan : plans) {
      if (deal.tail == Tail::kExact) {
        ASSERT_GE(plan.batches() + 1, most);
      } else {
        ASSERT_EQ(plan.batches(), most);
      }
    }
  });
}

TEST(Plan, IsCompleteUnlessAnotherRankHasOneMoreBatch) {
  for_each_deal([](const Deal& deal) {
    const std::vector<Plan> plans = deal.plans();
    for (const Plan& plan : plans) {
      ASSERT_EQ(plan.complete(), plan.batches() == most_batches(plans));
    }
  });
}

TEST(Plan, GoesOnExactlyWithOtherSizesAfterAnyRound) {
  for_each_deal([](const Deal& deal) {
    if (deal.start != 0 || deal.tail != Tail::kExact) {
      return;
    }
    const std::vector<Plan> plans = deal.plans();
    for (uint64_t stop = 0; stop <= most_batches(plans); ++stop) {
      const uint64_t position = plans.front().position_after(stop);
      for (uint64_t world_size = 1; world_size <= 4; ++world_size) {
        const Deal rest = {deal.rows, position, 3, world_size, Tail::kExact};
        std::set<uint64_t> positions;
        for (const Plan& plan : rest.plans()) {
          for (uint64_t number = 0; number < plan.batches(); ++number) {
            for (const uint64_t at : own_positions(plan.batch(number))) {
              ASSERT_TRUE(positions.insert(at).second);
            }
          }
        }
        ASSERT_EQ(positions.size(), deal.rows - position);
        ASSERT_TRUE(positions.empty() || *positions.begin() == position);
      }
    }
  });
}

// Starts at different rounds and takes every n-th, as the processes of a torch DataLoader do.
std::vector<Plan> shares_of(const Deal& deal, uint64_t rank, uint64_t workers) {
  std::vector<Plan> shares;
  for (uint64_t worker = 0; worker < workers; ++worker) {
    const uint64_t start = std::min(deal.rows, deal.start + worker * deal.round());
    shares.emplace_back(deal.rows, start,
                        Plan::Split{deal.batch_size, deal.world_size, rank, deal.tail, workers});
  }
  return shares;
}

TEST(Plan, IsSharedByWorkersThatTakeEveryNthRound) {
  for_each_deal([](const Deal& deal) {
    for (uint64_t rank = 0; rank < deal.world_size; ++rank) {
      const Plan whole = deal.plans()[rank];
      for (const uint64_t workers : {1U, 2U, 3U, 7U}) {
        const std::vector<Plan> shares = shares_of(deal, rank, workers);
        uint64_t batches = 0;
        for (const Plan& share : shares) {
          batches += share.batches();
        }
        ASSERT_EQ(batches, whole.batches());
        for (uint64_t number = 0; number < whole.batches(); ++number) {
          const Plan::Batch expected = whole.batch(number);
          const Plan::Batch batch = shares[number % workers].batch(number / workers);
          ASSERT_EQ(own_positions(batch), own_positions(expected));
          ASSERT_EQ(batch.first, expected.first);
          ASSERT_EQ(batch.repeated, expected.repeated);
        }
      }
    }
  });
}

TEST(Plan, NoLaterBatchHasAPositionBeforeTheBeginOfOne) {
  for_each_deal([](const Deal& deal) {
    for (uint64_t every = 1; every <= 3; ++every) {
      const Plan plan(deal.rows, deal.start,
                      {deal.batch_size, deal.world_size, deal.world_size - 1, deal.tail, every});
      EXPECT_EQ(plan.begin_of(plan.batches()), deal.rows);
      for (uint64_t number = 0; number < plan.batches(); ++number) {
        const Plan::Batch batch = plan.batch(number);
        EXPECT_LE(plan.begin_of(number), plan.begin_of(number + 1));
        if (batch.repeated == 0) {
          EXPECT_GE(batch.first, plan.begin_of(number));
          EXPECT_LT(batch.first + (batch.count - 1) * batch.stride, plan.begin_of(number + 1));
        }
      }
    }
  });
}

TEST(Plan, OfAWorkerGoesOnExactlyWhereItsNextBatchBegins) {
  for_each_deal([](const Deal& deal) {
    for (const uint64_t workers : {2U, 3U}) {
      for (const Plan& share : shares_of(deal, 0, workers)) {
        for (uint64_t done = 0; done <= share.batches(); ++done) {
          const Plan rest(deal.rows, share.position_after(done),
                          {deal.batch_size, deal.world_size, 0, deal.tail, workers});
          ASSERT_EQ(rest.batches(), share.batches() - done);
          for (uint64_t number = 0; number < rest.batches(); ++number) {
            ASSERT_EQ(rest.batch(number).first, share.batch(done + number).first);
            ASSERT_EQ(rest.batch(number).count, share.batch(done + number).count);
          }
        }
        ASSERT_EQ(share.position_after(share.batches()), deal.rows);
      }
    }
  });
}

TEST(Plan, OfOneRankIsTheBatchesOfTorch) {
  const Plan plan(10, 0, {.batch_size = 4, .world_size = 1, .rank = 0, .tail = Tail::kRepeat});
  ASSERT_EQ(plan.batches(), 3U);
  EXPECT_EQ(plan.batch(2).first, 8U);
  EXPECT_EQ(plan.batch(2).count, 2U);
  const Plan dropped(10, 0, {.batch_size = 4, .world_size = 1, .rank = 0, .tail = Tail::kDrop});
  EXPECT_EQ(dropped.batches(), 2U);
  EXPECT_EQ(dropped.position_after(2), 8U);
}

TEST(Plan, HoldsNumbersOfAnySize) {
  const uint64_t rows = (uint64_t{1} << 62) + 3;
  const uint64_t size = uint64_t{1} << 30;
  const Plan plan(rows, 0,
                  {.batch_size = size, .world_size = size, .rank = 2, .tail = Tail::kExact});
  ASSERT_EQ(plan.batches(), 5U);
  EXPECT_EQ(plan.batch(4).first, rows - 1);
  EXPECT_EQ(plan.batch(4).count, 1U);
  EXPECT_EQ(plan.position_after(5), rows);
}

}  // namespace
}  // namespace headrace
