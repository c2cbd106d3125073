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

RowSpace::RowSpace(RowIndex index, uint64_t piece_count, Extent extent, Kind kind)
    : index_(std::move(index)),
      piece_count_(piece_count),
      extent_(extent),
      kind_(std::move(kind)) {}

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
  return RowSpacePtr(new RowSpace(RowIndex(counts), counts.size(), {}, Table{std::move(pieces)}));
}

RowSpacePtr RowSpace::mapped(RowMapPtr map, uint64_t rows, RowSpacePtr inner) {
  const uint64_t pieces = inner->piece_count();
  const Extent extent = inner->extent_;
  return RowSpacePtr(
      new RowSpace(RowIndex({rows}), pieces, extent, Mapped{std::move(map), std::move(inner)}));
}

RowSpacePtr RowSpace::windows(RowSpacePtr inner, uint64_t length) {
  const uint64_t stored = inner->stored_rows();
  if (length > UINT32_MAX / stored) {
    throw Error(ErrorCode::kInvalid,
                "a window has fewer than 2^32 rows; found " + std::to_string(length) +
                    (stored == 1 ? "" : " windows of " + std::to_string(stored) + " rows"));
  }
  const uint64_t runs =
      inner->is_table() ? inner->most_pieces_of(length) : length * inner->most_runs();
  const uint64_t rows = inner->rows() - length + 1;
  const uint64_t pieces = inner->piece_count();
  return RowSpacePtr(new RowSpace(RowIndex({rows}), pieces,
                                  {.stored_rows = length * stored, .most_runs = runs},
                                  Windows{std::move(inner), length}));
}

// Into how many pieces `length` consecutive rows may fall. Requires: a table.
uint64_t RowSpace::most_pieces_of(uint64_t length) const noexcept {
  uint64_t most = 1;
  for (uint64_t piece = 0; piece < index_.parts(); ++piece) {
    const uint64_t end = index_.first(piece + 1);
    const uint64_t last = end - 1 + std::min(length - 1, rows() - end);
    most = std::max(most, index_.part_of(last) - piece + 1);
  }
  return most;
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
  Extent extent = parts.front()->extent_;
  for (const RowSpacePtr& part : parts) {
    if (part->rows() > 0) {
      extent.most_runs = std::max(extent.most_runs, part->most_runs());
      counts.push_back(part->rows());
      concat.parts.push_back(part);
      concat.first_pieces.push_back(static_cast<uint32_t>(piece_count));
      piece_count += part->piece_count();
    }
  }
  return RowSpacePtr(new RowSpace(RowIndex(counts), piece_count, extent, std::move(concat)));
}

const Piece& RowSpace::piece(uint64_t number) const noexcept {
  if (const auto* table = std::get_if<Table>(&kind_)) {
    return table->pieces[number];
  }
  if (const auto* mapped = std::get_if<Mapped>(&kind_)) {
    return mapped->inner->piece(number);
  }
  if (const auto* windows = std::get_if<Windows>(&kind_)) {
    return windows->inner->piece(number);
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
  if (const auto* of = std::get_if<Windows>(&space->kind_)) {
    // Without a window there is no row below it either.
    return count == 0 ? table({})
                      : windows(slice(of->inner, start, count + of->length - 1), of->length);
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
  if (const auto* of = std::get_if<Windows>(&space->kind_)) {
    return windows(with_columns(of->inner, columns), of->length);
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

bool RowSpace::keeps_neighbours() const noexcept {
  if (const auto* mapped = std::get_if<Mapped>(&kind_)) {
    return headrace::keeps_neighbours(*mapped->map) && mapped->inner->keeps_neighbours();
  }
  if (const auto* windows = std::get_if<Windows>(&kind_)) {
    return windows->inner->keeps_neighbours();
  }
  const auto* concat = std::get_if<Concat>(&kind_);
  return concat == nullptr ||
         std::all_of(concat->parts.begin(), concat->parts.end(),
                     [](const RowSpacePtr& part) { return part->keeps_neighbours(); });
}

const RowMap* RowSpace::top_map() const noexcept {
  const auto* mapped = std::get_if<Mapped>(&kind_);
  return mapped == nullptr ? nullptr : mapped->map.get();
}

const RowSpace& RowSpace::below_map() const noexcept { return *std::get<Mapped>(kind_).inner; }

std::span<Run> RowSpace::locate(std::span<const uint64_t> rows, Workspace& space) const {
  const uint64_t most = rows.size() * most_runs();
  if (space.runs.size() < most) {
    space.runs.resize(most);
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
  if (const auto* windows = std::get_if<Windows>(&kind_)) {
    return locate_in_windows(*windows, place, next);
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

// Over a table a window is one run for each piece that it touches. Over anything else its rows have
// no common place, and each is looked up; that allocates per call.
Run* RowSpace::locate_in_windows(const Windows& windows, const Place& place, Run* next) const {
  if (windows.inner->is_table()) {
    return windows.inner->locate_windows_of_table(windows.length, place, next);
  }
  std::vector<uint64_t> rows;
  std::vector<uint32_t> outs;
  rows.reserve(place.rows.size() * windows.length);
  outs.reserve(place.rows.size() * windows.length);
  for (size_t i = 0; i < place.rows.size(); ++i) {
    const uint64_t first_out = place.out(i) * windows.length;
    for (uint64_t j = 0; j < windows.length; ++j) {
      rows.push_back(place.rows[i] + j);
      outs.push_back(static_cast<uint32_t>(first_out + j));
    }
  }
  return windows.inner->locate_in(
      {.rows = rows, .scratch = rows.data(), .outs = outs.data(), .first_piece = place.first_piece},
      next);
}

Run* RowSpace::locate_windows_of_table(uint64_t length, const Place& place, Run* next) const {
  const auto& pieces = std::get<Table>(kind_).pieces;
  Run* const begin = next;
  for (size_t i = 0; i < place.rows.size(); ++i) {
    uint64_t row = place.rows[i];
    const uint64_t end = row + length;
    auto out = static_cast<uint32_t>(place.out(i) * length);
    for (uint64_t number = index_.part_of(row); row < end; ++number) {
      const uint64_t first = pieces[number].first + row - index_.first(number);
      const uint32_t piece = place.first_piece + static_cast<uint32_t>(number);
      const auto count = static_cast<uint32_t>(std::min(end, index_.first(number + 1)) - row);
      const auto continues = [&](const Run& last) {
        return last.piece == piece && last.first + last.count == first &&
               last.out + last.count == out;
      };
      if (next != begin && continues(*(next - 1))) {
        (next - 1)->count += count;
      } else {
        *next++ = {.first = first, .piece = piece, .count = count, .out = out};
      }
      row += count;
      out += count;
    }
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
