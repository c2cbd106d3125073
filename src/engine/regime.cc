#include "engine/regime.h"

namespace headrace {
namespace {

constexpr double kResidentShare = 0.98;
constexpr double kStillResidentShare = 0.95;

// Of the available memory; the rest is for what the program itself will still allocate.
constexpr double kFits = 0.85;
constexpr double kStillFits = 0.95;

// Single pages come at about a fifth of the bytes per second of long requests (measured: 290 MB/s
// and 1.5 GB/s), so that reading everything pays from a fifth on.
constexpr uint64_t kWorthAllOf = 5;

}  // namespace

const char* regime_name(Regime regime) noexcept {
  switch (regime) {
    case Regime::kUnknown:
      return "unknown";
    case Regime::kArrays:
      return "arrays";
    case Regime::kResident:
      return "resident";
    case Regime::kReadAhead:
      return "read_ahead";
    case Regime::kHints:
      return "hints";
  }
  return "";
}

Regime choose_regime(Regime now, const Situation& situation) noexcept {
  if (situation.files == 0) {
    return Regime::kArrays;
  }
  const double resident = now == Regime::kResident ? kStillResidentShare : kResidentShare;
  if (situation.resident >= resident) {
    return Regime::kResident;
  }
  const double fits = now == Regime::kReadAhead ? kStillFits : kFits;
  const bool all_fits =
      static_cast<double>(situation.files) <= fits * static_cast<double>(situation.available);
  const bool wants_much = situation.wanted >= situation.files / kWorthAllOf;
  return all_fits && wants_much && !situation.in_runs ? Regime::kReadAhead : Regime::kHints;
}

}  // namespace headrace
