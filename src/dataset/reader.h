#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "column/gather.h"
#include "dataset/conversions.h"
#include "dataset/dataset.h"
#include "dataset/held_pieces.h"
#include "dataset/layout_reader.h"
#include "dataset/row_locator.h"
#include "dataset/row_requests.h"
#include "dataset/stack_reader.h"
#include "dataset/variable_reader.h"
#include "dataset/zeroed_array.h"

namespace headrace {

// Called now and then by what may take long; throws to stop it.
using Poll = std::function<void()>;

// Reads any rows of a dataset into plain memory. Keeps its scratch memory between calls: one per
// thread, not shared.
class Reader {
 public:
  // `before_wait`: called before rows of a transient source are waited for; drop_held() if it is
  // empty. A reader within another one has that let go of all, so that nobody holds what another
  // one waits for.
  explicit Reader(DatasetPtr dataset, std::function<void()> before_wait = {});

  // Copies the rows to outs[c] for every column c, rows.size() * field.row_bytes() bytes each;
  // columns whose pointer is null are skipped, and so must those be that are not gathered(). Opens
  // files when their rows are first wanted. Rows of transient sources are waited for; meanwhile
  // `poll` is called, which may throw to stop. Throws kNotFound, kIo, kTruncated, naming the file.
  // Requires: each row < dataset.rows(); fewer than 2^31 rows.
  void read(
      std::span<const uint64_t> rows, std::span<std::byte* const> outs, const Poll& poll = [] {});

  // The same for rows that may not be in memory yet: asks the kernel for coming rows while it
  // copies those before them. The first `asked` rows were asked for already. Calls `poll` before
  // each step, which may throw to stop.
  void read_cold(
      std::span<const uint64_t> rows, std::span<std::byte* const> outs, uint64_t asked = 0,
      const Poll& poll = [] {});

  // Reads the rows of every column that `wanted` holds and that is not gathered(), into the memory
  // that `allocate` gives: the parts that AllocatePart says, each exactly once. Asks the kernel for
  // coming rows while it copies those before them, but for the first `asked` rows: they were asked
  // for already, or are in memory. Calls `poll` at least every few thousand rows, which may throw
  // to stop. Throws as read(); kCorrupt naming file, column and row for damaged offsets and, of
  // layouts, for indices of csr beyond its width; kInvalid for rows of which the layout cannot be
  // made: too long for it, or indices (multi_hot) that are none. Requires: as read().
  void read_parts(
      std::span<const uint64_t> rows, const std::vector<bool>& wanted, const AllocatePart& allocate,
      const Poll& poll = [] {}, uint64_t asked = 0);

  // Rows that read_cold() handles in one step.
  static uint64_t rows_per_step(const Dataset& dataset) noexcept;

  // Rows of transient sources stay held from read to read. drop_retired() lets go of those of which
  // their sources have no more use; reads do it now and then. drop_held() lets go of all: for who
  // may not read for long.
  void drop_retired();
  void drop_held();

  // Looks at every file that this reader has opened: throws kTruncated when one has become shorter,
  // so that rows read before may have zeros for missing bytes. For reads whose rows are used at
  // once; a pass looks now and then, and at its end.
  void check_files() const;

 private:
  // How far a piece has come in this reader.
  enum class PieceState : uint8_t { kUnknown, kMapped, kUnmapped, kNumbers };

  struct Group {
    std::vector<PieceState> states;            // per piece
    std::vector<size_t> columns;               // of the dataset, that lie in this group
    std::vector<Footprint> footprints;         // per such column
    std::vector<ZeroedArray<PieceRows>> rows;  // of every piece, per such column
    uint64_t stored_rows = 1;                  // of a source, that make one row
    uint64_t unmapped = 0;                     // pieces that are opened and not mapped
    uint64_t numbers = 0;                      // pieces among those that are row ids
    uint64_t next_check = 0;                   // piece whose file is looked at next
  };

  std::span<std::byte* const> outs_from(uint64_t row, std::span<std::byte* const> outs,
                                        std::vector<std::byte*>& memory) const;
  void read_made_of_tensors(size_t column, std::span<const uint64_t> rows,
                            const AllocatePart& allocate, const Poll& poll, uint64_t asked);
  void read_group(uint32_t group, std::span<const uint64_t> rows, std::span<std::byte* const> outs,
                  const Poll& poll);
  void open_pieces(uint32_t group, std::span<const Run> runs, const Poll& poll);
  void hold_pieces(uint32_t group, std::span<const Run> runs, const Poll& poll);
  void part_unmapped(uint32_t group);
  void open_piece(uint32_t group, uint32_t number);
  void close_piece(HeldPieces::Name name);
  void gather_mapped(uint32_t group, std::span<std::byte* const> outs);
  void read_unmapped(uint32_t group, std::span<std::byte* const> outs);
  void write_row_ids(uint32_t group, std::span<std::byte* const> outs);
  void check_some_files();

  DatasetPtr dataset_;
  std::function<void()> before_wait_;
  std::unique_ptr<HeldPieces> held_;  // null where there are no transient sources
  uint64_t step_rows_;
  RowLocator locator_;
  RowRequests requests_;
  VariableReader variable_;
  LayoutReader layouts_;
  std::vector<std::unique_ptr<StackReader>> stacks_;  // by column, made when first read
  std::vector<Group> groups_;
  Conversions conversions_;

  // Scratch of one read().
  std::span<Run> runs_;           // of locator_
  std::span<Run> unmapped_runs_;  // of locator_, too
  std::vector<std::byte*> part_outs_;
  std::vector<GatherColumn> columns_;
  std::vector<std::byte> row_bytes_;
  std::vector<uint32_t> pieces_;
  std::chrono::steady_clock::time_point next_check_{};
  std::chrono::steady_clock::time_point next_drop_{};
};

// Reads rows start, start + step, ...: `count` of them, column c to outs[c]; columns whose pointer
// is null are skipped. Throws as Reader::read, and kIndex when a row does not exist. Calls `poll`
// as Reader::read_cold does.
void read_range(
    const DatasetPtr& dataset, uint64_t start, uint64_t count, int64_t step,
    std::span<std::byte* const> outs, const Poll& poll = [] {});

// The same for one column.
void read_range(const DatasetPtr& dataset, size_t column, uint64_t start, uint64_t count,
                int64_t step, std::byte* out);

// The same for the columns that `wanted` holds and that are not gathered(). Throws as
// Reader::read_parts; kInvalid for 2^31 rows or more, whose offsets cannot be kept at once.
void read_parts_range(
    const DatasetPtr& dataset, uint64_t start, uint64_t count, int64_t step,
    const std::vector<bool>& wanted, const AllocatePart& allocate, const Poll& poll = [] {});

}  // namespace headrace
