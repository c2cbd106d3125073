#include "dataset/reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "dataset/read_faults.h"
#include "storage/fault_guard.h"

namespace headrace {
namespace {

using Clock = std::chrono::steady_clock;

// A file that shrinks by less than a page raises no signal, so sizes are looked at now and then:
// this often, and this many pieces at a time, which costs microseconds. Dataset::check_files looks
// at all of them at the end of a pass.
constexpr std::chrono::milliseconds kCheckEvery{50};
constexpr uint64_t kCheckedPieces = 32;

// What is retired is looked for so often.
constexpr std::chrono::milliseconds kDropEvery{1};

constexpr uint64_t kRangeRows = 8192;

// One step of reading cold rows: enough requests to keep a device busy, few enough that a
// cancelled read ends soon.
constexpr uint64_t kStepRows = 1024;
constexpr uint64_t kStepBytes = uint64_t{4} << 20;

}  // namespace

uint64_t Reader::rows_per_step(const Dataset& dataset) noexcept {
  const uint64_t row_bytes = dataset.read_bytes_of_row();
  return std::clamp<uint64_t>(kStepBytes / std::max<uint64_t>(1, row_bytes), 1, kStepRows);
}

Reader::Reader(DatasetPtr dataset, std::function<void()> before_wait)
    : dataset_(std::move(dataset)),
      before_wait_(before_wait ? std::move(before_wait) : [this] { drop_held(); }),
      held_(dataset_->is_transient()
                ? std::make_unique<HeldPieces>(
                      *dataset_, [this](HeldPieces::Name piece) { close_piece(piece); })
                : nullptr),
      step_rows_(rows_per_step(*dataset_)),
      locator_(*dataset_),
      requests_(*dataset_),
      variable_(*dataset_, held_.get()),
      layouts_(*dataset_),
      stacks_(dataset_->columns().size()),
      groups_(dataset_->groups().size()),
      next_check_(Clock::now() + kCheckEvery) {
  const auto& columns = dataset_->columns();
  for (size_t c = 0; c < columns.size(); ++c) {
    groups_[columns[c].group].columns.push_back(c);
  }
  for (size_t g = 0; g < groups_.size(); ++g) {
    const uint64_t pieces = dataset_->groups()[g]->piece_count();
    groups_[g].stored_rows = dataset_->groups()[g]->stored_rows();
    groups_[g].states.resize(pieces, PieceState::kUnknown);
    groups_[g].footprints.resize(groups_[g].columns.size());
    for (size_t k = 0; k < groups_[g].columns.size(); ++k) {
      groups_[g].rows.emplace_back(pieces);
    }
  }
  install_fault_guard();
}

void Reader::read(std::span<const uint64_t> rows, std::span<std::byte* const> outs,
                  const Poll& poll) {
  locator_.start(rows);
  for (uint32_t group = 0; group < groups_.size(); ++group) {
    const auto& columns = groups_[group].columns;
    if (std::all_of(columns.begin(), columns.end(), [&](size_t c) { return outs[c] == nullptr; })) {
      continue;
    }
    read_group(group, rows, outs, poll);
  }
  check_some_files();
}

void Reader::read_cold(std::span<const uint64_t> rows, std::span<std::byte* const> outs,
                       uint64_t asked, const Poll& poll) {
  if (!dataset_->in_files() && !dataset_->is_transient()) {
    poll();
    read(rows, outs, poll);
    return;
  }
  std::vector<bool> wanted(outs.size());
  std::transform(outs.begin(), outs.end(), wanted.begin(),
                 [](const std::byte* out) { return out != nullptr; });
  const auto step_at = [&](uint64_t start) {
    const uint64_t first = std::min<uint64_t>(start, rows.size());
    return rows.subspan(first, std::min<uint64_t>(step_rows_, rows.size() - first));
  };
  if (asked == 0) {
    requests_.will_need(step_at(0), wanted);
  }
  std::vector<std::byte*> memory;
  for (uint64_t done = 0; done < rows.size(); done += step_rows_) {
    poll();
    if (done + step_rows_ >= asked) {
      requests_.will_need(step_at(done + step_rows_), wanted);
    }
    read(step_at(done), outs_from(done, outs, memory), poll);
  }
}

void Reader::read_parts(std::span<const uint64_t> rows, const std::vector<bool>& wanted,
                        const AllocatePart& allocate, const Poll& poll, uint64_t asked) {
  locator_.start(rows);
  for (uint32_t group = 0; group < groups_.size(); ++group) {
    std::vector<size_t> columns;
    std::copy_if(
        groups_[group].columns.begin(), groups_[group].columns.end(), std::back_inserter(columns),
        [&](size_t c) { return wanted[c] && !dataset_->columns()[c].stored().is_tensor(); });
    if (columns.empty()) {
      continue;
    }
    // There are no windows of such columns, so that one part is the whole batch.
    const std::span<const Run> runs =
        rows.empty() ? std::span<const Run>() : locator_.locate(group, 0).runs;
    open_pieces(group, runs, poll);
    for (const size_t c : columns) {
      const DatasetColumn& column = dataset_->columns()[c];
      const bool csr_layout = column.layout != nullptr && column.stored().kind == ColumnKind::kCsr;
      if (!column.changes_rows() && !csr_layout) {  // indices are checked by layouts
        variable_.read(c, runs, rows.size(), requests_.files(), allocate, poll, asked);
        continue;
      }
      variable_.start(c, runs, rows.size(), requests_.files(), poll, asked);
      layouts_.read({c, rows, allocate, poll}, variable_);
    }
  }
  for (size_t c = 0; c < wanted.size(); ++c) {
    const DatasetColumn& column = dataset_->columns()[c];
    if (wanted[c] && column.stored().is_tensor() && !column.gathered()) {
      read_made_of_tensors(c, rows, allocate, poll, asked);
    }
  }
  check_some_files();
}

// Reads a stack, or a layout of a tensor or a stack.
void Reader::read_made_of_tensors(size_t column, std::span<const uint64_t> rows,
                                  const AllocatePart& allocate, const Poll& poll, uint64_t asked) {
  const DatasetColumn& shown = dataset_->columns()[column];
  std::unique_ptr<StackReader>& stack = stacks_[column];
  if (shown.members != nullptr && stack == nullptr) {
    stack = std::make_unique<StackReader>(shown.members, before_wait_);
  }
  if (shown.layout == nullptr) {
    const uint64_t bytes = checked_mul(rows.size(), shown.field.row_bytes(), "bytes of the rows");
    stack->read(rows, allocate(column, ColumnPart::kValues, bytes), asked, poll);
    return;
  }
  std::vector<bool> wanted(dataset_->columns().size());
  wanted[column] = true;
  std::vector<std::byte*> outs(wanted.size());
  uint64_t requested = dataset_->in_files() ? std::min<uint64_t>(asked, rows.size()) : rows.size();
  const ReadTensorRows tensors = [&](uint64_t first, uint64_t count, std::byte* out) {
    if (stack != nullptr) {
      stack->read(rows.subspan(first, count), out, asked > first ? asked - first : 0, poll);
      return;
    }
    while (requested < std::min<uint64_t>(rows.size(), first + count + step_rows_)) {
      const uint64_t more = std::min<uint64_t>(step_rows_, rows.size() - requested);
      requests_.will_need(rows.subspan(requested, more), wanted);
      requested += more;
    }
    outs[column] = out;
    read(rows.subspan(first, count), outs, poll);
  };
  layouts_.read({column, rows, allocate, poll}, tensors);
}

void Reader::read_group(uint32_t group, std::span<const uint64_t> rows,
                        std::span<std::byte* const> outs, const Poll& poll) {
  for (uint64_t done = 0; done < rows.size();) {
    const RowLocator::Part part = locator_.locate(group, done);
    runs_ = part.runs;
    open_pieces(group, runs_, poll);
    part_unmapped(group);
    const auto part_outs = outs_from(done, outs, part_outs_);
    gather_mapped(group, part_outs);
    read_unmapped(group, part_outs);
    write_row_ids(group, part_outs);
    done += part.rows;
  }
}

// Where row `row` of the batch begins; kept in `memory`.
std::span<std::byte* const> Reader::outs_from(uint64_t row, std::span<std::byte* const> outs,
                                              std::vector<std::byte*>& memory) const {
  if (row == 0) {
    return outs;
  }
  memory.assign(outs.begin(), outs.end());
  for (size_t c = 0; c < outs.size(); ++c) {
    if (outs[c] != nullptr) {
      memory[c] += row * dataset_->columns()[c].stored().row_bytes();
    }
  }
  return memory;
}

// Opens what `runs` need.
void Reader::open_pieces(uint32_t group, std::span<const Run> runs, const Poll& poll) {
  const Group& state = groups_[group];
  for (const Run& run : runs) {
    if (state.states[run.piece] != PieceState::kUnknown) {
      continue;
    }
    if (held_ != nullptr) {
      hold_pieces(group, runs, poll);
      return;
    }
    open_piece(group, run.piece);
  }
}

// The same where some may have to be waited for, and the others let go meanwhile.
void Reader::hold_pieces(uint32_t group, std::span<const Run> runs, const Poll& poll) {
  pieces_.clear();
  for (const Run& run : runs) {
    pieces_.push_back(run.piece);
  }
  std::sort(pieces_.begin(), pieces_.end());
  pieces_.erase(std::unique(pieces_.begin(), pieces_.end()), pieces_.end());
  held_->hold(group, pieces_, before_wait_, poll);
  for (const uint32_t piece : pieces_) {
    if (groups_[group].states[piece] == PieceState::kUnknown) {
      open_piece(group, piece);
    }
  }
}

// Moves the runs of pieces that cannot be mapped from runs_ to unmapped_runs_.
void Reader::part_unmapped(uint32_t group) {
  const Group& state = groups_[group];
  unmapped_runs_ = {};
  if (state.unmapped == 0) {
    return;
  }
  if (state.unmapped == state.states.size()) {
    std::swap(runs_, unmapped_runs_);
    return;
  }
  const auto unmapped = std::stable_partition(runs_.begin(), runs_.end(), [&](const Run& run) {
    return state.states[run.piece] == PieceState::kMapped;
  });
  const auto mapped = static_cast<size_t>(unmapped - runs_.begin());
  unmapped_runs_ = runs_.subspan(mapped);
  runs_ = runs_.first(mapped);
}

void Reader::open_piece(uint32_t group, uint32_t number) {
  Group& state = groups_[group];
  const PieceView piece = dataset_->groups()[group]->piece(number);
  const OpenSource& open =
      held_ == nullptr ? piece.source->open() : *held_->opened({group, number});
  bool mapped = true;
  for (size_t k = 0; k < state.columns.size(); ++k) {
    const DatasetColumn& column = dataset_->columns()[state.columns[k]];
    if (!column.stored().is_tensor() || column.members != nullptr) {
      continue;
    }
    const PieceRows& from = open.columns[piece.source_column(column.column)];
    const DType stored = piece.source->dtype(piece.source_column(column.column));
    PieceRows& rows = state.rows[k][number];
    rows = from;
    if (dataset_->converts(state.columns[k])) {
      rows.conversion = &conversions_.of(column.conversion_path(stored));
    }
    state.footprints[k].include(
        from, column.stored().row_elements() / state.stored_rows * dtype_size(stored));
    mapped = mapped && from.rows != nullptr;
  }
  // Runs count rows of the source, so piece.first is already in them.
  const bool numbers = piece.source->is_numbers();
  state.states[number] = numbers  ? PieceState::kNumbers
                         : mapped ? PieceState::kMapped
                                  : PieceState::kUnmapped;
  state.unmapped += mapped ? 0 : 1;
  state.numbers += numbers ? 1 : 0;
}

// Of a piece that is let go.
void Reader::close_piece(HeldPieces::Name name) {
  Group& state = groups_[name.group];
  PieceState& piece = state.states[name.piece];
  state.unmapped -= piece == PieceState::kUnmapped ? 1 : 0;
  piece = PieceState::kUnknown;
}

void Reader::drop_retired() {
  if (held_ == nullptr) {
    return;
  }
  held_->drop_retired();
  for (const std::unique_ptr<StackReader>& stack : stacks_) {
    if (stack != nullptr) {
      stack->drop_retired();
    }
  }
}

void Reader::drop_held() {
  if (held_ == nullptr) {
    return;
  }
  held_->drop_all();
  for (const std::unique_ptr<StackReader>& stack : stacks_) {
    if (stack != nullptr) {
      stack->drop_held();
    }
  }
}

void Reader::gather_mapped(uint32_t group, std::span<std::byte* const> outs) {
  const Group& state = groups_[group];
  columns_.clear();
  for (size_t k = 0; k < state.columns.size(); ++k) {
    const size_t c = state.columns[k];
    const Field& field = dataset_->columns()[c].stored();
    const PieceRows* pieces = state.rows[k].data();
    if (outs[c] == nullptr) {
      continue;
    }
    const Footprint& stored = state.footprints[k];
    const uint64_t elements = field.row_elements() / state.stored_rows;
    const uint64_t element_size = dtype_size(field.dtype);
    columns_.push_back(
        dataset_->converts(c)
            ? GatherColumn::converted(pieces, elements, element_size, outs[c], stored)
            : GatherColumn::copied(pieces, elements * element_size, outs[c], stored.alignment));
  }
  auto leaf = [this]() noexcept { gather(runs_, columns_); };
  if (const void* address = guarded(leaf)) {
    throw_read_fault(*dataset_->groups()[group], address, held_.get());
  }
}

// Row ids are written here, without a call for each row.
void Reader::write_row_ids(uint32_t group, std::span<std::byte* const> outs) {
  const Group& state = groups_[group];
  for (size_t k = 0; k < state.columns.size(); ++k) {
    const size_t c = state.columns[k];
    if (state.numbers == 0 || outs[c] == nullptr) {
      continue;
    }
    const uint64_t size = dtype_size(dataset_->columns()[c].stored().dtype);
    for (const Run& run : unmapped_runs_) {
      if (state.states[run.piece] != PieceState::kNumbers) {
        continue;
      }
      std::byte* out = outs[c] + run.out * size;
      const Conversion* conversion = state.rows[k][run.piece].conversion;
      if (conversion == nullptr) {
        write_numbers(run.first, run.count, out);
        continue;
      }
      row_bytes_.resize(run.count * conversion->from_size());
      write_numbers(run.first, run.count, row_bytes_.data());
      conversion->apply(row_bytes_.data(), out, run.count);
    }
  }
}

void Reader::read_unmapped(uint32_t group, std::span<std::byte* const> outs) {
  const Group& state = groups_[group];
  for (const Run& run : unmapped_runs_) {
    if (state.states[run.piece] == PieceState::kNumbers) {
      continue;
    }
    const PieceView piece = dataset_->groups()[group]->piece(run.piece);
    const OpenSource& open =
        held_ == nullptr ? *piece.source->opened() : *held_->opened({group, run.piece});
    for (size_t k = 0; k < state.columns.size(); ++k) {
      const size_t c = state.columns[k];
      if (outs[c] == nullptr) {
        continue;
      }
      const DatasetColumn& column = dataset_->columns()[c];
      const uint32_t number = piece.source_column(column.column);
      const uint64_t row_elements = column.stored().row_elements() / state.stored_rows;
      std::byte* out = outs[c] + run.out * row_elements * dtype_size(column.stored().dtype);
      const Conversion* conversion = state.rows[k][run.piece].conversion;
      if (conversion == nullptr) {
        piece.source->read_held(open, number, run.first, run.count, out, requests_.files());
        continue;
      }
      const uint64_t elements = run.count * row_elements;
      row_bytes_.resize(elements * conversion->from_size());
      piece.source->read_held(open, number, run.first, run.count, row_bytes_.data(),
                              requests_.files());
      conversion->apply(row_bytes_.data(), out, elements);
    }
  }
}

void Reader::check_files() const {
  for (const std::unique_ptr<StackReader>& stack : stacks_) {
    if (stack != nullptr) {
      stack->check_files();
    }
  }
  if (held_ != nullptr) {
    held_->check_files();
  }
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (uint64_t i = 0; i < groups_[g].states.size(); ++i) {
      if (groups_[g].states[i] == PieceState::kMapped) {
        dataset_->groups()[g]->piece(i).source->check_files();
      }
    }
  }
}

void Reader::check_some_files() {
  const Clock::time_point now = Clock::now();
  if (held_ != nullptr && now >= next_drop_) {
    next_drop_ = now + kDropEvery;
    drop_retired();
  }
  if (now < next_check_) {
    return;
  }
  next_check_ = now + kCheckEvery;
  for (size_t g = 0; g < groups_.size(); ++g) {
    const RowSpace& space = *dataset_->groups()[g];
    const uint64_t count = std::min(kCheckedPieces, space.piece_count());
    for (uint64_t i = 0; i < count; ++i) {
      groups_[g].next_check = (groups_[g].next_check + 1) % space.piece_count();
      if (const Source* source = space.made_source(groups_[g].next_check)) {
        source->check_files();
      }
    }
  }
}

void read_range(const DatasetPtr& dataset, uint64_t start, uint64_t count, int64_t step,
                std::span<std::byte* const> outs, const Poll& poll) {
  dataset->check_range(start, count, step);
  Reader reader(dataset);
  std::vector<std::byte*> parts(outs.begin(), outs.end());
  std::vector<uint64_t> rows;
  for (uint64_t done = 0; done < count; done += rows.size()) {
    rows.resize(std::min(kRangeRows, count - done));
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i] = start + (done + i) * static_cast<uint64_t>(step);
    }
    for (size_t c = 0; c < outs.size(); ++c) {
      if (outs[c] != nullptr) {
        parts[c] = outs[c] + done * dataset->columns()[c].field.row_bytes();
      }
    }
    reader.read_cold(rows, parts, 0, poll);
  }
  reader.check_files();
}

void read_range(const DatasetPtr& dataset, size_t column, uint64_t start, uint64_t count,
                int64_t step, std::byte* out) {
  std::vector<std::byte*> outs(dataset->columns().size(), nullptr);
  outs.at(column) = out;
  read_range(dataset, start, count, step, outs);
}

void read_parts_range(const DatasetPtr& dataset, uint64_t start, uint64_t count, int64_t step,
                      const std::vector<bool>& wanted, const AllocatePart& allocate,
                      const Poll& poll) {
  dataset->check_range(start, count, step);
  if (count > INT32_MAX) {
    throw Error(
        ErrorCode::kInvalid,
        "at most 2^31 - 1 rows of columns with rows of any size can be read at once; found " +
            std::to_string(count) + "; read them in parts, with ds.chunks()");
  }
  std::vector<uint64_t> rows(count);
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] = start + i * static_cast<uint64_t>(step);
  }
  Reader reader(dataset);
  reader.read_parts(rows, wanted, allocate, poll);
  reader.check_files();
}

}  // namespace headrace
