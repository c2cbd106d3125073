#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "dataset/shard_list.h"
#include "dataset/source.h"

namespace headrace {

// A run of rows of one source.
struct Piece {
  std::shared_ptr<const Source> source;
  uint64_t first = 0;
  uint64_t rows = 0;
  // Which column of the source is column k of the row space; null when they are the same.
  std::shared_ptr<const std::vector<uint32_t>> columns;
};

// The same, for as long as the row space lives that it is of.
struct PieceView {
  const Source* source = nullptr;
  uint64_t first = 0;
  uint64_t rows = 0;
  const std::vector<uint32_t>* columns = nullptr;

  uint32_t source_column(uint32_t column) const noexcept {
    return columns == nullptr ? column : (*columns)[column];
  }
};

// The pieces of a flat table, in row order: given one by one, or a stretch of a ShardList, which
// has no memory for each. How many rows each has, its owner knows by its RowIndex. Immutable;
// thread-safe.
class PieceList {
 public:
  explicit PieceList(std::vector<Piece> pieces) : pieces_(std::move(pieces)) {}
  explicit PieceList(std::shared_ptr<const ShardList> shards);

  uint64_t size() const noexcept { return shards_ == nullptr ? pieces_.size() : size_; }

  // Of piece `number`: its source, the row there that it begins with, which source's columns it
  // shows. Here and below, requires: number < size().
  const Source& source(uint64_t number) const {
    return shards_ == nullptr ? *pieces_[number].source : shards_->source(begin_ + number);
  }
  uint64_t first(uint64_t number) const noexcept {
    return shards_ == nullptr ? pieces_[number].first : number == 0 ? skipped_ : 0;
  }
  const std::vector<uint32_t>* columns(uint64_t number) const noexcept {
    return shards_ == nullptr ? pieces_[number].columns.get() : columns_.get();
  }

  // The source, or nullptr where it was never asked for, so that nothing of it can be open.
  const Source* made(uint64_t number) const noexcept {
    return shards_ == nullptr ? pieces_[number].source.get() : shards_->made(begin_ + number);
  }

  // Source::place() of its source.
  ShardPlace place(uint64_t number) const noexcept {
    return shards_ == nullptr ? pieces_[number].source->place() : shards_->place(begin_ + number);
  }

  // The first piece behind `number` that is of another file, or of another source in memory.
  uint64_t file_end(uint64_t number) const noexcept;

  // How many pieces, from the first on, have every kind of source that there is: of shards, which
  // differ in their rows alone, one.
  uint64_t kinds() const noexcept { return shards_ == nullptr ? pieces_.size() : 1; }

  // About how many bytes `column` takes, which has offsets, in all `rows` rows.
  uint64_t variable_bytes(uint32_t column, uint64_t rows) const noexcept;

  // Piece `number` of `rows` rows, for another list; its source stays as long as it is needed.
  Piece piece(uint64_t number, uint64_t rows) const;

  // Pieces [begin, end) without the first `skipped` rows, with `rows_of_last` rows of the last.
  // Requires: there are such pieces, and so many rows.
  PieceList slice(uint64_t begin, uint64_t end, uint64_t skipped, uint64_t rows_of_last) const;

  // The same rows with column k taken from column columns[k] of today.
  PieceList with_columns(const std::vector<uint32_t>& columns) const;

 private:
  std::vector<Piece> pieces_;  // unless shards_
  std::shared_ptr<const ShardList> shards_ = nullptr;
  uint64_t begin_ = 0;                                              // the first piece, in shards_
  uint64_t size_ = 0;                                               // how many there are of it
  uint64_t skipped_ = 0;                                            // rows of the first piece
  std::shared_ptr<const std::vector<uint32_t>> columns_ = nullptr;  // of all pieces of shards_
};

}  // namespace headrace
