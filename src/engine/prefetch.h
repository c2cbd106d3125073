#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/extents.h"
#include "dataset/reader.h"
#include "dataset/row_requests.h"
#include "engine/batch_maker.h"
#include "engine/batch_ring.h"
#include "engine/file_columns.h"
#include "engine/regime.h"
#include "order/unit_schedule.h"
#include "storage/open_files.h"

namespace headrace {

// Gets the rows of files into memory before the workers of one pass want them. It knows which rows
// come when, so it never guesses as the kernel's read-ahead does.
//
// 1. Once a second it looks: which share of the files is in memory (a byte at each of 64 places),
//    how much memory there is, and which regime follows from that (engine/regime.h).
// 2. In kHints and kReadAhead it walks the order ahead of the workers, at most kHintBytes and
//    kHintSteps steps of a batch, and asks the kernel for each row; or, where the order has blocks
//    or shards, for each of these as it enters, and for large ones piece by piece before that.
// 3. Columns with offsets are asked for in two stages: the offsets of rows, and some batches later,
//    when they are in memory, the values and indices that they point to.
// 4. In kHints it gives back the units that were read: pages that nobody maps are taken from
//    memory for less work, and memory is short.
// 5. Columns that are small altogether, or have small offsets, are asked for as a whole instead:
//    their rows share pages.
// 6. In kReadAhead a second thread reads the files from end to end. After the first seconds, rows
//    are then asked for only in proportion to what it has read: they would take its device time.
//
// It only asks. What it cannot open is left to the worker that needs it.
class Prefetch {
 public:
  struct Setting {
    uint64_t makers = 1;   // batches that are made at a time, at most
    uint64_t sharers = 1;  // processes of this machine that read the files together, this included
    double start = 0;      // the share of the files where reading ahead begins, below 1
  };

  // Requires: `maker` and `ring` outlive the threads.
  Prefetch(const DatasetPtr& dataset, const BatchMaker& maker, const BatchRing& ring,
           const Setting& setting);

  // The bodies of its two threads; both return soon after stop().
  void run_hints() noexcept;
  void run_read_ahead() noexcept;
  void stop() noexcept;

  // Whether rows may have to be waited for. A worker reads then in steps, and asks itself for the
  // rows of a batch behind the first asked_rows().
  bool cold() const noexcept { return cold_.load(std::memory_order_relaxed); }
  uint64_t asked_rows() const noexcept;

  // Says that run_hints() could not be started: workers ask for all rows themselves.
  void without_hints() noexcept { hinting_ = false; }

  // Throws kCancelled after stop(): for reading that is under way then.
  void check_running() const;

  Regime regime() const noexcept { return regime_.load(std::memory_order_relaxed); }
  uint64_t regime_changes() const noexcept { return changes_.load(std::memory_order_relaxed); }
  uint64_t hinted_bytes() const noexcept { return hinted_bytes_.load(std::memory_order_relaxed); }
  uint64_t used_bytes() const noexcept { return used_bytes_.load(std::memory_order_relaxed); }
  uint64_t read_ahead_bytes() const noexcept {
    return read_ahead_bytes_.load(std::memory_order_relaxed);
  }

 private:
  using Clock = std::chrono::steady_clock;

  void prepare();
  void look();
  Situation situation();
  double resident_share();
  Residency residency(uint64_t place);
  void choose_hinted_columns(const Situation& situation);
  void hint_whole_columns();
  bool may_hint();
  bool hint();
  bool hint_offsets(uint64_t claimed);
  bool find_rows(uint64_t batch);
  void hint_rows();
  void hint_units(uint64_t batch);
  void let_go_of_units(uint64_t oldest);
  void hint_unit_offsets(UnitSchedule& offsets, uint64_t from, uint64_t position);
  void count_rows(uint64_t first_row, uint64_t rows);

  // Of the units of a window shuffle, from the first batch on that was asked for in units: what is
  // to be asked for, in one step or two, and what was used up.
  struct Units {
    UnitSchedule rows;
    UnitSchedule offsets;
    UnitEnds used;
  };
  Units& units_from(const Plan::Batch& batch);

  DatasetPtr dataset_;
  const BatchMaker& maker_;
  const BatchRing& ring_;
  Setting setting_;

  // Set by prepare(), before the other thread reads them.
  std::vector<Extent> extents_;
  std::vector<uint64_t> ends_;  // running sums of the extents' bytes
  std::vector<FileColumn> columns_;

  uint64_t step_rows_;

  // Used by run_hints only.
  RowRequests requests_;
  OpenFiles files_;
  Order::Workspace order_;
  std::vector<uint64_t> rows_;
  std::vector<bool> hinted_columns_;  // columns whose rows are asked for one by one
  std::vector<bool> hinted_offsets_;  // of these, those whose offsets are
  uint64_t ahead_ = 1;                // batches
  bool in_units_ = false;             // whole units are asked for
  uint64_t row_bytes_ = 1;            // of the columns whose rows are asked for; never 0
  uint64_t looks_ = 0;
  Clock::time_point begin_ = Clock::now();
  uint64_t hinted_rows_ = 0;
  uint64_t late_rows_ = 0;     // hinted_rows_ when the start was over,
  uint64_t late_bytes_ = 0;    // and read_ahead_bytes_
  uint64_t next_batch_ = 0;    // to ask for
  uint64_t next_offsets_ = 0;  // batch whose offsets are to be asked for
  uint64_t hinted_batches_ = 0;
  std::optional<Units> units_;

  std::atomic<bool> reading_ahead_{false};  // the other thread reads, or is to begin
  std::atomic<bool> round_over_{false};     // it has read everything once
  std::atomic<bool> stopped_{false};
  std::atomic<bool> cold_{true};  // until a look tells otherwise
  std::atomic<Regime> regime_{Regime::kUnknown};
  std::atomic<bool> hinting_{true};
  std::atomic<uint64_t> changes_{0};
  std::atomic<uint64_t> hinted_bytes_{0};
  std::atomic<uint64_t> used_bytes_{0};
  std::atomic<uint64_t> read_ahead_bytes_{0};
  std::mutex mutex_;
  std::condition_variable wake_;  // of both threads, when one of the flags changes
};

}  // namespace headrace
