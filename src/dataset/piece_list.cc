#include "dataset/piece_list.h"

#include <algorithm>
#include <utility>

#include "base/checked.h"

namespace headrace {
namespace {

using Columns = std::shared_ptr<const std::vector<uint32_t>>;

// What shows columns `chosen` of what shows columns `from` of a source.
Columns composed(const Columns& from, const std::vector<uint32_t>& chosen) {
  auto columns = std::make_shared<std::vector<uint32_t>>(chosen);
  if (from != nullptr) {
    for (uint32_t& column : *columns) {
      column = (*from)[column];
    }
  }
  return columns;
}

bool same_file(const Source& a, const Source& b) noexcept {
  const ShardPlace place = a.place();
  return &a == &b || (place.set != nullptr && place == b.place());
}

}  // namespace

PieceList::PieceList(std::shared_ptr<const ShardList> shards)
    : shards_(std::move(shards)), size_(shards_->size()) {}

uint64_t PieceList::file_end(uint64_t number) const noexcept {
  if (shards_ != nullptr) {
    return std::min(size_, shards_->shard_end(begin_ + number) - begin_);
  }
  uint64_t end = number + 1;
  while (end < pieces_.size() && same_file(*pieces_[number].source, *pieces_[end].source)) {
    ++end;
  }
  return end;
}

uint64_t PieceList::variable_bytes(uint32_t column, uint64_t rows) const noexcept {
  if (shards_ != nullptr) {
    return mul_div(shards_->variable_bytes(), rows, shards_->rows());
  }
  uint64_t bytes = 0;
  for (const Piece& piece : pieces_) {
    const uint32_t number = piece.columns == nullptr ? column : (*piece.columns)[column];
    bytes += mul_div(piece.source->variable_bytes(number), piece.rows, piece.source->rows());
  }
  return bytes;
}

Piece PieceList::piece(uint64_t number, uint64_t rows) const {
  if (shards_ == nullptr) {
    return pieces_[number];
  }
  return {.source = std::shared_ptr<const Source>(shards_, &source(number)),
          .first = first(number),
          .rows = rows,
          .columns = columns_};
}

PieceList PieceList::slice(uint64_t begin, uint64_t end, uint64_t skipped,
                           uint64_t rows_of_last) const {
  if (shards_ == nullptr) {
    const auto at = [this](uint64_t number) {
      return pieces_.begin() + static_cast<ptrdiff_t>(number);
    };
    std::vector<Piece> pieces(at(begin), at(end));
    pieces.front().first += skipped;
    pieces.front().rows -= skipped;
    pieces.back().rows = rows_of_last;
    return PieceList(std::move(pieces));
  }
  PieceList sliced(shards_);
  sliced.begin_ = begin_ + begin;
  sliced.size_ = end - begin;
  sliced.skipped_ = first(begin) + skipped;
  sliced.columns_ = columns_;
  return sliced;
}

PieceList PieceList::with_columns(const std::vector<uint32_t>& columns) const {
  PieceList changed = *this;
  if (shards_ != nullptr) {
    changed.columns_ = composed(columns_, columns);
    return changed;
  }
  // Pieces of one origin share their table of columns; keep it shared.
  const std::vector<uint32_t>* last_from = nullptr;
  Columns last_to;
  for (Piece& piece : changed.pieces_) {
    if (last_to == nullptr || piece.columns.get() != last_from) {
      last_from = piece.columns.get();
      last_to = composed(piece.columns, columns);
    }
    piece.columns = last_to;
  }
  return changed;
}

}  // namespace headrace
