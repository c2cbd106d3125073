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
  counts.reserve(pieces.size() + 1);
  for (const Piece& piece : pieces) {
    counts.push_back(piece.rows);
  }
  return make_table(std::move(counts), PieceList(std::move(pieces)));
}

RowSpacePtr RowSpace::of_shards(std::shared_ptr<const ShardList> shards) {
  std::vector<uint64_t> counts = shards->row_counts();
  return make_table(std::move(counts), PieceList(std::move(shards)));
}

RowSpacePtr RowSpace::make_table(std::vector<uint64_t> counts, PieceList pieces) {
  const uint64_t size = counts.size();
  return RowSpacePtr(new RowSpace(RowIndex(std::move(counts)), size, {}, Table{std::move(pieces)}));
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
    if (parts.size() == 1) {
      return parts.front();
    }
    std::vector<Piece> pieces;
    for (const RowSpacePtr& part : parts) {
      for (uint64_t i = 0; i < part->piece_count(); ++i) {
        pieces.push_back(part->pieces().piece(i, part->index_.count(i)));
      }
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
  return RowSpacePtr(
      new RowSpace(RowIndex(std::move(counts)), piece_count, extent, std::move(concat)));
}

const RowSpace& RowSpace::table_of(uint64_t& number) const noexcept {
  const RowSpace* space = this;
  while (!space->is_table()) {
    if (const auto* concat = std::get_if<Concat>(&space->kind_)) {
      const auto after =
          std::upper_bound(concat->first_pieces.begin(), concat->first_pieces.end(), number);
      const auto part = static_cast<size_t>(after - concat->first_pieces.begin()) - 1;
      number -= concat->first_pieces[part];
      space = concat->parts[part].get();
    } else {
      space = space->inner();
    }
  }
  return *space;
}

PieceView RowSpace::piece_of_table(uint64_t number) const {
  const PieceList& pieces = this->pieces();
  return {.source = &pieces.source(number),
          .first = pieces.first(number),
          .rows = index_.count(number),
          .columns = pieces.columns(number)};
}

PieceView RowSpace::piece(uint64_t number) const { return table_of(number).piece_of_table(number); }

const Source* RowSpace::made_source(uint64_t number) const noexcept {
  return table_of(number).pieces().made(number);
}

ShardPlace RowSpace::place(uint64_t number) const noexcept {
  return table_of(number).pieces().place(number);
}

void RowSpace::for_each_kind(const std::function<void(const PieceView&)>& see) const {
  if (is_table()) {
    for (uint64_t i = 0; i < pieces().kinds(); ++i) {
      see(piece_of_table(i));
    }
  } else if (const RowSpace* below = inner()) {
    below->for_each_kind(see);
  }
  for (const RowSpacePtr& part : parts()) {
    part->for_each_kind(see);
  }
}

RowSpace::StoredBytes RowSpace::variable_bytes(uint32_t column) const noexcept {
  if (is_table()) {
    return {pieces().variable_bytes(column, rows()), rows()};
  }
  if (const RowSpace* below = inner()) {
    return below->variable_bytes(column);
  }
  StoredBytes all;
  for (const RowSpacePtr& part : parts()) {
    const StoredBytes more = part->variable_bytes(column);
    all.bytes += more.bytes;
    all.rows += more.rows;
  }
  return all;
}

uint64_t RowSpace::file_end(uint64_t number) const noexcept { return pieces().file_end(number); }

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
  if (space->is_table()) {
    return space->slice_of_table(start, count);
  }
  std::vector<RowSpacePtr> parts;
  for (uint64_t row = start; row < start + count;) {
    const uint64_t part = space->index_.part_of(row);
    const uint64_t skipped = row - space->index_.first(part);
    const uint64_t taken = std::min(space->index_.first(part + 1), start + count) - row;
    parts.push_back(slice(std::get<Concat>(space->kind_).parts[part], skipped, taken));
    row += taken;
  }
  return parts.empty() ? table({}) : concat(parts);
}

RowSpacePtr RowSpace::slice_of_table(uint64_t start, uint64_t count) const {
  if (count == 0) {
    return table({});
  }
  const uint64_t begin = index_.part_of(start);
  const uint64_t end = index_.part_of(start + count - 1) + 1;
  std::vector<uint64_t> counts;
  counts.reserve(end - begin + 1);
  for (uint64_t piece = begin; piece < end; ++piece) {
    const uint64_t first = std::max(start, index_.first(piece));
    counts.push_back(std::min(start + count, index_.first(piece + 1)) - first);
  }
  const uint64_t rows_of_last = counts.back();
  return make_table(std::move(counts),
                    pieces().slice(begin, end, start - index_.first(begin), rows_of_last));
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
  return RowSpacePtr(new RowSpace(space->index_, space->piece_count(), {},
                                  Table{space->pieces().with_columns(columns)}));
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

std::span<const RowSpacePtr> RowSpace::parts() const noexcept {
  const auto* concat = std::get_if<Concat>(&kind_);
  return concat == nullptr ? std::span<const RowSpacePtr>() : concat->parts;
}

const RowSpace* RowSpace::inner() const noexcept {
  if (const auto* mapped = std::get_if<Mapped>(&kind_)) {
    return mapped->inner.get();
  }
  const auto* windows = std::get_if<Windows>(&kind_);
  return windows == nullptr ? nullptr : windows->inner.get();
}

const RowMap* RowSpace::top_map() const noexcept {
  const auto* mapped = std::get_if<Mapped>(&kind_);
  return mapped == nullptr ? nullptr : mapped->map.get();
}

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
    return locate_in_table(table->pieces, place, next);
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

Run* RowSpace::locate_in_table(const PieceList& pieces, const Place& place, Run* next) const {
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
      *next++ = {.first = pieces.first(number) + row - index_.first(number),
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
  const PieceList& pieces = this->pieces();
  Run* const begin = next;
  for (size_t i = 0; i < place.rows.size(); ++i) {
    uint64_t row = place.rows[i];
    const uint64_t end = row + length;
    auto out = static_cast<uint32_t>(place.out(i) * length);
    for (uint64_t number = index_.part_of(row); row < end; ++number) {
      const uint64_t first = pieces.first(number) + row - index_.first(number);
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
