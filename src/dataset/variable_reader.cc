#include "dataset/variable_reader.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "dataset/read_faults.h"
#include "storage/fault_guard.h"

namespace headrace {
namespace {

// One step of reading: enough requests to keep a device busy, few enough that a cancelled read ends
// soon.
constexpr uint64_t kStepRows = 8192;
constexpr uint64_t kStepBytes = uint64_t{32} << 20;

// Reading so much more than is needed costs a device no more than a second request.
constexpr uint64_t kGapBytes = uint64_t{16} << 10;

}  // namespace

void VariableReader::read(size_t column, std::span<const Run> runs, uint64_t rows, OpenFiles& files,
                          const AllocatePart& allocate, const std::function<void()>& poll,
                          uint64_t asked) {
  start(column, runs, rows, files, poll, asked);
  const Field& stored = dataset_.columns()[column].stored();
  const uint64_t offset_bytes = offsets_.size() * sizeof(int64_t);
  std::memcpy(allocate(column, ColumnPart::kOffsets, offset_bytes), offsets_.data(), offset_bytes);
  const auto elements = static_cast<uint64_t>(offsets_.back());
  for (const ColumnPart part : {ColumnPart::kValues, ColumnPart::kIndices}) {
    const uint64_t size = element_bytes(stored, part);
    if (size == 0) {
      continue;
    }
    std::byte* out = allocate(column, part, checked_mul(elements, size, "bytes of the rows"));
    for (size_t begin = 0; begin < runs_.size();) {
      poll();
      const size_t end = step_end(begin, size);
      const uint64_t first = runs_[begin].out;
      const uint64_t next = end < runs_.size() ? runs_[end].out : rows;
      copy(part, first, next - first, out + static_cast<uint64_t>(offsets_[first]) * size);
      begin = end;
    }
  }
}

uint64_t VariableReader::will_need_offsets(size_t column, std::span<const Run> runs, uint64_t rows,
                                           OpenFiles& files) {
  take(column, runs, rows, files);
  return advise(ColumnPart::kOffsets, sizeof(int64_t), 0, runs_.size(), Advice::kWillNeed);
}

uint64_t VariableReader::advise_elements(size_t column, std::span<const Run> runs, uint64_t rows,
                                         Advice advice, OpenFiles& files) {
  take(column, runs, rows, files);
  asked_ = rows;
  find_ranges([] {});
  truncate_rows();
  asked_ = 0;
  uint64_t bytes = 0;
  for (const ColumnPart part : {ColumnPart::kValues, ColumnPart::kIndices}) {
    if (const uint64_t size = element_bytes(dataset_.columns()[column].stored(), part)) {
      bytes += advise(part, size, 0, runs_.size(), advice);
    }
  }
  return bytes;
}

void VariableReader::start(size_t column, std::span<const Run> runs, uint64_t rows,
                           OpenFiles& files, const std::function<void()>& poll, uint64_t asked) {
  take(column, runs, rows, files);
  asked_ = asked;
  find_ranges(poll);
  truncate_rows();
  cut_runs();
  add_offsets();
}

// Takes the rows of one read.
void VariableReader::take(size_t column, std::span<const Run> runs, uint64_t rows,
                          OpenFiles& files) {
  column_ = column;
  space_ = dataset_.groups()[dataset_.columns()[column].group].get();
  files_ = &files;
  asked_ = 0;
  asked_parts_ = {};
  chosen_count_ = 0;
  ranges_.resize(rows);
  take_runs(runs);
}

// Runs in the order of the batch; views over several spaces name them space by space.
void VariableReader::take_runs(std::span<const Run> runs) {
  const auto by_place = [](const Run& a, const Run& b) { return a.out < b.out; };
  if (!std::is_sorted(runs.begin(), runs.end(), by_place)) {
    sorted_runs_.assign(runs.begin(), runs.end());
    std::sort(sorted_runs_.begin(), sorted_runs_.end(), by_place);
    runs = sorted_runs_;
  }
  runs_.clear();
  origins_.clear();
  const uint32_t group = dataset_.columns()[column_].group;
  for (const Run& run : runs) {
    const PieceView piece = space_->piece(run.piece);
    const uint32_t number = piece.source_column(dataset_.columns()[column_].column);
    const OpenSource* open =
        held_ == nullptr ? piece.source->opened() : held_->opened({group, run.piece});
    const ColumnView* stored = &open->variable[number];
    for (uint32_t done = 0; done < run.count;) {
      const uint32_t count = std::min<uint32_t>(run.count - done, kStepRows);
      runs_.push_back({stored, run.first + done, count, run.out + done});
      origins_.push_back({piece.source, open, number});
      done += count;
    }
  }
}

// The elements of a run, whose ranges are known.
ElementRange VariableReader::elements_of(const VariableRun& run) const noexcept {
  return {ranges_[run.out].begin, ranges_[run.out + run.count - 1].end};
}

// Leaves out what the layout truncates; a row that loses elements is the last of its run. Requires:
// the ranges are known.
void VariableReader::truncate_rows() {
  const StoredLayout* layout = dataset_.columns()[column_].layout.get();
  if (layout == nullptr || layout->layout.kind != LayoutKind::kPadded ||
      !layout->layout.padding.truncate) {
    return;
  }
  const uint64_t most = layout->layout.padding.max_length;
  if (std::none_of(ranges_.begin(), ranges_.end(),
                   [most](const ElementRange& row) { return row.size() > most; })) {
    return;
  }
  const std::vector<VariableRun> runs = std::exchange(runs_, {});
  const std::vector<Origin> origins = std::exchange(origins_, {});
  for (size_t r = 0; r < runs.size(); ++r) {
    VariableRun part = runs[r];
    const uint32_t end = part.out + part.count;
    for (part.count = 0; part.out < end;) {
      ElementRange& row = ranges_[part.out + part.count];
      ++part.count;
      const bool cut = row.size() > most;
      row.end = cut ? row.begin + most : row.end;
      if (cut || part.out + part.count == end) {
        runs_.push_back(part);
        origins_.push_back(origins[r]);
        part.first += part.count;
        part.out += part.count;
        part.count = 0;
      }
    }
  }
}

// Cuts runs that are more than one step, between their rows. Requires: the ranges are known.
void VariableReader::cut_runs() {
  const Field& field = dataset_.columns()[column_].stored();
  const uint64_t size = std::max(element_bytes(field, ColumnPart::kValues),
                                 element_bytes(field, ColumnPart::kIndices));
  const uint64_t most = kStepBytes / size;
  if (std::none_of(runs_.begin(), runs_.end(), [&](const VariableRun& run) {
        return run.count > 1 && elements_of(run).size() > most;
      })) {
    return;
  }
  const std::vector<VariableRun> runs = std::exchange(runs_, {});
  const std::vector<Origin> origins = std::exchange(origins_, {});
  for (size_t r = 0; r < runs.size(); ++r) {
    VariableRun part = runs[r];
    for (uint32_t left = part.count; left > 0; left -= part.count) {
      const ElementRange* rows = &ranges_[part.out];
      const auto fits = [&](uint32_t count) { return rows[count - 1].end - rows[0].begin <= most; };
      part.count = 1;
      while (part.count < left && fits(part.count + 1)) {
        ++part.count;
      }
      runs_.push_back(part);
      origins_.push_back(origins[r]);
      part.first += part.count;
      part.out += part.count;
    }
  }
}

// Where the step that begins with run `begin` ends; `size` is what an element of it takes, 0 where
// its elements are not read.
size_t VariableReader::step_end(size_t begin, uint64_t size) const noexcept {
  uint64_t rows = 0;
  uint64_t bytes = 0;
  for (; begin < runs_.size() && rows < kStepRows; ++begin) {
    const uint64_t more = size == 0 ? 0 : elements_of(runs_[begin]).size() * size;
    if (bytes > 0 && more > kStepBytes - bytes) {
      break;
    }
    rows += runs_[begin].count;
    bytes = std::min(bytes + more, kStepBytes);
  }
  return begin;
}

// Tells what becomes of `part` of runs [begin, end) behind the first asked_ rows, `size` bytes an
// element; neighbours, in whatever order and with small gaps, are one call. Returns their bytes.
uint64_t VariableReader::advise(ColumnPart part, uint64_t size, size_t begin, size_t end,
                                Advice advice) {
  requests_.clear();
  for (size_t r = begin; r < end; ++r) {
    const VariableRun& run = runs_[r];
    if (uint64_t{run.out} + run.count <= asked_ || !origins_[r].source->in_files()) {
      continue;
    }
    const bool offsets = part == ColumnPart::kOffsets;
    const ElementRange wanted =
        offsets ? ElementRange{run.first, run.first + run.count + 1} : elements_of(run);
    if (wanted.size() > 0) {
      requests_.push_back({origins_[r], wanted.begin, wanted.size()});
    }
  }
  std::sort(requests_.begin(), requests_.end(), [](const Request& a, const Request& b) {
    return std::tuple(a.origin.source, a.origin.column, a.first) <
           std::tuple(b.origin.source, b.origin.column, b.first);
  });
  const uint64_t gap = kGapBytes / size;
  uint64_t bytes = 0;
  for (size_t i = 0; i < requests_.size();) {
    Request request = requests_[i++];
    for (; i < requests_.size() && requests_[i].origin.source == request.origin.source &&
           requests_[i].origin.column == request.origin.column &&
           requests_[i].first <= request.first + request.count + gap;
         ++i) {
      const uint64_t ahead = requests_[i].first + requests_[i].count;
      request.count = std::max(request.count, ahead - request.first);
    }
    request.origin.source->advise_part(request.origin.column, part, request.first, request.count,
                                       advice, *files_);
    bytes += request.count * size;
  }
  return bytes;
}

// Asks for `part` of the steps up to the one that holds the last row before `row`, and of the next.
void VariableReader::will_need_until(ColumnPart part, uint64_t size, uint64_t row) {
  if (!dataset_.in_files()) {
    return;
  }
  const uint64_t step_size = part == ColumnPart::kOffsets ? 0 : size;
  Asked& asked = asked_parts_[static_cast<size_t>(part)];
  while (asked.end < runs_.size() && runs_[asked.begin].out < row) {
    const size_t end = step_end(asked.end, step_size);
    advise(part, size, asked.end, end, Advice::kWillNeed);
    asked = {asked.end, end};
  }
}

void VariableReader::find_ranges(const std::function<void()>& poll) {
  for (size_t begin = 0; begin < runs_.size();) {
    poll();
    const size_t end = step_end(begin, 0);
    const auto step = std::span(runs_).subspan(begin, end - begin);
    will_need_until(ColumnPart::kOffsets, sizeof(int64_t), step.back().out + 1);
    BadOffsets bad;
    auto leaf = [&]() noexcept { bad = load_ranges(step, ranges_); };
    if (const void* address = guarded(leaf)) {
      throw_read_fault(*space_, address, held_);
    }
    if (bad.found) {
      fail_offsets(step[bad.run], origins_[begin + bad.run], bad);
    }
    for (; begin < end; ++begin) {
      if (runs_[begin].column->offsets == nullptr) {
        find_unmapped(begin);
      }
    }
  }
}

// The ranges of a run whose offsets are read by a call.
void VariableReader::find_unmapped(size_t run) {
  VariableRun copied = runs_[run];
  ColumnView column = *copied.column;
  const uint64_t count = uint64_t{copied.count} + 1;
  stored_offsets_.resize(count * column.offset_size);
  const Origin& origin = origins_[run];
  origin.source->read_part_held(*origin.open, origin.column, ColumnPart::kOffsets, copied.first,
                                count, stored_offsets_.data(), *files_);
  column.offsets = stored_offsets_.data();
  copied.column = &column;
  copied.first = 0;
  if (const BadOffsets bad = load_ranges({&copied, 1}, ranges_); bad.found) {
    fail_offsets(runs_[run], origins_[run], bad);
  }
}

void VariableReader::add_offsets() {
  offsets_.resize(ranges_.size() + 1);
  offsets_[0] = 0;
  for (size_t i = 0; i < ranges_.size(); ++i) {
    if (__builtin_add_overflow(offsets_[i], ranges_[i].size(), &offsets_[i + 1])) {
      throw Error(ErrorCode::kInvalid,
                  "the rows of column " + dataset_.columns()[column_].field.name +
                      " have more than 2^63 - 1 elements; read fewer at once",
                  {.file = "", .column = dataset_.columns()[column_].field.name});
    }
  }
}

void VariableReader::copy(ColumnPart part, uint64_t first, uint64_t count, std::byte* out) {
  if (count == 0) {
    return;
  }
  const uint64_t size = element_bytes(dataset_.columns()[column_].stored(), part);
  will_need_until(part, size, first + count);
  choose_rows(first, count);
  const bool casts = part == ColumnPart::kValues ? dataset_.converts(column_)
                                                 : dataset_.columns()[column_].recasts_indices;
  if (casts) {
    cast_chosen(part, out);
  } else {
    copy_chosen(0, chosen_.size(), part, size, out);
  }
}

// The run that has row `row` of the batch.
size_t VariableReader::run_of(uint64_t row) const noexcept {
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), row,
                       [](uint64_t wanted, const VariableRun& run) { return wanted < run.out; });
  return static_cast<size_t>(after - runs_.begin()) - 1;
}

// Makes chosen_ the runs of rows [first, first + count) of the batch.
void VariableReader::choose_rows(uint64_t first, uint64_t count) {
  if (chosen_count_ == count && chosen_first_ == first) {
    return;
  }
  chosen_first_ = first;
  chosen_count_ = count;
  chosen_run_ = run_of(first);
  chosen_.clear();
  for (size_t r = chosen_run_; r < runs_.size() && runs_[r].out < first + count; ++r) {
    VariableRun run = runs_[r];
    const uint64_t before = run.out < first ? first - run.out : 0;
    const uint64_t end = std::min<uint64_t>(run.out + run.count, first + count);
    run.first += before;
    run.out = static_cast<uint32_t>(run.out + before - first);
    run.count = static_cast<uint32_t>(end - first - run.out);
    chosen_.push_back(run);
  }
  chosen_offsets_.resize(count + 1);
  for (uint64_t i = 0; i <= count; ++i) {
    chosen_offsets_[i] = offsets_[first + i] - offsets_[first];
  }
}

// Copies `part` of runs [begin, end) of chosen_, `size` bytes an element as it is stored.
void VariableReader::copy_chosen(size_t begin, size_t end, ColumnPart part, uint64_t size,
                                 std::byte* out) {
  const auto runs = std::span(chosen_).subspan(begin, end - begin);
  const auto ranges = std::span(ranges_).subspan(chosen_first_, chosen_count_);
  auto leaf = [&]() noexcept {
    gather_elements(runs, ranges, part, size, chosen_offsets_.data(), out);
  };
  if (const void* address = guarded(leaf)) {
    throw_read_fault(*space_, address, held_);
  }
  for (size_t r = begin; r < end; ++r) {
    const VariableRun& run = chosen_[r];
    const uint64_t first = ranges[run.out].begin;
    const uint64_t count = ranges[run.out + run.count - 1].end - first;
    if (run.column->offsets == nullptr && count > 0) {
      const Origin& origin = origins_[chosen_run_ + r];
      origin.source->read_part_held(*origin.open, origin.column, part, first, count,
                                    out + static_cast<uint64_t>(chosen_offsets_[run.out]) * size,
                                    *files_);
    }
  }
}

// The steps from what a source holds of `part` to what the column has.
std::vector<ValueStep> VariableReader::conversion_path(ColumnPart part,
                                                       const Origin& origin) const {
  const DatasetColumn& column = dataset_.columns()[column_];
  if (part == ColumnPart::kValues) {
    return column.conversion_path(origin.source->dtype(origin.column));
  }
  return {origin.source->index_dtype(origin.column), column.stored().index_dtype};
}

// Copies `part` of chosen_ to `out`, cast; runs of sources with one dtype together.
void VariableReader::cast_chosen(ColumnPart part, std::byte* out) {
  // In an element.
  const uint64_t numbers =
      part == ColumnPart::kValues ? dataset_.columns()[column_].stored().row_elements() : 1;
  for (size_t begin = 0; begin < chosen_.size();) {
    const std::vector<ValueStep> path = conversion_path(part, origins_[chosen_run_ + begin]);
    size_t end = begin + 1;
    const auto is_alike = [&](const Origin& a, const Origin& b) {
      return (a.source == b.source && a.column == b.column) || conversion_path(part, b) == path;
    };
    while (end < chosen_.size() &&
           is_alike(origins_[chosen_run_ + end - 1], origins_[chosen_run_ + end])) {
      ++end;
    }
    const Conversion& conversion = conversions_.of(path);
    const uint64_t size = numbers * conversion.from_size();
    const auto first = static_cast<uint64_t>(chosen_offsets_[chosen_[begin].out]);
    const uint64_t last_row = chosen_[end - 1].out + chosen_[end - 1].count;
    const auto last = static_cast<uint64_t>(chosen_offsets_[last_row]);
    // Where elements of all rows would have room, so that places are those of the result.
    const uint64_t bytes = static_cast<uint64_t>(chosen_offsets_.back()) * size;
    if (uncast_.size() < bytes) {
      uncast_.resize(bytes);
    }
    copy_chosen(begin, end, part, size, uncast_.data());
    conversion.apply(uncast_.data() + first * size, out + first * numbers * conversion.to_size(),
                     (last - first) * numbers);
    begin = end;
  }
}

void VariableReader::fail_offsets(const VariableRun& run, const Origin& origin,
                                  const BadOffsets& bad) const {
  const std::string& name = dataset_.columns()[column_].field.name;
  const std::string file = origin.source->file(origin.column);
  const uint64_t row = origin.source->first_row_in_file() + run.first + bad.row;
  throw Error(ErrorCode::kCorrupt,
              (file.empty() ? "memory" : file) + ": row " + std::to_string(row) + " of column " +
                  name + " is elements " + std::to_string(bad.begin) + " to " +
                  std::to_string(bad.end) + " of " + std::to_string(run.column->elements) +
                  "; the offsets are damaged, or the file was changed" +
                  (file.empty() ? "" : ": find what else is with headrace verify"),
              {.file = file, .column = name, .row = row});
}

}  // namespace headrace
