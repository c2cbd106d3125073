#include "dataset/row_space.h"

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/shard_lists.h"

namespace headrace {
namespace {

using Runs = std::vector<headrace::Run>;

// A source that only has an identity.
class NamedSource : public Source {
 public:
  explicit NamedSource(uint64_t rows) : Source(rows) {}
  DType dtype(size_t) const noexcept override { return DType::kUint8; }
  std::string file(size_t) const override { return file_; }
  void read(size_t, uint64_t, uint64_t, std::byte*, OpenFiles&) const override {}

 protected:
  std::unique_ptr<const OpenSource> do_open() const override {
    return std::make_unique<OpenSource>();
  }

 private:
  std::string file_;
};

// A row as the oracle sees it.
struct Cell {
  const Source* source = nullptr;
  uint64_t row = 0;
  std::array<uint32_t, 3> columns = {};  // of the source, that columns 0 to 2 of the space show

  bool operator==(const Cell&) const = default;
};
using Cells = std::vector<Cell>;

constexpr std::array<uint32_t, 3> kPlain = {0, 1, 2};
constexpr std::array<uint32_t, 3> kReordered = {3, 1, 2};

// A space and the rows that it must have.
struct Case {
  RowSpacePtr space;
  Cells cells;
};

Case random_table(std::mt19937_64& random) {
  std::vector<Piece> pieces;
  Cells cells;
  const uint64_t longest = random() % 4 == 0 ? 1 + random() % 1000 : 1 + random() % 8;
  const uint64_t count = random() % 30;
  const auto columns =
      std::make_shared<const std::vector<uint32_t>>(kReordered.begin(), kReordered.end());
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t first = random() % 50;
    const uint64_t rows = random() % 3 == 0 ? 0 : random() % longest;
    const bool reordered = random() % 2 == 0;
    auto source = std::make_shared<NamedSource>(first + rows);
    for (uint64_t row = first; row < first + rows; ++row) {
      cells.push_back({source.get(), row, reordered ? kReordered : kPlain});
    }
    pieces.push_back({.source = std::move(source),
                      .first = first,
                      .rows = rows,
                      .columns = reordered ? columns : nullptr});
  }
  return {RowSpace::table(std::move(pieces)), std::move(cells)};
}

// Record batches of shards, whose sources are made by the look-up of their cells.
Case random_shards(std::mt19937_64& random) {
  std::vector<uint64_t> rows(1 + random() % 8);
  std::vector<uint64_t> batch_rows;
  for (uint64_t& of : rows) {
    of = 1 + random() % 20;
    batch_rows.push_back(1 + random() % 8);
  }
  const auto shards = shard_list(rows, batch_rows);
  Cells cells;
  for (uint64_t i = 0; i < shards->size(); ++i) {
    const Source& source = shards->source(i);
    for (uint64_t row = 0; row < source.rows(); ++row) {
      cells.push_back({&source, row, kPlain});
    }
  }
  return {RowSpace::of_shards(shards), std::move(cells)};
}

// Checks every fact of the space against its cells, with random rows in random order.
void check(const Case& test, std::mt19937_64& random) {
  ASSERT_EQ(test.space->rows(), test.cells.size());
  if (test.cells.empty()) {
    return;
  }
  std::vector<uint64_t> rows = range(0, test.cells.size());
  for (int i = 0; i < 50; ++i) {
    rows.push_back(random() % test.cells.size());
  }
  Cells found(rows.size());
  std::vector<int> filled(rows.size(), 0);
  const std::vector<uint64_t> asked = rows;
  RowSpace::Workspace space;
  for (const headrace::Run& run : test.space->locate(rows, space)) {
    ASSERT_GT(run.count, 0U);
    ASSERT_LT(run.piece, test.space->piece_count());
    const PieceView piece = test.space->piece(run.piece);
    ASSERT_GE(run.first, piece.first);
    ASSERT_LE(run.first + run.count, piece.first + piece.rows);
    for (uint32_t i = 0; i < run.count; ++i) {
      ASSERT_LT(run.out + i, rows.size());
      ++filled[run.out + i];
      found[run.out + i] = {
          piece.source,
          run.first + i,
          {piece.source_column(0), piece.source_column(1), piece.source_column(2)}};
    }
  }
  ASSERT_EQ(rows, asked);
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(filled[i], 1) << "place " << i;
    ASSERT_EQ(found[i], test.cells[rows[i]]) << "row " << rows[i];
  }
}

Case sliced(const Case& from, std::mt19937_64& random) {
  const uint64_t start = random() % (from.cells.size() + 1);
  const uint64_t count = random() % (from.cells.size() - start + 1);
  const auto begin = from.cells.begin() + static_cast<int64_t>(start);
  return {RowSpace::slice(from.space, start, count), {begin, begin + static_cast<int64_t>(count)}};
}

Case indexed(const Case& from, std::mt19937_64& random) {
  std::vector<int64_t> indices(from.cells.empty() ? 0 : random() % 60);
  Cells cells;
  for (int64_t& index : indices) {
    index = static_cast<int64_t>(random() % from.cells.size());
    cells.push_back(from.cells[static_cast<size_t>(index)]);
  }
  auto map = std::make_shared<const RowMap>(IndexMap{index_buffer(indices)});
  return {RowSpace::mapped(std::move(map), indices.size(), from.space), std::move(cells)};
}

Case joined(const std::vector<Case>& parts) {
  std::vector<RowSpacePtr> spaces;
  Cells cells;
  for (const Case& part : parts) {
    spaces.push_back(part.space);
    cells.insert(cells.end(), part.cells.begin(), part.cells.end());
  }
  return {RowSpace::concat(spaces), std::move(cells)};
}

Case recolumned(const Case& from, std::mt19937_64& random) {
  const std::vector<uint32_t> chosen = {static_cast<uint32_t>(random() % 3),
                                        static_cast<uint32_t>(random() % 3), 0};
  Cells cells = from.cells;
  for (Cell& cell : cells) {
    cell.columns = {cell.columns[chosen[0]], cell.columns[chosen[1]], cell.columns[0]};
  }
  return {RowSpace::with_columns(from.space, chosen), std::move(cells)};
}

// A random space of at most `depth` operations.
Case random_case(int depth, std::mt19937_64& random) {
  if (depth == 0) {
    return random() % 2 == 0 ? random_table(random) : random_shards(random);
  }
  switch (random() % 4) {
    case 0:
      return sliced(random_case(depth - 1, random), random);
    case 1:
      return indexed(random_case(depth - 1, random), random);
    case 2:
      return joined({random_case(depth - 1, random), random_case(depth - 1, random),
                     random_case(depth - 1, random)});
    default:
      return recolumned(random_case(depth - 1, random), random);
  }
}

TEST(RowSpace, OfATableFindsEveryRow) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    ASSERT_NO_FATAL_FAILURE(check(random_table(random), random));
  }
}

TEST(RowSpace, OfAnyCompositionFindsEveryRow) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const int depth = 1 + static_cast<int>(seed % 4);
    ASSERT_NO_FATAL_FAILURE(check(random_case(depth, random), random));
  }
}

TEST(RowSpace, OfTenThousandPiecesFindsEveryRow) {
  std::mt19937_64 random(1);
  std::vector<Piece> pieces;
  Cells cells;
  for (uint64_t i = 0; i < 10'000; ++i) {
    auto source = std::make_shared<NamedSource>(4);
    const uint64_t rows = i % 97 == 0 ? 4 : 1;
    for (uint64_t row = 0; row < rows; ++row) {
      cells.push_back({source.get(), row, kPlain});
    }
    pieces.push_back({.source = std::move(source), .first = 0, .rows = rows, .columns = nullptr});
  }
  check({RowSpace::table(std::move(pieces)), std::move(cells)}, random);
}

Piece piece_of(uint64_t first, uint64_t rows) {
  return {.source = std::make_shared<NamedSource>(first + rows),
          .first = first,
          .rows = rows,
          .columns = nullptr};
}

Runs runs_of(const RowSpacePtr& space, const std::vector<uint64_t>& rows) {
  RowSpace::Workspace workspace;
  const auto runs = space->locate(rows, workspace);
  return {runs.begin(), runs.end()};
}

TEST(RowSpace, MergesNeighboursInsideAPieceOnly) {
  const RowSpacePtr space = RowSpace::table({piece_of(10, 3), piece_of(0, 4)});
  const Runs runs = runs_of(space, {0, 1, 2, 3, 4, 6, 5, 5});
  const std::vector<std::pair<uint64_t, uint32_t>> expected = {
      {10, 3}, {0, 2}, {3, 1}, {2, 1}, {2, 1}};
  ASSERT_EQ(runs.size(), expected.size());
  for (size_t i = 0; i < runs.size(); ++i) {
    EXPECT_EQ(runs[i].first, expected[i].first) << i;
    EXPECT_EQ(runs[i].count, expected[i].second) << i;
  }
}

TEST(RowSpace, DoesNotMergeRowsWhosePlacesAreApart) {
  const auto whole = RowSpace::table({piece_of(0, 4)});
  const auto backwards = RowSpace::mapped(std::make_shared<const RowMap>(StepMap{3, -1}), 4,
                                          RowSpace::table({piece_of(0, 4)}));
  const RowSpacePtr space = RowSpace::concat({whole, backwards});
  // Rows 0 and 1 of the first part go to places 0 and 2.
  const Runs runs = runs_of(space, {0, 4, 1});
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_EQ(runs[0].out, 0U);
  EXPECT_EQ(runs[1].out, 2U);
  EXPECT_EQ(runs[2].out, 1U);
  EXPECT_EQ(runs[2].first, 3U);
}

TEST(RowSpace, UsesAWorkspaceAgainForFewerRowsAndOtherSpaces) {
  const RowSpacePtr table = RowSpace::table({piece_of(0, 4), piece_of(10, 4)});
  const RowSpacePtr turned =
      RowSpace::mapped(std::make_shared<const RowMap>(StepMap{7, -1}), 8, table);
  RowSpace::Workspace workspace;
  EXPECT_EQ(table->locate(std::vector<uint64_t>{0, 2, 4, 6}, workspace).size(), 4U);
  const auto fewer = turned->locate(std::vector<uint64_t>{0}, workspace);
  ASSERT_EQ(fewer.size(), 1U);
  EXPECT_EQ(fewer.front().first, 13U);
  EXPECT_TRUE(table->locate({}, workspace).empty());
  const auto more = table->locate(std::vector<uint64_t>{3, 1, 3, 1, 3, 1}, workspace);
  ASSERT_EQ(more.size(), 6U);
  EXPECT_EQ(more.back().first, 1U);
}

TEST(RowSpace, DropsEmptyPieces) {
  const RowSpacePtr space = RowSpace::table({piece_of(0, 0), piece_of(5, 2), piece_of(0, 0)});
  EXPECT_EQ(space->piece_count(), 1U);
  EXPECT_EQ(space->rows(), 2U);
  EXPECT_EQ(RowSpace::table({})->rows(), 0U);
}

TEST(RowSpace, RefusesRowsThatOverflow) {
  const uint64_t most = UINT64_MAX - 5;
  expect_error(ErrorCode::kInvalid, {"rows of a dataset"}, [&] {
    RowSpace::table({{.source = std::make_shared<NamedSource>(most),
                      .first = 0,
                      .rows = most,
                      .columns = nullptr},
                     piece_of(0, 10)});
  });
}

TEST(RowSpace, OfSlicesAndConcatsOfTablesIsATable) {
  const RowSpacePtr table = RowSpace::table({piece_of(0, 3), piece_of(0, 4)});
  EXPECT_TRUE(table->is_table());
  EXPECT_TRUE(RowSpace::slice(table, 2, 3)->is_table());
  EXPECT_TRUE(RowSpace::concat({table, RowSpace::slice(table, 1, 1)})->is_table());
  EXPECT_TRUE(RowSpace::with_columns(table, {0})->is_table());
  EXPECT_EQ(RowSpace::slice(table, 0, 7), table);
  EXPECT_EQ(RowSpace::slice(table, 2, 1)->piece_count(), 1U);
}

TEST(RowSpace, ShowsTheMapOnTop) {
  const RowSpacePtr table = RowSpace::table({piece_of(0, 4)});
  const auto map = std::make_shared<const RowMap>(StepMap{0, 2});
  const RowSpacePtr mapped = RowSpace::mapped(map, 2, table);
  EXPECT_EQ(table->top_map(), nullptr);
  EXPECT_FALSE(mapped->is_table());
  EXPECT_EQ(mapped->top_map(), map.get());
  EXPECT_EQ(mapped->inner(), table.get());
  EXPECT_EQ(RowSpace::concat({mapped, table})->top_map(), nullptr);
}

// Checks that row i of `space` is cells [starts[i], starts[i] + length).
void check_windows(const RowSpacePtr& space, const Cells& cells,
                   const std::vector<uint64_t>& starts, uint64_t length, std::mt19937_64& random) {
  ASSERT_EQ(space->rows(), starts.size());
  ASSERT_EQ(space->stored_rows(), length);
  std::vector<uint64_t> rows = range(0, starts.size());
  for (int i = 0; i < 50; ++i) {
    rows.push_back(random() % starts.size());
  }
  Cells found(rows.size() * length);
  const Runs runs = runs_of(space, rows);
  ASSERT_LE(runs.size(), rows.size() * space->most_runs());
  for (const headrace::Run& run : runs) {
    const PieceView piece = space->piece(run.piece);
    ASSERT_GE(run.first, piece.first);
    ASSERT_LE(run.first + run.count, piece.first + piece.rows);
    ASSERT_LE(uint64_t{run.out} + run.count, found.size());
    for (uint32_t i = 0; i < run.count; ++i) {
      ASSERT_EQ(found[run.out + i].source, nullptr) << "filled twice";
      found[run.out + i] = {
          piece.source,
          run.first + i,
          {piece.source_column(0), piece.source_column(1), piece.source_column(2)}};
    }
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    for (uint64_t j = 0; j < length; ++j) {
      ASSERT_EQ(found[i * length + j], cells[starts[rows[i]] + j]) << "row " << rows[i];
    }
  }
}

TEST(RowSpace, OfWindowsOverAnyCompositionFindsEveryRow) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const Case from = random_case(static_cast<int>(seed % 4), random);
    if (from.cells.empty()) {
      continue;
    }
    const uint64_t length = 1 + random() % std::min<uint64_t>(from.cells.size(), 40);
    const RowSpacePtr space = RowSpace::windows(from.space, length);
    const uint64_t rows = from.cells.size() - length + 1;
    ASSERT_NO_FATAL_FAILURE(check_windows(space, from.cells, range(0, rows), length, random));
    // Slices, other columns, maps and concatenations of windows.
    const uint64_t start = random() % rows;
    const uint64_t count = 1 + random() % (rows - start);
    const RowSpacePtr slice = RowSpace::slice(space, start, count);
    ASSERT_NO_FATAL_FAILURE(check_windows(slice, from.cells, range(start, count), length, random));
    const auto map = std::make_shared<const RowMap>(StepMap{rows - 1, -1});
    const RowSpacePtr joined =
        RowSpace::concat({slice, RowSpace::mapped(map, rows, RowSpace::with_columns(space, {0}))});
    std::vector<uint64_t> starts = range(start, count);
    for (uint64_t i = 0; i < rows; ++i) {
      starts.push_back(rows - 1 - i);
    }
    const RowSpacePtr plain = RowSpace::concat({slice, RowSpace::mapped(map, rows, space)});
    ASSERT_NO_FATAL_FAILURE(check_windows(plain, from.cells, starts, length, random));
    ASSERT_EQ(joined->stored_rows(), length);
    ASSERT_EQ(joined->piece_count(), slice->piece_count() + space->piece_count());
  }
}

TEST(RowSpace, OfWindowsOfWindowsFindsEveryRow) {
  std::mt19937_64 random(1);
  Case table = random_table(random);
  while (table.cells.size() < 100) {
    table = random_table(random);
  }
  const RowSpacePtr windows = RowSpace::windows(RowSpace::windows(table.space, 3), 4);
  ASSERT_EQ(windows->stored_rows(), 12U);
  ASSERT_EQ(windows->rows(), table.cells.size() - 2 - 3);
  Cells cells;  // of each window, one after another
  std::vector<uint64_t> starts;
  for (uint64_t row = 0; row < windows->rows(); ++row) {
    starts.push_back(cells.size());
    for (uint64_t i = 0; i < 4; ++i) {
      const auto begin = table.cells.begin() + static_cast<int64_t>(row + i);
      cells.insert(cells.end(), begin, begin + 3);
    }
  }
  check_windows(windows, cells, starts, 12, random);
}

TEST(RowSpace, OfWindowsIsOneRunForEachPieceThatAWindowTouches) {
  const RowSpacePtr table = RowSpace::table({piece_of(10, 30), piece_of(0, 2), piece_of(5, 30)});
  const RowSpacePtr windows = RowSpace::windows(table, 6);
  EXPECT_EQ(windows->most_runs(), 3U);
  const Runs inside = runs_of(windows, {3});
  ASSERT_EQ(inside.size(), 1U);
  EXPECT_EQ(inside[0].first, 13U);
  EXPECT_EQ(inside[0].count, 6U);
  const Runs across = runs_of(windows, {0, 28});
  ASSERT_EQ(across.size(), 4U);
  const std::vector<std::array<uint64_t, 4>> expected = {
      {10, 0, 6, 0}, {38, 0, 2, 6}, {0, 1, 2, 8}, {5, 2, 2, 10}};
  for (size_t i = 0; i < expected.size(); ++i) {
    const headrace::Run& run = across[i];
    EXPECT_EQ((std::array<uint64_t, 4>{run.first, run.piece, run.count, run.out}), expected[i]);
  }
  // Windows side by side, in a row, are one run; others are not.
  EXPECT_EQ(runs_of(windows, {0, 6, 12}).size(), 1U);
  EXPECT_EQ(runs_of(windows, {0, 5}).size(), 2U);
}

TEST(RowSpace, SlicesOfWindowsDropThePiecesThatNoWindowTouches) {
  const RowSpacePtr windows =
      RowSpace::windows(RowSpace::table({piece_of(0, 4), piece_of(0, 4), piece_of(0, 4)}), 3);
  EXPECT_EQ(RowSpace::slice(windows, 1, 3)->piece_count(), 2U);
  EXPECT_EQ(RowSpace::slice(windows, 4, 0)->rows(), 0U);
}

TEST(RowSpace, RefusesWindowsOfTooManyRows) {
  const uint64_t many = uint64_t{1} << 40;
  const RowSpacePtr table = RowSpace::table({piece_of(0, many)});
  expect_error(ErrorCode::kInvalid, {"2^32", "4294967296"},
               [&] { RowSpace::windows(table, uint64_t{1} << 32); });
  const RowSpacePtr longest = RowSpace::windows(table, UINT32_MAX);
  EXPECT_EQ(longest->rows(), many - UINT32_MAX + 1);
  const Runs runs = runs_of(longest, {many - UINT32_MAX});
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].count, UINT32_MAX);
  expect_error(ErrorCode::kInvalid, {"2^32", "70000 windows of 70000 rows"},
               [&] { RowSpace::windows(RowSpace::windows(table, 70'000), 70'000); });
}

TEST(RowSpace, WithColumnsSharesOneListAmongThePieces) {
  const RowSpacePtr table = RowSpace::table({piece_of(0, 3), piece_of(0, 4)});
  const RowSpacePtr turned = RowSpace::with_columns(table, {2, 0});
  EXPECT_EQ(turned->piece(0).source_column(0), 2U);
  EXPECT_EQ(turned->piece(1).source_column(1), 0U);
  EXPECT_EQ(turned->piece(0).columns, turned->piece(1).columns);
  const RowSpacePtr again = RowSpace::with_columns(turned, {1, 0});
  EXPECT_EQ(again->piece(0).source_column(0), 0U);
  EXPECT_EQ(again->piece(0).source_column(1), 2U);
  EXPECT_EQ(table->piece(0).source_column(1), 1U);
}

}  // namespace
}  // namespace headrace
