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
// space; or several such spaces one after another. Slices and concatenations of tables are tables
// again, so that maps are the only depth. Immutable; thread-safe.
class RowSpace {
 public:
  static RowSpacePtr table(std::vector<Piece> pieces);
  static RowSpacePtr mapped(RowMapPtr map, uint64_t rows, RowSpacePtr inner);
  static RowSpacePtr concat(const std::vector<RowSpacePtr>& parts);

  uint64_t rows() const noexcept { return index_.rows(); }
  uint64_t piece_count() const noexcept { return piece_count_; }
  const Piece& piece(uint64_t number) const noexcept;

  // Rows [start, start + count). Requires: they exist.
  static RowSpacePtr slice(const RowSpacePtr& space, uint64_t start, uint64_t count);

  // The same rows with column k taken from column columns[k] of today.
  static RowSpacePtr with_columns(const RowSpacePtr& space, const std::vector<uint32_t>& columns);

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
  // piece make one run. The runs lie in `space` and hold until its next use. Requires: each row <
  // rows(); fewer than 2^32 of them.
  std::span<Run> locate(std::span<const uint64_t> rows, Workspace& space) const;

 private:
  struct Table {
    std::vector<Piece> pieces;
  };
  struct Mapped {
    RowMapPtr map;
    RowSpacePtr inner;
  };
  struct Concat {
    std::vector<RowSpacePtr> parts;
    std::vector<uint32_t> first_pieces;
  };
  struct Place;  // the rows of one locate() call on their way down

  RowSpace(RowIndex index, uint64_t piece_count, std::variant<Table, Mapped, Concat> kind);

  Run* locate_in(const Place& place, Run* next) const;
  Run* locate_in_table(const Table& table, const Place& place, Run* next) const;
  Run* locate_in_parts(const Concat& concat, const Place& place, Run* next) const;

  RowIndex index_;  // of the pieces or parts
  uint64_t piece_count_;
  std::variant<Table, Mapped, Concat> kind_;
};

}  // namespace headrace
