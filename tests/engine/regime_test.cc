#include "engine/regime.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace headrace {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

// 10 GiB of cold files, all wanted in random order, on a machine with plenty of memory.
Situation cold() {
  return {.files = 10 * kGiB,
          .wanted = 10 * kGiB,
          .resident = 0.1,
          .available = 100 * kGiB,
          .in_runs = false};
}

TEST(Regime, ReadsAheadWhatFitsAndIsWanted) {
  EXPECT_EQ(choose_regime(Regime::kHints, cold()), Regime::kReadAhead);
}

TEST(Regime, OnlyHintsBeyondMemory) {
  Situation situation = cold();
  situation.available = 10 * kGiB;  // nothing would be left for the program
  EXPECT_EQ(choose_regime(Regime::kHints, situation), Regime::kHints);
  situation.available = 1 * kGiB;
  EXPECT_EQ(choose_regime(Regime::kReadAhead, situation), Regime::kHints);
}

TEST(Regime, OnlyHintsForAFewRowsOfLargeFiles) {
  Situation situation = cold();
  situation.wanted = kGiB;
  EXPECT_EQ(choose_regime(Regime::kHints, situation), Regime::kHints);
}

TEST(Regime, OnlyHintsForAnOrderOfRuns) {
  Situation situation = cold();
  situation.in_runs = true;
  EXPECT_EQ(choose_regime(Regime::kHints, situation), Regime::kHints);
}

TEST(Regime, AsksForNothingThatIsThere) {
  Situation situation = cold();
  situation.resident = 1;
  for (const Regime now : {Regime::kHints, Regime::kReadAhead, Regime::kResident}) {
    EXPECT_EQ(choose_regime(now, situation), Regime::kResident);
  }
  EXPECT_EQ(choose_regime(Regime::kHints, Situation()), Regime::kArrays);
}

TEST(Regime, DoesNotChangeToAndFroAtALimit) {
  Situation situation = cold();
  situation.available = static_cast<uint64_t>(10 * kGiB / 0.9);
  for (const Regime now : {Regime::kHints, Regime::kReadAhead}) {
    EXPECT_EQ(choose_regime(now, situation), now) << regime_name(now);
  }
  situation = cold();
  situation.resident = 0.97;
  EXPECT_EQ(choose_regime(Regime::kResident, situation), Regime::kResident);
  EXPECT_EQ(choose_regime(Regime::kReadAhead, situation), Regime::kReadAhead);
}

TEST(Regime, HasTheNamesOfThePythonFace) {
  EXPECT_STREQ(regime_name(Regime::kUnknown), "unknown");
  EXPECT_STREQ(regime_name(Regime::kArrays), "arrays");
  EXPECT_STREQ(regime_name(Regime::kResident), "resident");
  EXPECT_STREQ(regime_name(Regime::kReadAhead), "read_ahead");
  EXPECT_STREQ(regime_name(Regime::kHints), "hints");
}

}  // namespace
}  // namespace headrace
