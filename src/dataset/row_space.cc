#include "dataset/row_space.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace headrace {

struct RowSpace::Place {
  std::span<const uint64_t> rows;
  uint64_t* scratch;     // the same rows where maps may change them; null for a table
  const uint32_t* outs;  // place in the batch of each row; null = its index
  uint32_t first_piece;  // number of this space's first piece in the whole

  uint32_t out(size_t i) const noexcept {
    return outs == nullptr ? static_cast<uint32_t>(i) : outs[i];
  }
};

RowSpace::RowSpace(RowIndex index, uint64_t piece_count, std::variant<Table, Mapped, Concat> kind)
    : index_(std::move(index)), piece_count_(piece_count), kind_(std::move(kind)) {}

RowSpacePtr RowSpace::table(std::vector<Piece> pieces) {
  std::erase_if(pieces, [](const Piece& piece) { return piece.rows == 0; });
  if (pieces.size() > UINT32_MAX) {
    throw Error(ErrorCode::kInvalid,
                "a dataset has at most 2^32 pieces; found " + std::to_string(pieces.size()));
  }
  std::vector<uint64_t> counts;
  counts.reserve(pieces.size());
  for (const Piece& piece : pieces) {
    counts.push_back(piece.rows);
  }
  return RowSpacePtr(new RowSpace(RowIndex(counts), counts.size(), Table{std::move(pieces)}));
}

RowSpacePtr RowSpace::mapped(RowMapPtr map, uint64_t rows, RowSpacePtr inner) {
  const uint64_t pieces = inner->piece_count();
  return RowSpacePtr(
      new RowSpace(RowIndex({rows}), pieces, Mapped{std::move(map), std::move(inner)}));
}

RowSpacePtr RowSpace::concat(const std::vector<RowSpacePtr>& parts) {
  const bool flat = std::all_of(parts.begin(), parts.end(),
                                [](const RowSpacePtr& part) { return part->is_table(); });
  if (flat) {
    std::vector<Piece> pieces;
    for (const RowSpacePtr& part : parts) {
      const auto& more = std::get<Table>(part->kind_).pieces;
      pieces.insert(pieces.end(), more.begin(), more.end());
    }
    return table(std::move(pieces));
  }
  std::vector<uint64_t> counts;
  Concat concat;
  uint64_t piece_count = 0;
  for (const RowSpacePtr& part : parts) {
    if (part->rows() > 0) {
      counts.push_back(part->rows());
      concat.parts.push_back(part);
      concat.first_pieces.push_back(static_cast<uint32_t>(piece_count));
      piece_count += part->piece_count();
    }
  }
  return RowSpacePtr(new RowSpace(RowIndex(counts), piece_count, std::move(concat)));
}

const Piece& RowSpace::piece(uint64_t number) const noexcept {
  if (const auto* table = std::get_if<Table>(&kind_)) {
    return table->pieces[number];
  }
  if (const auto* mapped = std::get_if<Mapped>(&kind_)) {
    return mapped->inner->piece(number);
  }
  const auto& concat = std::get<Concat>(kind_);
  const auto after =
      std::upper_bound(concat.first_pieces.begin(), concat.first_pieces.end(), number);
  const auto part = static_cast<size_t>(after - concat.first_pieces.begin()) - 1;
  return concat.parts[part]->piece(number - concat.first_pieces[part]);
}

RowSpacePtr RowSpace::slice(const RowSpacePtr& space, uint64_t start, uint64_t count) {
  if (start == 0 && count == space->rows()) {
    return space;
  }
  if (std::holds_alternative<Mapped>(space->kind_)) {
    return mapped(std::make_shared<const RowMap>(StepMap{start, 1}), count, space);
  }
  std::vector<Piece> pieces;
  std::vector<RowSpacePtr> parts;
  uint64_t row = start;
  while (row < start + count) {
    const uint64_t part = space->index_.part_of(row);
    const uint64_t skipped = row - space->index_.first(part);
    const uint64_t taken = std::min(space->index_.first(part + 1), start + count) - row;
    if (const auto* table = std::get_if<Table>(&space->kind_)) {
      Piece piece = table->pieces[part];
      piece.first += skipped;
      piece.rows = taken;
      pieces.push_back(std::move(piece));
    } else {
      parts.push_back(slice(std::get<Concat>(space->kind_).parts[part], skipped, taken));
    }
    row += taken;
  }
  return space->is_table() ? table(std::move(pieces)) : concat(parts);
}

RowSpacePtr RowSpace::with_columns(const RowSpacePtr& space, const std::vector<uint32_t>& columns) {
  if (const auto* mapped = std::get_if<Mapped>(&space->kind_)) {
    return RowSpace::mapped(mapped->map, space->rows(), with_columns(mapped->inner, columns));
  }
  if (const auto* concat = std::get_if<Concat>(&space->kind_)) {
    std::vector<RowSpacePtr> parts;
    parts.reserve(concat->parts.size());
    for (const RowSpacePtr& part : concat->parts) {
      parts.push_back(with_columns(part, columns));
    }
    return RowSpace::concat(parts);
  }
  std::vector<Piece> pieces = std::get<Table>(space->kind_).pieces;
  // Pieces of one origin share their table of columns; keep it shared.
  const std::vector<uint32_t>* last_from = nullptr;
  std::shared_ptr<const std::vector<uint32_t>> last_to;
  for (Piece& piece : pieces) {
    if (last_to == nullptr || piece.columns.get() != last_from) {
      auto chosen = std::make_shared<std::vector<uint32_t>>();
      for (const uint32_t column : columns) {
        chosen->push_back(piece.source_column(column));
      }
      last_from = piece.columns.get();
      last_to = std::move(chosen);
    }
    piece.columns = last_to;
  }
  return table(std::move(pieces));
}

const RowMap* RowSpace::top_map() const noexcept {
  const auto* mapped = std::get_if<Mapped>(&kind_);
  return mapped == nullptr ? nullptr : mapped->map.get();
}

const RowSpace& RowSpace::below_map() const noexcept { return *std::get<Mapped>(kind_).inner; }

std::span<Run> RowSpace::locate(std::span<const uint64_t> rows, Workspace& space) const {
  if (space.runs.size() < rows.size()) {
    space.runs.resize(rows.size());
  }
  Place place{.rows = rows, .scratch = nullptr, .outs = nullptr, .first_piece = 0};
  if (!is_table()) {
    space.rows.assign(rows.begin(), rows.end());
    place.rows = space.rows;
    place.scratch = space.rows.data();
  }
  const Run* end = locate_in(place, space.runs.data());
  return std::span(space.runs).first(static_cast<size_t>(end - space.runs.data()));
}

// Writes the runs of `place` from `next` on; returns where they end.
Run* RowSpace::locate_in(const Place& place, Run* next) const {
  if (const auto* table = std::get_if<Table>(&kind_)) {
    return locate_in_table(*table, place, next);
  }
  if (const auto* mapped = std::get_if<Mapped>(&kind_)) {
    apply_map(*mapped->map, {place.scratch, place.rows.size()});
    return mapped->inner->locate_in(place, next);
  }
  return locate_in_parts(std::get<Concat>(kind_), place, next);
}

Run* RowSpace::locate_in_table(const Table& table, const Place& place, Run* next) const {
  uint64_t last_row = UINT64_MAX - 1;  // no row follows it
  uint32_t last_out = 0;
  uint64_t piece_end = 0;
  for (size_t i = 0; i < place.rows.size(); ++i) {
    const uint64_t row = place.rows[i];
    const uint32_t out = place.out(i);
    if (row == last_row + 1 && row < piece_end && out == last_out + 1) {
      ++(next - 1)->count;
    } else {
      const uint64_t number = index_.part_of(row);
      piece_end = index_.first(number + 1);
      *next++ = {.first = table.pieces[number].first + row - index_.first(number),
                 .piece = place.first_piece + static_cast<uint32_t>(number),
                 .count = 1,
                 .out = out};
    }
    last_row = row;
    last_out = out;
  }
  return next;
}

// The one case that sorts: rows of maps over different spaces go to each space together, so that it
// stays one call a batch. It allocates per batch.
Run* RowSpace::locate_in_parts(const Concat& concat, const Place& place, Run* next_run) const {
  std::vector<uint32_t> part_of_row(place.rows.size());
  std::vector<size_t> begins(concat.parts.size() + 1, 0);
  for (size_t i = 0; i < place.rows.size(); ++i) {
    const uint64_t part = index_.part_of(place.rows[i]);
    part_of_row[i] = static_cast<uint32_t>(part);
    ++begins[part + 1];
  }
  for (size_t part = 0; part < concat.parts.size(); ++part) {
    begins[part + 1] += begins[part];
  }
  std::vector<uint64_t> rows(place.rows.size());
  std::vector<uint32_t> outs(place.rows.size());
  std::vector<size_t> next(begins.begin(), begins.end() - 1);
  for (size_t i = 0; i < place.rows.size(); ++i) {
    const uint32_t part = part_of_row[i];
    rows[next[part]] = place.rows[i] - index_.first(part);
    outs[next[part]++] = place.out(i);
  }
  for (size_t part = 0; part < concat.parts.size(); ++part) {
    const std::span<uint64_t> taken =
        std::span(rows).subspan(begins[part], begins[part + 1] - begins[part]);
    if (!taken.empty()) {
      next_run = concat.parts[part]->locate_in(
          {.rows = taken,
           .scratch = taken.data(),
           .outs = outs.data() + begins[part],
           .first_piece = place.first_piece + concat.first_pieces[part]},
          next_run);
    }
  }
  return next_run;
}

}  // namespace headrace
