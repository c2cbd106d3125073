#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "column/gather_variable.h"
#include "dataset/conversions.h"
#include "dataset/dataset.h"
#include "dataset/held_pieces.h"
#include "storage/open_files.h"

namespace headrace {

// Gives memory for `bytes` bytes, perhaps 0, of one part of a column of a batch of n rows, at a
// multiple of 8:
//
//   shown as      offsets        values              indices              lengths
//   ragged, text  int64, n + 1   elements            -                    -
//   csr, stored   int64, n + 1   unless binary       index_dtype          -
//   dense, stack  -              n rows              -                    -
//   csr           index_dtype    values              index_dtype          -
//   coo           -              values              int64: rows, then    -
//                                                    as many columns
//   padded        -              n rows of length m  -                    int64, n; or the mask,
//                                                                         n * m bools
//
// Each part is asked for once, when its size is known; offsets first.
using AllocatePart = std::function<std::byte*(size_t column, ColumnPart part, uint64_t bytes)>;

// Reads rows of columns with offsets as they are stored, but for casts: ragged, bytes, text, csr.
// In two passes, since the sizes are known only when the offsets are read: (1) the offsets of every
// row, each loaded once and checked, become the offsets of the batch; (2) values and indices are
// copied to memory of that size. Keeps its scratch memory between calls: one per thread, not
// shared. Does not keep the dataset alive.
class VariableReader {
 public:
  // `held`: what is held of transient sources, and outlives this; nullptr where there are none.
  explicit VariableReader(const Dataset& dataset, const HeldPieces* held = nullptr)
      : dataset_(dataset), held_(held) {}

  // Reads the rows that `runs` names of `column`, `rows` of them: start(), and copy() of all. Calls
  // `poll` before each step of a few thousand rows and a few megabytes, or a single row; it may
  // throw to stop.
  void read(size_t column, std::span<const Run> runs, uint64_t rows, OpenFiles& files,
            const AllocatePart& allocate, const std::function<void()>& poll, uint64_t asked = 0);

  // The first pass, for rows that copy() then copies. Asks the kernel for coming rows while it
  // reads those before them, as copy() does, but for the first `asked` rows, which were asked for
  // already or are in memory: a request costs as much as a row. Throws kCorrupt naming file, column
  // and row for offsets that are not in order or beyond the elements; kIo, kTruncated as
  // Reader::read. Requires: a column with offsets; the sources of all runs are open,
  // or held;
  // install_fault_guard() was called; `files` lives as long as the rows are copied.
  void start(size_t column, std::span<const Run> runs, uint64_t rows, OpenFiles& files,
             const std::function<void()>& poll, uint64_t asked = 0);

  // Row i of the batch is its elements [offsets[i], offsets[i + 1]); from 0, rows + 1 of them. What
  // a layout truncates is not read, and not counted here.
  std::span<const int64_t> offsets() const noexcept { return offsets_; }

  // Copies `part` of rows [first, first + count) of the batch to `out`, in the sizes of the
  // column's stored(). Rows must be copied in order, and each part may be left out. Throws kIo,
  // kTruncated. Requires: start() was called; the rows exist.
  void copy(ColumnPart part, uint64_t first, uint64_t count, std::byte* out);

  // Asks the kernel for the offsets of the rows that `runs` names, or for their values and indices,
  // and returns before these are in memory; elements only where their offsets are, or wait for
  // them. Returns the bytes asked for. Throws, and requires, as read().
  uint64_t will_need_offsets(size_t column, std::span<const Run> runs, uint64_t rows,
                             OpenFiles& files);
  uint64_t advise_elements(size_t column, std::span<const Run> runs, uint64_t rows, Advice advice,
                           OpenFiles& files);

 private:
  // Where one run is stored.
  struct Origin {
    const Source* source;
    const OpenSource* open;
    uint32_t column;  // of the source
  };
  // Elements to ask the kernel for.
  struct Request {
    Origin origin;
    uint64_t first;
    uint64_t count;
  };

  // How far the kernel was asked for the elements of a part, in runs.
  struct Asked {
    size_t begin = 0;  // of the step that was asked for last
    size_t end = 0;
  };

  void take(size_t column, std::span<const Run> runs, uint64_t rows, OpenFiles& files);
  void take_runs(std::span<const Run> runs);
  ElementRange elements_of(const VariableRun& run) const noexcept;
  void truncate_rows();
  void cut_runs();
  size_t step_end(size_t begin, uint64_t size) const noexcept;
  uint64_t advise(ColumnPart part, uint64_t size, size_t begin, size_t end, Advice advice);
  void will_need_until(ColumnPart part, uint64_t size, uint64_t row);
  void find_ranges(const std::function<void()>& poll);
  void find_unmapped(size_t run);
  void add_offsets();
  size_t run_of(uint64_t row) const noexcept;
  void choose_rows(uint64_t first, uint64_t count);
  void copy_chosen(size_t begin, size_t end, ColumnPart part, uint64_t size, std::byte* out);
  void cast_chosen(ColumnPart part, std::byte* out);
  std::vector<ValueStep> conversion_path(ColumnPart part, const Origin& origin) const;
  [[noreturn]] void fail_offsets(const VariableRun& run, const Origin& origin,
                                 const BadOffsets& bad) const;

  const Dataset& dataset_;
  const HeldPieces* held_;
  Conversions conversions_;

  // Scratch of one read.
  size_t column_ = 0;
  const RowSpace* space_ = nullptr;
  OpenFiles* files_ = nullptr;
  uint64_t asked_ = 0;
  std::array<Asked, kColumnParts> asked_parts_;
  std::vector<Run> sorted_runs_;
  std::vector<VariableRun> runs_;  // in the order of the batch
  std::vector<Origin> origins_;    // of each run
  std::vector<ElementRange> ranges_;
  std::vector<int64_t> offsets_;
  std::vector<Request> requests_;
  std::vector<std::byte> stored_offsets_;
  std::vector<std::byte> uncast_;

  // The rows that are copied: places count from the first of them.
  uint64_t chosen_first_ = 0;
  uint64_t chosen_count_ = 0;
  size_t chosen_run_ = 0;  // the first of chosen_, in runs_
  std::vector<VariableRun> chosen_;
  std::vector<int64_t> chosen_offsets_;
};

}  // namespace headrace
