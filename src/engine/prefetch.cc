#include "engine/prefetch.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "engine/read_ahead.h"
#include "storage/memory.h"

namespace headrace {
namespace {

constexpr std::chrono::seconds kLookEvery{1};
constexpr std::chrono::milliseconds kHintEvery{
    1};  // the workers need many times as long for kHintBytes
constexpr uint64_t kSamples = 64;

// What is asked for ahead of the workers: enough for the deepest queues, little of any memory.
constexpr uint64_t kHintBytes = uint64_t{64} << 20;
constexpr uint64_t kHintBatches = 8192;
constexpr uint64_t kHintSteps = 8;

// A column up to this size is asked for as a whole.
constexpr uint64_t kWholeColumnBytes = uint64_t{64} << 20;

// Blocks below this size are no faster than rows.
constexpr uint64_t kLeastBlockBytes = uint64_t{32} << 10;

}  // namespace

Prefetch::Prefetch(const DatasetPtr& dataset, const BatchMaker& maker, const BatchRing& ring,
                   const Setting& setting)
    : dataset_(dataset),
      maker_(maker),
      ring_(ring),
      setting_(setting),
      column_bytes_(dataset->columns().size()),
      row_page_bytes_(dataset->columns().size()),
      step_rows_(Reader::rows_per_step(*dataset_)),
      requests_(*dataset_),
      hinted_columns_(column_bytes_.size()) {}

// Lists what is in files; in its own thread, since there may be tens of thousands of them.
void Prefetch::prepare() {
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  uint64_t end = 0;
  extents_ = file_extents(*dataset_);
  for (const Extent& extent : extents_) {
    end += extent.bytes;
    ends_.push_back(end);
    column_bytes_[extent.column] += extent.bytes;
    row_page_bytes_[extent.column] =
        std::max(row_page_bytes_[extent.column], (extent.rows->row_bytes + page - 1) / page * page);
  }
}

void Prefetch::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    reading_ahead_ = false;
  }
  wake_.notify_all();
}

void Prefetch::check_running() const {
  if (stopped_.load(std::memory_order_relaxed)) {
    throw Error(ErrorCode::kCancelled, "reading was cancelled");
  }
}

uint64_t Prefetch::asked_rows() const noexcept {
  // Listed batches may be begun as soon as they are named.
  return maker_.listed() ? 0 : kHintSteps * step_rows_;
}

void Prefetch::run_hints() noexcept {
  Clock::time_point next_look = Clock::now();
  bool round_seen = false;
  while (!stopped_) {
    bool asked = false;
    try {
      const bool round_ended = round_over_ && !round_seen;
      if (Clock::now() >= next_look || round_ended) {
        round_seen = round_over_;
        next_look = Clock::now() + kLookEvery;  // also after a look that fails
        look();
      }
      asked = cold() && hint();
    } catch (const std::exception&) {
      // The worker that needs the same rows says what is wrong with them.
    }
    if (!asked) {
      std::unique_lock lock(mutex_);
      const auto until = cold() ? Clock::now() + kHintEvery : next_look;
      wake_.wait_until(lock, until, [this] { return stopped_.load(); });
    }
  }
}

void Prefetch::run_read_ahead() noexcept {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopped_ || (reading_ahead_ && !round_over_); });
    }
    if (stopped_) {
      return;
    }
    try {
      ReadAhead round(extents_, setting_.start);
      round_over_ = round.run(reading_ahead_, read_ahead_bytes_);
    } catch (const std::exception&) {
      round_over_ = true;  // no memory: the rows come one by one
    }
  }
}

// Chooses the regime anew.
void Prefetch::look() {
  if (looks_ == 0) {
    prepare();
  }
  const Situation situation = this->situation();
  const Regime now = regime();
  Regime next = choose_regime(now, situation);
  if (next == Regime::kReadAhead && round_over_) {
    next = Regime::kHints;  // all was read once and did not stay: it does not fit after all
  }
  const bool was_cold = looks_ > 0 && cold();
  in_blocks_ = situation.in_runs && maker_.order()->order().blocks() != nullptr;
  choose_hinted_columns(situation);
  changes_ += next == now || looks_ == 0 ? 0 : 1;
  ++looks_;
  regime_ = next;
  cold_ = next == Regime::kHints || next == Regime::kReadAhead;
  {
    const std::lock_guard lock(mutex_);
    reading_ahead_ = next == Regime::kReadAhead && !stopped_;
  }
  wake_.notify_all();
  if (cold() && !was_cold) {
    hint_whole_columns();
  }
}

Situation Prefetch::situation() {
  Situation situation;
  if (ends_.empty()) {
    return situation;  // sources that name files, and do not read them as such
  }
  situation.files = ends_.back();
  const uint64_t rows = maker_.listed() ? dataset_->rows()  // a guess: the user knows
                                        : maker_.plan().batches() * maker_.plan().batch(0).count;
  for (const uint64_t bytes : row_page_bytes_) {
    situation.wanted += rows * bytes * setting_.sharers;
  }
  situation.resident = resident_share();
  situation.available = available_memory();
  const uint64_t row_bytes = std::max<uint64_t>(1, situation.files / dataset_->rows());
  if (maker_.listed()) {
    return situation;
  }
  if (const WindowShuffle* blocks = maker_.order()->order().blocks()) {
    const uint64_t block_bytes = blocks->block_rows() * row_bytes;
    situation.in_runs = block_bytes >= kLeastBlockBytes &&
                        block_bytes * blocks->window() + kHintBytes <= situation.available / 2;
  } else {
    situation.in_runs = maker_.order()->order().sequential();
  }
  return situation;
}

// The share of places in the files, evenly spread and others each time, that are in memory.
double Prefetch::resident_share() {
  const double golden = 0.6180339887498949;
  const double phase = std::fmod(static_cast<double>(looks_) * golden, 1.0);
  uint64_t resident = 0;
  for (uint64_t i = 0; i < kSamples; ++i) {
    const double at = (static_cast<double>(i) + phase) / kSamples;
    const auto place = static_cast<uint64_t>(at * static_cast<double>(ends_.back()));
    resident += is_resident(std::min(place, ends_.back() - 1)) ? 1 : 0;
  }
  return static_cast<double>(resident) / kSamples;
}

// Whether byte `place` of all extents is in memory; false where the file system does not say.
bool Prefetch::is_resident(uint64_t place) {
  const auto after = std::upper_bound(ends_.begin(), ends_.end(), place);
  const Extent& extent = extents_[static_cast<size_t>(after - ends_.begin())];
  const uint64_t offset = extent.offset + extent.bytes - (*after - place);
  try {
    const File& file = files_.get(extent.rows->path, extent.rows->info);
    return file.file_system() == FileSystemKind::kMemory ||
           file.residency(offset) == Residency::kResident;
  } catch (const Error&) {
    return false;  // gone, or another file by now; a map that holds it may still wait for rows
  }
}

// Decides which columns are small enough to be asked for as a whole, and how far ahead the rows of
// the others are asked for.
void Prefetch::choose_hinted_columns(const Situation& situation) {
  const uint64_t small = std::min(kWholeColumnBytes, situation.available / 16);
  const bool wants_much = situation.wanted >= situation.files / 4;
  uint64_t row_bytes = 0;
  for (size_t c = 0; c < hinted_columns_.size(); ++c) {
    hinted_columns_[c] = column_bytes_[c] > small || (!wants_much && column_bytes_[c] > 0);
    row_bytes += hinted_columns_[c] ? row_page_bytes_[c] : 0;
  }
  const uint64_t rows = std::min(maker_.plan().batch(0).count, kHintSteps * step_rows_);
  ahead_ =
      std::clamp<uint64_t>(kHintBytes / std::max<uint64_t>(1, rows * row_bytes), 1, kHintBatches);
}

// Asks for the columns whose rows are not asked for one by one.
void Prefetch::hint_whole_columns() {
  for (const Extent& extent : extents_) {
    if (hinted_columns_[extent.column] || stopped_) {
      continue;
    }
    try {
      files_.get(extent.rows->path, extent.rows->info).will_need(extent.offset, extent.bytes);
      hinted_bytes_ += extent.bytes;
    } catch (const Error&) {
      // The batch that needs a row of this file says what is wrong with it.
    }
  }
}

// Asks for the rows of one more batch; false if all are asked for that should be.
bool Prefetch::hint() {
  const uint64_t claimed = ring_.claimed();
  // Those that are being made may still need most of their rows.
  next_batch_ = std::max(next_batch_, claimed - std::min(claimed, setting_.makers));
  const uint64_t batch = next_batch_;
  if (batch >= std::min(claimed + ahead_, maker_.plan().batches())) {
    return false;
  }
  if (in_blocks_) {
    ++next_batch_;
    hint_blocks(batch);
    return true;
  }
  const bool known = maker_.rows_of(batch, order_, rows_);
  if (!known && batch >= claimed) {
    return false;  // not named yet
  }
  ++next_batch_;
  if (!known) {
    return true;
  }
  rows_.resize(std::min(rows_.size(), kHintSteps * step_rows_));
  hinted_bytes_ += requests_.will_need(rows_, hinted_columns_);
  return true;
}

// Asks for the blocks that `batch` draws from.
void Prefetch::hint_blocks(uint64_t batch) {
  const WindowShuffle& blocks = *maker_.order()->order().blocks();
  const Plan::Batch plan = maker_.plan().batch(batch);
  const uint64_t last = plan.first + (plan.count - 1) * plan.stride;
  const uint64_t first = blocks.open_blocks(blocks.stage_of(plan.first)).first;
  const uint64_t end = blocks.open_blocks(blocks.stage_of(last)).end;
  for (next_block_ = std::max(next_block_, first); next_block_ < end && !stopped_; ++next_block_) {
    const WindowShuffle::Block block = blocks.block(next_block_);
    rows_.resize(block.rows);
    std::iota(rows_.begin(), rows_.end(), block.first_row);
    hinted_bytes_ += requests_.will_need(rows_, hinted_columns_);
  }
}

}  // namespace headrace
