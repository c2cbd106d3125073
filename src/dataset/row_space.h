#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "column/gather.h"
#include "dataset/piece_list.h"
#include "dataset/row_index.h"
#include "dataset/row_map.h"

namespace headrace {

class RowSpace;
using RowSpacePtr = std::shared_ptr<const RowSpace>;

// The rows of one column group: a flat table of pieces, with prefix sums; or a row map over another
// space; or windows of several rows each over another; or several such spaces one after another.
// Slices and concatenations of tables are tables again, so that maps and windows are the only
// depth. Immutable; thread-safe.
class RowSpace {
 public:
  static RowSpacePtr table(std::vector<Piece> pieces);
  // A table with a piece for each record batch. Concatenations of it with others ask for all of its
  // sources; slices and other views do not.
  static RowSpacePtr of_shards(std::shared_ptr<const ShardList> shards);
  static RowSpacePtr mapped(RowMapPtr map, uint64_t rows, RowSpacePtr inner);
  // Row i is rows [i, i + length) of `inner`: a window at every row where one fits. Throws kInvalid
  // when a row would have 2^32 stored rows or more. Requires: 0 < length <= inner->rows().
  static RowSpacePtr windows(RowSpacePtr inner, uint64_t length);

  // Requires: equal stored_rows().
  static RowSpacePtr concat(const std::vector<RowSpacePtr>& parts);

  uint64_t rows() const noexcept { return index_.rows(); }
  uint64_t piece_count() const noexcept { return piece_count_; }

  // How many rows of a source make one row here: more than one where windows are.
  uint64_t stored_rows() const noexcept { return extent_.stored_rows; }

  // The most runs that one row can take: at least 1, at most stored_rows().
  uint64_t most_runs() const noexcept { return extent_.most_runs; }

  // Piece `number`. Makes its source where a ShardList has it.
  PieceView piece(uint64_t number) const;

  // The source of a piece, or nullptr where it was never asked for, so that nothing of it can be
  // open; and the shard that it lies in. Neither makes a source.
  const Source* made_source(uint64_t number) const noexcept;
  ShardPlace place(uint64_t number) const noexcept;

  // Calls `see` with pieces of every kind of source that there is: which dtypes and stores it has.
  void for_each_kind(const std::function<void(const PieceView&)>& see) const;

  // About how many bytes the rows that are stored take of `column`, which has offsets; of so many
  // rows, which views may show in part or repeatedly.
  struct StoredBytes {
    uint64_t bytes = 0;
    uint64_t rows = 0;
  };
  StoredBytes variable_bytes(uint32_t column) const noexcept;

  // Of a table: the pieces that follow piece `number` up to this one are of the same file, or of
  // the same source in memory; and the row that a piece begins with, rows() behind the last.
  uint64_t file_end(uint64_t number) const noexcept;
  uint64_t first_row(uint64_t number) const noexcept { return index_.first(number); }

  // Rows [start, start + count). Requires: they exist.
  static RowSpacePtr slice(const RowSpacePtr& space, uint64_t start, uint64_t count);

  // The same rows with column k taken from column columns[k] of today.
  static RowSpacePtr with_columns(const RowSpacePtr& space, const std::vector<uint32_t>& columns);

  // Whether rows next to each other here are near each other where they are stored, mostly.
  bool keeps_neighbours() const noexcept;

  // Whether the rows are one flat table, in the order of their files.
  bool is_table() const noexcept { return std::holds_alternative<Table>(kind_); }

  // What this one is made of: the spaces that follow each other, if it is such; and what is below a
  // map or windows, null where there is none.
  std::span<const RowSpacePtr> parts() const noexcept;
  const RowSpace* inner() const noexcept;

  // The map on top, or null; spaces that share it need it applied only once.
  const RowMap* top_map() const noexcept;

  // Memory of locate(), kept from call to call; it only grows.
  struct Workspace {
    std::vector<uint64_t> rows;
    std::vector<Run> runs;
  };

  // Where `rows` are: row i goes to place i of the batch. Neighbours that follow each other in a
  // piece make one run. Runs and their places in the batch count stored rows, stored_rows() for
  // each row. The runs lie in `space` and hold until its next use. Requires: each row < rows();
  // fewer than 2^32 stored rows.
  std::span<Run> locate(std::span<const uint64_t> rows, Workspace& space) const;

 private:
  struct Table {
    PieceList pieces;
  };
  struct Mapped {
    RowMapPtr map;
    RowSpacePtr inner;
  };
  struct Windows {
    RowSpacePtr inner;
    uint64_t length;
  };
  struct Concat {
    std::vector<RowSpacePtr> parts;
    std::vector<uint32_t> first_pieces;
  };
  using Kind = std::variant<Table, Mapped, Windows, Concat>;

  // What one row is made of.
  struct Extent {
    uint64_t stored_rows = 1;
    uint64_t most_runs = 1;
  };
  struct Place;  // the rows of one locate() call on their way down

  RowSpace(RowIndex index, uint64_t piece_count, Extent extent, Kind kind);

  // The table that piece `number` is of, which it changes to the number there.
  const RowSpace& table_of(uint64_t& number) const noexcept;
  const PieceList& pieces() const noexcept { return std::get<Table>(kind_).pieces; }
  PieceView piece_of_table(uint64_t number) const;
  static RowSpacePtr make_table(std::vector<uint64_t> counts, PieceList pieces);
  RowSpacePtr slice_of_table(uint64_t start, uint64_t count) const;

  Run* locate_in(const Place& place, Run* next) const;
  Run* locate_in_table(const PieceList& pieces, const Place& place, Run* next) const;
  Run* locate_in_windows(const Windows& windows, const Place& place, Run* next) const;
  Run* locate_windows_of_table(uint64_t length, const Place& place, Run* next) const;
  uint64_t most_pieces_of(uint64_t length) const noexcept;
  Run* locate_in_parts(const Concat& concat, const Place& place, Run* next) const;

  RowIndex index_;  // of the pieces or parts
  uint64_t piece_count_;
  Extent extent_;
  Kind kind_;
};

}  // namespace headrace
