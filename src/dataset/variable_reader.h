#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "column/gather_variable.h"
#include "dataset/dataset.h"
#include "storage/open_files.h"

namespace headrace {

// Gives memory for `bytes` bytes, perhaps 0, of one part of a column of a batch of n rows:
//
//   shown as       offsets          values                    indices               lengths
//   ragged, text   int64[n + 1]     elements                  -                     -
//   csr as stored  int64[n + 1]     values, unless binary     of index_dtype        -
//   dense, stack   -                n rows                    -                     -
//   csr            index_dtype      values                    index_dtype           -
//                  [n + 1]
//   coo            -                values                    int64[2][values]:     -
//                                                             rows, then columns
//   padded         -                n rows of one length      -                     int64[n], or
//   the
//                                                                                   mask, a bool
//                                                                                   for each
//                                                                                   element
//
// A part is asked for once its size is known, offsets first.
using AllocatePart = std::function<std::byte*(size_t column, ColumnPart part, uint64_t bytes)>;

// Reads rows of columns with offsets: ragged, bytes, text, csr. In two passes, since the sizes are
// known only when the offsets are read: (1) the offsets of every row, each loaded once and checked,
// become the offsets of the batch; (2) values and indices are copied to memory of that size. Keeps
// its scratch memory between calls: one per thread, not shared. Does not keep the dataset alive.
class VariableReader {
 public:
  explicit VariableReader(const Dataset& dataset) : dataset_(dataset) {}

  // Reads the rows that `runs` names of `column`, `rows` of them. Asks the kernel for coming rows
  // while it copies those before them, but for the first `asked` rows, which were asked for already
  // or are in memory: a request costs as much as a row. Calls `poll` before each step
  // of a few thousand rows and a few megabytes, or a single row; it may throw to stop. Throws
  // kCorrupt naming file, column and row for offsets that are not in order or beyond the elements;
  // kIo, kTruncated as Reader::read. Requires: a column with offsets; the sources of all runs are
  // open; install_fault_guard() was called.
  void read(size_t column, std::span<const Run> runs, uint64_t rows, OpenFiles& files,
            const AllocatePart& allocate, const std::function<void()>& poll, uint64_t asked = 0);

  // Asks the kernel for the offsets of the rows that `runs` names, or for their values and indices,
  // and returns before these are in memory; elements only where their offsets are, or wait for
  // them. Returns the bytes asked for. Throws, and requires, as read().
  uint64_t will_need_offsets(size_t column, std::span<const Run> runs, uint64_t rows,
                             OpenFiles& files);
  uint64_t will_need_elements(size_t column, std::span<const Run> runs, uint64_t rows,
                              OpenFiles& files);

 private:
  // Where one run is stored.
  struct Origin {
    const Source* source;
    uint32_t column;  // of the source
  };
  // Elements to ask the kernel for.
  struct Request {
    Origin origin;
    uint64_t first;
    uint64_t count;
  };

  void start(size_t column, std::span<const Run> runs, uint64_t rows);
  ElementRange elements_of(const VariableRun& run) const noexcept;
  void cut_runs();
  size_t step_end(size_t begin, uint64_t size) const noexcept;
  uint64_t will_need(ColumnPart part, uint64_t size, size_t begin, size_t end, OpenFiles& files);
  void find_ranges(const RowSpace& space, OpenFiles& files, const std::function<void()>& poll);
  void find_unmapped(size_t run, OpenFiles& files);
  void write_offsets(std::byte* out);
  void copy_part(const RowSpace& space, ColumnPart part, uint64_t size, std::byte* out,
                 OpenFiles& files, const std::function<void()>& poll);
  [[noreturn]] void fail_offsets(const VariableRun& run, const Origin& origin,
                                 const BadOffsets& bad) const;

  const Dataset& dataset_;

  // Scratch of one read().
  size_t column_ = 0;
  uint64_t asked_ = 0;
  std::vector<VariableRun> runs_;
  std::vector<Origin> origins_;  // of each run
  std::vector<ElementRange> ranges_;
  std::vector<int64_t> offsets_;
  std::vector<Request> requests_;
  std::vector<std::byte> stored_offsets_;
};

}  // namespace headrace
