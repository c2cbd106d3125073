#include "dataset/source_runs.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/error.h"

namespace headrace {
namespace {

using Runs = std::vector<SourceRun>;

bool share_file(const SourceRun& a, const SourceRun& b) {
  const ShardPlace place = a.table->place(a.piece);
  if (place != b.table->place(b.piece)) {
    return false;
  }
  return place.set != nullptr || a.table->piece(a.piece).source == b.table->piece(b.piece).source;
}

// Appends a run, as part of the last one where both are of one file.
void add_run(Runs& runs, const SourceRun& run) {
  if (run.rows == 0) {
    return;
  }
  if (!runs.empty()) {
    SourceRun& last = runs.back();
    if (share_file(last, run)) {
      last.rows += run.rows;
      return;
    }
  }
  runs.push_back(run);
}

Runs runs_of_table(const RowSpace& space) {
  Runs runs;
  for (uint64_t piece = 0; piece < space.piece_count();) {
    const uint64_t end = space.file_end(piece);
    runs.push_back({&space, piece, space.first_row(end) - space.first_row(piece)});
    piece = end;
  }
  return runs;
}

enum class Direction : uint8_t { kUp, kDown, kNeither };

// Which way the rows of what a map shows go from one row of the map to the next.
Direction direction_of(const RowMap& map) {
  if (const auto* step = std::get_if<StepMap>(&map)) {
    return step->step > 0 ? Direction::kUp : Direction::kDown;
  }
  if (const auto* chosen = std::get_if<IndexMap>(&map)) {
    return chosen->ascending ? Direction::kUp : Direction::kNeither;
  }
  return Direction::kUp;  // parts of a split, and series, which follow each other
}

uint64_t shown_by(const RowMap& map, uint64_t row) noexcept {
  apply_map(map, std::span(&row, 1));
  return row;
}

// The first row of a map from `first` on for which `reached` holds, which holds for all rows after
// it, too; `rows` if there is none. Steps that double make the search as short as the run.
template <typename Reached>
uint64_t find_row(uint64_t first, uint64_t rows, Reached&& reached) {
  uint64_t step = 1;
  uint64_t low = first;  // reached for no row before it
  while (low < rows && !reached(std::min(low + step, rows) - 1)) {
    low = std::min(low + step, rows);
    step *= 2;
  }
  uint64_t high = std::min(low + step, rows);
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (reached(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

// The runs of `rows` rows that a map shows of rows with the runs `inner`; nothing where they are
// out of order.
std::optional<Runs> runs_of_map(const RowMap& map, uint64_t rows, Runs inner) {
  const Direction direction = direction_of(map);
  if (direction == Direction::kNeither) {
    return std::nullopt;
  }
  uint64_t border = 0;  // between the run and the next, in the rows that the map shows
  if (direction == Direction::kDown) {
    std::reverse(inner.begin(), inner.end());
    for (const SourceRun& run : inner) {
      border += run.rows;
    }
  }
  Runs runs;
  uint64_t first = 0;
  for (const SourceRun& run : inner) {
    border = direction == Direction::kUp ? border + run.rows : border - run.rows;
    const uint64_t end = find_row(first, rows, [&](uint64_t row) {
      const uint64_t shown = shown_by(map, row);
      return direction == Direction::kUp ? shown >= border : shown < border;
    });
    add_run(runs, {run.table, run.piece, end - first});
    first = end;
  }
  return runs;
}

std::optional<Runs> runs_of(const RowSpace& space) {
  if (space.is_table()) {
    return runs_of_table(space);
  }
  Runs runs;
  for (const RowSpacePtr& part : space.parts()) {
    const std::optional<Runs> more = runs_of(*part);
    if (!more) {
      return std::nullopt;
    }
    for (const SourceRun& run : *more) {
      add_run(runs, run);
    }
  }
  if (!space.parts().empty()) {
    return runs;
  }
  std::optional<Runs> inner = runs_of(*space.inner());
  if (!inner) {
    return std::nullopt;
  }
  if (const RowMap* map = space.top_map()) {
    return runs_of_map(*map, space.rows(), std::move(*inner));
  }
  uint64_t left = space.rows();  // windows: fewer rows than below, in the same order
  for (const SourceRun& run : *inner) {
    add_run(runs, {run.table, run.piece, std::min(left, run.rows)});
    left -= std::min(left, run.rows);
  }
  return runs;
}

}  // namespace

std::optional<std::vector<SourceRun>> source_runs(const RowSpace& space) { return runs_of(space); }

std::vector<SourceRun> source_runs(const Dataset& dataset, const char* what) {
  const DatasetColumn& column = dataset.columns()[dataset.located_column()];
  std::optional<Runs> runs = runs_of(*dataset.groups()[column.group]);
  if (!runs) {
    throw Error(ErrorCode::kInvalid,
                std::string(what) +
                    " needs rows in the order of their files; found rows chosen in another order, "
                    "or repeatedly; sort the indices of the subset, or use hr.BlockShuffle() or "
                    "shuffle=True, which take rows in any order");
  }
  return std::move(*runs);
}

UnitTablePtr shuffle_units(const Dataset& dataset) {
  std::vector<uint64_t> unit_rows;
  for (const SourceRun& run : source_runs(dataset, "hr.ShardShuffle")) {
    unit_rows.push_back(run.rows);
  }
  return std::make_shared<const UnitTable>(unit_rows);
}

}  // namespace headrace
