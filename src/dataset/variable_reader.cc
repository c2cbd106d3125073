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
  const DatasetColumn& shown = dataset_.columns()[column];
  const RowSpace& space = *dataset_.groups()[shown.group];
  start(column, runs, rows);
  asked_ = asked;
  find_ranges(space, files, poll);
  cut_runs();
  const uint64_t offset_bytes = element_bytes(shown.field, ColumnPart::kOffsets);
  write_offsets(allocate(column, ColumnPart::kOffsets, (rows + 1) * offset_bytes));
  const auto elements = static_cast<uint64_t>(offsets_.back());
  for (const ColumnPart part : {ColumnPart::kValues, ColumnPart::kIndices}) {
    if (const uint64_t size = element_bytes(shown.field, part)) {
      const uint64_t bytes = checked_mul(elements, size, "bytes of the rows");
      copy_part(space, part, size, allocate(column, part, bytes), files, poll);
    }
  }
}

uint64_t VariableReader::will_need_offsets(size_t column, std::span<const Run> runs, uint64_t rows,
                                           OpenFiles& files) {
  start(column, runs, rows);
  asked_ = 0;
  const Field& field = dataset_.columns()[column].stored();
  return will_need(ColumnPart::kOffsets, element_bytes(field, ColumnPart::kOffsets), 0,
                   runs_.size(), files);
}

uint64_t VariableReader::will_need_elements(size_t column, std::span<const Run> runs, uint64_t rows,
                                            OpenFiles& files) {
  const DatasetColumn& shown = dataset_.columns()[column];
  start(column, runs, rows);
  asked_ = rows;
  find_ranges(*dataset_.groups()[shown.group], files, [] {});
  asked_ = 0;
  uint64_t bytes = 0;
  for (const ColumnPart part : {ColumnPart::kValues, ColumnPart::kIndices}) {
    if (const uint64_t size = element_bytes(shown.stored(), part)) {
      bytes += will_need(part, size, 0, runs_.size(), files);
    }
  }
  return bytes;
}

void VariableReader::start(size_t column, std::span<const Run> runs, uint64_t rows) {
  const DatasetColumn& shown = dataset_.columns()[column];
  const RowSpace& space = *dataset_.groups()[shown.group];
  column_ = column;
  runs_.clear();
  origins_.clear();
  for (const Run& run : runs) {
    const Piece& piece = space.piece(run.piece);
    const uint32_t number = piece.source_column(shown.column);
    const ColumnView* stored = &piece.source->opened()->variable[number];
    for (uint32_t done = 0; done < run.count;) {
      const uint32_t count = std::min<uint32_t>(run.count - done, kStepRows);
      runs_.push_back({stored, run.first + done, count, run.out + done});
      origins_.push_back({piece.source.get(), number});
      done += count;
    }
  }
  ranges_.resize(rows);
}

// The elements of a run, whose ranges are known.
ElementRange VariableReader::elements_of(const VariableRun& run) const noexcept {
  return {ranges_[run.out].begin, ranges_[run.out + run.count - 1].end};
}

// Cuts runs that are more than one step, between their rows. Requires: the ranges are known.
void VariableReader::cut_runs() {
  const Field& field = dataset_.columns()[column_].field;
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

// Asks for `part` of runs [begin, end) behind the first asked_ rows, `size` bytes an element;
// neighbours, in whatever order and with small gaps, are one request. Returns the bytes asked for.
uint64_t VariableReader::will_need(ColumnPart part, uint64_t size, size_t begin, size_t end,
                                   OpenFiles& files) {
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
    return std::tuple(a.origin.source, a.first) < std::tuple(b.origin.source, b.first);
  });
  const uint64_t gap = kGapBytes / size;
  uint64_t bytes = 0;
  for (size_t i = 0; i < requests_.size();) {
    Request request = requests_[i++];
    for (; i < requests_.size() && requests_[i].origin.source == request.origin.source &&
           requests_[i].first <= request.first + request.count + gap;
         ++i) {
      const uint64_t ahead = requests_[i].first + requests_[i].count;
      request.count = std::max(request.count, ahead - request.first);
    }
    request.origin.source->will_need_part(request.origin.column, part, request.first, request.count,
                                          files);
    bytes += request.count * size;
  }
  return bytes;
}

void VariableReader::find_ranges(const RowSpace& space, OpenFiles& files,
                                 const std::function<void()>& poll) {
  const uint64_t size = element_bytes(dataset_.columns()[column_].field, ColumnPart::kOffsets);
  size_t end = step_end(0, 0);
  will_need(ColumnPart::kOffsets, size, 0, end, files);
  for (size_t begin = 0; begin < runs_.size();) {
    poll();
    const size_t next_end = step_end(end, 0);
    will_need(ColumnPart::kOffsets, size, end, next_end, files);
    const auto step = std::span(runs_).subspan(begin, end - begin);
    BadOffsets bad;
    auto leaf = [&]() noexcept { bad = load_ranges(step, ranges_); };
    if (const void* address = guarded(leaf)) {
      throw_read_fault(space, address);
    }
    if (bad.found) {
      fail_offsets(step[bad.run], origins_[begin + bad.run], bad);
    }
    for (; begin < end; ++begin) {
      if (runs_[begin].column->offsets == nullptr) {
        find_unmapped(begin, files);
      }
    }
    end = next_end;
  }
}

// The ranges of a run whose offsets are read by a call.
void VariableReader::find_unmapped(size_t run, OpenFiles& files) {
  VariableRun copied = runs_[run];
  ColumnView column = *copied.column;
  const uint64_t count = uint64_t{copied.count} + 1;
  stored_offsets_.resize(count * column.offset_size);
  origins_[run].source->read_part(origins_[run].column, ColumnPart::kOffsets, copied.first, count,
                                  stored_offsets_.data(), files);
  column.offsets = stored_offsets_.data();
  copied.column = &column;
  copied.first = 0;
  if (const BadOffsets bad = load_ranges({&copied, 1}, ranges_); bad.found) {
    fail_offsets(runs_[run], origins_[run], bad);
  }
}

void VariableReader::write_offsets(std::byte* out) {
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
  std::memcpy(out, offsets_.data(), offsets_.size() * sizeof(int64_t));
}

void VariableReader::copy_part(const RowSpace& space, ColumnPart part, uint64_t size,
                               std::byte* out, OpenFiles& files,
                               const std::function<void()>& poll) {
  size_t end = step_end(0, size);
  will_need(part, size, 0, end, files);
  for (size_t begin = 0; begin < runs_.size();) {
    poll();
    const size_t next_end = step_end(end, size);
    will_need(part, size, end, next_end, files);
    const auto step = std::span(runs_).subspan(begin, end - begin);
    auto leaf = [&]() noexcept {
      gather_elements(step, ranges_, part, size, offsets_.data(), out);
    };
    if (const void* address = guarded(leaf)) {
      throw_read_fault(space, address);
    }
    for (; begin < end; ++begin) {
      const VariableRun& run = runs_[begin];
      const ElementRange elements = elements_of(run);
      if (run.column->offsets == nullptr && elements.size() > 0) {
        origins_[begin].source->read_part(
            origins_[begin].column, part, elements.begin, elements.size(),
            out + static_cast<uint64_t>(offsets_[run.out]) * size, files);
      }
    }
    end = next_end;
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
