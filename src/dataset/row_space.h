#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "column/gather.h"
#include "dataset/row_index.h"
#include "dataset/row_map.h"
#include "dataset/source.h"

namespace headrace {

// A run of rows of one source.
struct Piece {
  std::shared_ptr<const Source> source;
  uint64_t first = 0;
  uint64_t rows = 0;
  // Which column of the source is column k of the row space; null when they are the same.
  std::shared_ptr<const std::vector<uint32_t>> columns;

  uint32_t source_column(uint32_t column) const noexcept {
    return columns == nullptr ? column : (*columns)[column];
  }
};

class RowSpace;
using RowSpacePtr = std::shared_ptr<const RowSpace>;

// The rows of one column group: a flat table of pieces, with prefix sums; or a row map over another
// space; or windows of several rows each over another; or several such spaces one after another.
// Slices and concatenations of tables are tables again, so that maps and windows are the only
// depth. Immutable; thread-safe.
class RowSpace {
 public:
  static RowSpacePtr table(std::vector<Piece> pieces);
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

  const Piece& piece(uint64_t number) const noexcept;

  // Rows [start, start + count). Requires: they exist.
  static RowSpacePtr slice(const RowSpacePtr& space, uint64_t start, uint64_t count);

  // The same rows with column k taken from column columns[k] of today.
  static RowSpacePtr with_columns(const RowSpacePtr& space, const std::vector<uint32_t>& columns);

  // Whether rows next to each other here are near each other where they are stored, mostly.
  bool keeps_neighbours() const noexcept;

  // Whether the rows are one flat table, in the order of their files.
  bool is_table() const noexcept { return std::holds_alternative<Table>(kind_); }

  // The map on top, or null; spaces that share it need it applied only once.
  const RowMap* top_map() const noexcept;
  const RowSpace& below_map() const noexcept;  // Requires: top_map() != nullptr

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
    std::vector<Piece> pieces;
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

  Run* locate_in(const Place& place, Run* next) const;
  Run* locate_in_table(const Table& table, const Place& place, Run* next) const;
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
