#include "engine/prefetch.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "engine/read_ahead.h"
#include "storage/fault_guard.h"
#include "storage/memory.h"

namespace headrace {
namespace {

constexpr std::chrono::seconds kLookEvery{1};
// The workers need many times as long for kHintBytes.
constexpr std::chrono::milliseconds kHintEvery{1};
constexpr uint64_t kSamples = 64;

// For so long rows are asked for without a limit while files are read ahead; then one row for so
// many bytes that were read.
constexpr std::chrono::seconds kStart{2};
constexpr uint64_t kReadPerLateRow = uint64_t{128} << 10;

// What is asked for ahead of the workers: enough for the deepest queues, little of any memory.
constexpr uint64_t kHintBytes = uint64_t{64} << 20;
constexpr uint64_t kHintBatches = 8192;
constexpr uint64_t kHintSteps = 8;

// How many batches, or stages of a window shuffle, offsets are asked for ahead of what they point
// to, at least.
constexpr uint64_t kOffsetLead = 2;

// A column up to this size is asked for as a whole.
constexpr uint64_t kWholeColumnBytes = uint64_t{64} << 20;

// Units below this size are no faster than rows; larger ones than the other are asked for in
// pieces.
constexpr uint64_t kLeastUnitBytes = uint64_t{32} << 10;
constexpr uint64_t kPieceBytes = uint64_t{8} << 20;

// Units that are open where a pass begins are asked for at so many times the rate that they are
// used up at, or kHintBytes a batch, whichever is more.
constexpr uint64_t kCatchUp = 4;

uint64_t page_bytes() { return static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace

Prefetch::Prefetch(const DatasetPtr& dataset, const BatchMaker& maker, const BatchRing& ring,
                   const Setting& setting)
    : dataset_(dataset),
      maker_(maker),
      ring_(ring),
      setting_(setting),
      columns_(dataset->columns().size()),
      step_rows_(Reader::rows_per_step(*dataset_)),
      requests_(*dataset_),
      hinted_columns_(columns_.size()),
      hinted_offsets_(columns_.size()) {}

// Lists what is in files; in its own thread, since there may be tens of thousands of them.
void Prefetch::prepare() {
  install_fault_guard();  // offsets are read here, perhaps before any worker reads
  std::vector<Extent> extents = file_extents(*dataset_, [this] { check_running(); });
  std::vector<uint64_t> ends;
  uint64_t end = 0;
  for (const Extent& extent : extents) {
    end += extent.bytes;
    ends.push_back(end);
  }
  columns_ = file_columns(*dataset_, extents, page_bytes());
  ends_ = std::move(ends);
  extents_ = std::move(extents);
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
  return maker_.listed() || !hinting_ ? 0 : kHintSteps * step_rows_;
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
        next_look = Clock::now() + kLookEvery;
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
  std::optional<ReadAhead> round;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopped_ || (reading_ahead_ && !round_over_); });
    }
    if (stopped_) {
      return;
    }
    try {
      if (!round) {
        round.emplace(extents_, setting_.start);
      }
      round_over_ = round->run(reading_ahead_, read_ahead_bytes_);
    } catch (const std::exception&) {
      round_over_ = true;  // no memory: the rows come one by one
    }
  }
}

// Chooses the regime anew.
void Prefetch::look() {
  if (extents_.empty()) {
    prepare();
  }
  const Situation situation = this->situation();
  const Regime now = regime();
  Regime next = choose_regime(now, situation);
  if (next == Regime::kReadAhead && round_over_) {
    next = Regime::kHints;  // all was read once and did not stay: it does not fit after all
  }
  const bool was_cold = looks_ > 0 && cold();
  in_units_ = situation.in_runs && maker_.order()->order().window() != nullptr;
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
  uint64_t row_bytes = 0;
  for (const FileColumn& column : columns_) {
    // Of a small column no more than all of it, however often its pages are wanted.
    const uint64_t wanted = rows * column.row_page_bytes * setting_.sharers;
    situation.wanted += std::min(wanted, column.bytes);
    row_bytes += column.row_bytes;
  }
  situation.resident = resident_share();
  situation.available = available_memory();
  const auto& groups = dataset_->groups();
  if (maker_.listed() || !std::all_of(groups.begin(), groups.end(), [](const RowSpacePtr& space) {
        return space->keeps_neighbours();
      })) {
    return situation;
  }
  if (const WindowShuffle* shuffle = maker_.order()->order().window()) {
    const uint64_t unit_bytes = shuffle->rows() / shuffle->units() * row_bytes;
    situation.in_runs = unit_bytes >= kLeastUnitBytes &&
                        unit_bytes * shuffle->open_units() + kHintBytes <= situation.available / 2;
  } else {
    situation.in_runs = maker_.order()->order().sequential();
  }
  return situation;
}

// The share of places in the files, evenly spread and others each time, that are in memory. Where
// the file system does not say, what was read from end to end and fits is taken to be there.
double Prefetch::resident_share() {
  const double golden = 0.6180339887498949;
  const double phase = std::fmod(static_cast<double>(looks_) * golden, 1.0);
  uint64_t resident = 0;
  uint64_t known = 0;
  for (uint64_t i = 0; i < kSamples; ++i) {
    const double at = (static_cast<double>(i) + phase) / kSamples;
    const auto place = static_cast<uint64_t>(at * static_cast<double>(ends_.back()));
    const Residency found = residency(std::min(place, ends_.back() - 1));
    resident += found == Residency::kResident ? 1 : 0;
    known += found == Residency::kUnknown ? 0 : 1;
  }
  if (known == 0) {
    return round_over_ && read_ahead_bytes_ >= ends_.back() ? 1 : 0;
  }
  return static_cast<double>(resident) / static_cast<double>(known);
}

// Whether byte `place` of all extents is in memory.
Residency Prefetch::residency(uint64_t place) {
  const auto after = std::upper_bound(ends_.begin(), ends_.end(), place);
  const Extent& extent = extents_[static_cast<size_t>(after - ends_.begin())];
  const uint64_t offset = extent.offset + extent.bytes - (*after - place);
  try {
    const File& file = files_.get(extent.rows->path, extent.rows->info);
    return file.file_system() == FileSystemKind::kMemory ? Residency::kResident
                                                         : file.residency(offset);
  } catch (const Error&) {
    return Residency::kUnknown;  // gone, or another file by now; a map may still hold it
  }
}

// Decides which columns are small enough to be asked for as a whole, and how far ahead the rows of
// the others are asked for.
void Prefetch::choose_hinted_columns(const Situation& situation) {
  const uint64_t small = std::min(kWholeColumnBytes, situation.available / 16);
  const bool wants_much = situation.wanted >= situation.files / 4;
  uint64_t row_bytes = 0;
  row_bytes_ = 1;
  for (size_t c = 0; c < hinted_columns_.size(); ++c) {
    const FileColumn& column = columns_[c];
    const auto one_by_one = [&](uint64_t bytes) {
      return bytes > small || (bytes > 0 && (column.unreachable || !wants_much));
    };
    hinted_columns_[c] = one_by_one(column.bytes);
    hinted_offsets_[c] = one_by_one(column.offset_bytes);
    row_bytes_ += hinted_columns_[c] ? column.row_bytes : 0;
    row_bytes += hinted_columns_[c] ? column.row_page_bytes : 0;
    row_bytes += hinted_offsets_[c] ? page_bytes() : 0;
  }
  const uint64_t rows = std::min(maker_.plan().batch(0).count, kHintSteps * step_rows_);
  ahead_ =
      std::clamp<uint64_t>(kHintBytes / std::max<uint64_t>(1, rows * row_bytes), 1, kHintBatches);
}

// Asks for the columns, and offsets, whose rows are not asked for one by one.
void Prefetch::hint_whole_columns() {
  for (const Extent& extent : extents_) {
    const auto& one_by_one =
        extent.part == ColumnPart::kOffsets ? hinted_offsets_ : hinted_columns_;
    if (one_by_one[extent.column] || stopped_) {
      continue;
    }
    try {
      files_.get(extent.rows->path, extent.rows->info).will_need(extent.offset, extent.bytes);
      hinted_bytes_ += extent.bytes;
    } catch (const Error&) {
      // Gone, while a map may still hold it: from now on its rows are asked for one by one.
      columns_[extent.column].unreachable = true;
      hinted_columns_[extent.column] = true;
      hinted_offsets_[extent.column] = columns_[extent.column].offset_bytes > 0;
    }
  }
}

// Whether requests for rows leave the device time for reading ahead. At first training waits for
// each row; after that the sooner all is read, the sooner no row is waited for.
bool Prefetch::may_hint() {
  if (regime() != Regime::kReadAhead || Clock::now() < begin_ + kStart) {
    late_rows_ = hinted_rows_;
    late_bytes_ = read_ahead_bytes_;
    return true;
  }
  return hinted_rows_ - late_rows_ <= (read_ahead_bytes_ - late_bytes_) / kReadPerLateRow;
}

// Asks for the rows of one more batch, or for their offsets; false if all are asked for that should
// be.
bool Prefetch::hint() {
  const uint64_t claimed = ring_.claimed();
  // Those that are being made may still need most of their rows.
  const uint64_t oldest = claimed - std::min(claimed, setting_.makers);
  next_batch_ = std::max(next_batch_, oldest);
  if (in_units_) {
    let_go_of_units(oldest);
  }
  if (!may_hint()) {
    return false;
  }
  if (!in_units_ && hint_offsets(claimed)) {
    return true;
  }
  const uint64_t batch = next_batch_;
  if (batch >= std::min(claimed + ahead_, maker_.plan().batches())) {
    return false;
  }
  if (in_units_) {
    ++next_batch_;
    hint_units(batch);
    return true;
  }
  const bool known = find_rows(batch);
  if (!known && batch >= claimed) {
    return false;  // not named yet
  }
  ++next_batch_;
  ++hinted_batches_;
  if (!known) {
    return true;
  }
  hinted_rows_ += rows_.size();
  hint_rows();
  return true;
}

// Asks for rows_; their offsets were asked for.
void Prefetch::hint_rows() {
  hinted_bytes_ += requests_.will_need(rows_, hinted_columns_);
  hinted_bytes_ += requests_.will_need_elements(rows_, hinted_columns_);
}

// Makes rows_ what is asked for of `batch`; false if it is not known.
bool Prefetch::find_rows(uint64_t batch) {
  if (!maker_.rows_of(batch, order_, rows_)) {
    return false;
  }
  rows_.resize(std::min(rows_.size(), kHintSteps * step_rows_));
  return true;
}

// Asks for the offsets of one more batch; false if they are far enough ahead of the elements.
bool Prefetch::hint_offsets(uint64_t claimed) {
  if (std::find(hinted_offsets_.begin(), hinted_offsets_.end(), true) == hinted_offsets_.end()) {
    return false;
  }
  // The lead grows with the batches, so that the first ones do not wait for offsets of many others.
  const uint64_t lead = std::min(ahead_, kOffsetLead + hinted_batches_);
  const uint64_t end =
      std::min({claimed + 2 * ahead_, next_batch_ + lead, maker_.plan().batches()});
  next_offsets_ = std::max(next_offsets_, next_batch_);
  if (next_offsets_ >= end || !find_rows(next_offsets_)) {
    return false;
  }
  ++next_offsets_;
  hinted_bytes_ += requests_.will_need_offsets(rows_, hinted_offsets_);
  return true;
}

// The units that are asked for, from those of `batch` on if there were none before.
Prefetch::Units& Prefetch::units_from(const Plan::Batch& batch) {
  if (units_) {
    return *units_;
  }
  const WindowShuffle& shuffle = *maker_.order()->order().window();
  const uint64_t piece_rows = std::max<uint64_t>(1, kPieceBytes / row_bytes_);
  const UnitSchedule pieces(shuffle, batch.first, batch.stride, piece_rows);
  return units_.emplace(Units{pieces, pieces, UnitEnds(shuffle, batch.first, batch.stride)});
}

// Asks for the units that `batch` draws on, and for pieces of those that come next. Where much is
// missing, as in the middle of an epoch, the rows of the batch itself come first.
void Prefetch::hint_units(uint64_t batch) {
  const Plan::Batch plan = maker_.plan().batch(batch);
  if (plan.repeated > 0) {
    return;  // a row from the beginning of the epoch
  }
  Units& units = units_from(plan);
  const uint64_t last = plan.first + (plan.count - 1) * plan.stride;
  hint_unit_offsets(units.offsets, plan.first, last);
  const uint64_t most = std::max(kHintBytes / row_bytes_, kCatchUp * plan.count * plan.stride);
  if (units.rows.rows_due(plan.first, last) > most && find_rows(batch)) {
    hinted_bytes_ += requests_.will_need_offsets(rows_, hinted_offsets_);
    hint_rows();
  }
  for (uint64_t asked = 0; asked < most && !stopped_;) {
    const auto piece = units.rows.next(plan.first, last);
    if (!piece) {
      return;
    }
    count_rows(piece->first_row, piece->rows);
    hint_rows();
    asked += piece->rows;
  }
}

// Gives back the units that were used up before batch `oldest`.
void Prefetch::let_go_of_units(uint64_t oldest) {
  if (regime() != Regime::kHints || !units_ || oldest >= maker_.plan().batches()) {
    return;
  }
  const Plan::Batch plan = maker_.plan().batch(oldest);
  const uint64_t step = std::max<uint64_t>(1, kPieceBytes / row_bytes_);
  while (plan.repeated == 0 && !stopped_) {
    const auto unit = units_->used.next(plan.first);
    if (!unit) {
      return;
    }
    for (uint64_t done = 0; done < unit->rows; done += step) {
      count_rows(unit->first_row + done, std::min(step, unit->rows - done));
      used_bytes_ += requests_.used(rows_, hinted_columns_);
    }
  }
}

// Asks for the offsets of what is due up to `position`, and some stages later.
void Prefetch::hint_unit_offsets(UnitSchedule& offsets, uint64_t from, uint64_t position) {
  const WindowShuffle& shuffle = *maker_.order()->order().window();
  const uint64_t stage = shuffle.rows() / shuffle.units() * shuffle.lanes();
  while (!stopped_) {
    const auto piece = offsets.next(from, position + kOffsetLead * stage);
    if (!piece) {
      return;
    }
    count_rows(piece->first_row, piece->rows);
    hinted_bytes_ += requests_.will_need_offsets(rows_, hinted_offsets_);
  }
}

// Makes rows_ the rows from `first_row` on.
void Prefetch::count_rows(uint64_t first_row, uint64_t rows) {
  rows_.resize(rows);
  std::iota(rows_.begin(), rows_.end(), first_row);
}

}  // namespace headrace
