#include "column/gather.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

using Bytes = std::vector<std::byte>;
using Runs = std::vector<Run>;  // a test has a Run() of its own

constexpr size_t kGuard = 64;  // bytes before and after the output that must stay
constexpr std::byte kUntouched{0xEE};

// A piece with memory of its own: `rows` rows at any stride, from any address.
struct TestPiece {
  Bytes memory;
  PieceRows view;
  uint64_t rows;
};

TestPiece make_piece(uint64_t rows, uint64_t row_bytes, int64_t stride, size_t misalignment,
                     std::mt19937_64& random) {
  const auto reach = static_cast<uint64_t>(std::abs(stride)) * (rows - 1);
  TestPiece piece{Bytes(misalignment + reach + row_bytes), {}, rows};
  std::generate(piece.memory.begin(), piece.memory.end(),
                [&] { return static_cast<std::byte>(random()); });
  piece.view.rows = piece.memory.data() + misalignment + (stride < 0 ? reach : 0);
  piece.view.stride = stride;
  return piece;
}

// Pieces of every kind of stride.
std::vector<TestPiece> make_pieces(uint64_t row_bytes, std::mt19937_64& random) {
  const auto bytes = static_cast<int64_t>(row_bytes);
  std::vector<TestPiece> pieces;
  for (const int64_t stride : {bytes, bytes + 3, -bytes, -bytes - 5, int64_t{0}, bytes * 2}) {
    pieces.push_back(make_piece(1 + random() % 40, row_bytes, stride, random() % 9, random));
  }
  return pieces;
}

// Runs that fill a batch exactly, in shuffled order of their places. Returns the rows of the batch.
uint32_t make_runs(const std::vector<TestPiece>& pieces, std::mt19937_64& random, Runs& runs) {
  uint32_t out = 0;
  const size_t count = random() % 90;
  for (size_t i = 0; i < count; ++i) {
    const auto piece = static_cast<uint32_t>(random() % pieces.size());
    const uint64_t first = random() % pieces[piece].rows;
    const uint64_t most = random() % 3 == 0 ? pieces[piece].rows - first : 1;
    const auto rows = static_cast<uint32_t>(1 + random() % most);
    runs.push_back({.first = first, .piece = piece, .count = rows, .out = out});
    out += rows;
  }
  std::shuffle(runs.begin(), runs.end(), random);
  return out;
}

std::vector<PieceRows> views(const std::vector<TestPiece>& pieces) {
  std::vector<PieceRows> views;
  for (const TestPiece& piece : pieces) {
    views.push_back(piece.view);
  }
  return views;
}

// The same, one row at a time.
Bytes expected_bytes(const Runs& runs, const std::vector<TestPiece>& pieces, uint64_t row_bytes,
                     uint64_t out_rows) {
  Bytes out(out_rows * row_bytes);
  for (const Run& run : runs) {
    for (uint32_t i = 0; i < run.count; ++i) {
      const PieceRows& view = pieces[run.piece].view;
      const std::byte* row = view.rows + static_cast<int64_t>(run.first + i) * view.stride;
      std::copy_n(row, row_bytes, out.begin() + static_cast<int64_t>((run.out + i) * row_bytes));
    }
  }
  return out;
}

void check_gather(uint64_t row_bytes, size_t misalignment, std::mt19937_64& random) {
  const std::vector<TestPiece> pieces = make_pieces(row_bytes, random);
  Runs runs;
  const uint64_t rows = make_runs(pieces, random, runs);
  Bytes out(2 * kGuard + misalignment + rows * row_bytes, kUntouched);
  std::byte* begin = out.data() + kGuard + misalignment;
  const std::vector<PieceRows> rows_of = views(pieces);
  gather(runs, std::vector{GatherColumn::copied(rows_of.data(), row_bytes, begin)});
  const Bytes expected = expected_bytes(runs, pieces, row_bytes, rows);
  ASSERT_TRUE(std::equal(expected.begin(), expected.end(), begin)) << row_bytes;
  const auto untouched = [](std::byte byte) { return byte == kUntouched; };
  ASSERT_TRUE(std::all_of(out.data(), begin, untouched)) << row_bytes;
  ASSERT_TRUE(std::all_of(begin + expected.size(), out.data() + out.size(), untouched))
      << row_bytes;
}

TEST(Gather, CopiesRowsOfEverySize) {
  constexpr uint64_t kSeed = 1;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  for (uint64_t row_bytes = 1; row_bytes <= 300; ++row_bytes) {
    for (const size_t misalignment : {0, 1}) {
      check_gather(row_bytes, misalignment, random);
    }
  }
}

TEST(Gather, CopiesRowsOfWholeCacheLinesAndLongRows) {
  constexpr uint64_t kSeed = 2;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  for (const uint64_t row_bytes : {512, 960, 1023, 1024, 1025, 1088, 2048, 4096, 10'000}) {
    for (const size_t misalignment : {0, 1, 63}) {
      check_gather(row_bytes, misalignment, random);
    }
  }
}

TEST(Gather, CopiesRowsAcrossPieces) {
  const std::vector<uint32_t> left = {10, 11, 12};
  const std::vector<uint32_t> right = {20, 21, 22};
  const auto view = [](const std::vector<uint32_t>& values) {
    return PieceRows{reinterpret_cast<const std::byte*>(values.data()), 4, nullptr};
  };
  const std::vector<PieceRows> pieces = {view(left), view(right)};
  const Runs runs = {{.first = 1, .piece = 0, .count = 2, .out = 1},
                     {.first = 0, .piece = 1, .count = 1, .out = 3},
                     {.first = 2, .piece = 1, .count = 1, .out = 0}};
  std::vector<uint32_t> out(4);
  gather(runs, std::vector{GatherColumn::copied(pieces.data(), 4,
                                                reinterpret_cast<std::byte*>(out.data()))});
  EXPECT_EQ(out, (std::vector<uint32_t>{22, 11, 12, 20}));
}

TEST(Gather, OfNoRunsOrNoColumnsTouchesNothing) {
  std::byte out = kUntouched;
  gather({}, std::vector{GatherColumn::copied(nullptr, 8, &out),
                         GatherColumn::converted(nullptr, 8, 4, &out)});
  EXPECT_EQ(out, kUntouched);
  gather(Runs(3, {.first = 0, .piece = 0, .count = 1, .out = 0}), {});
}

// A column of a gather with what it must give.
struct TestColumn {
  std::vector<TestPiece> pieces;
  std::vector<PieceRows> rows_of;
  Bytes expected;
  Bytes out;
};

// Columns of the same pieces, rows and strides but any row size.
std::vector<TestColumn> make_columns(const std::vector<uint64_t>& row_bytes,
                                     const std::vector<uint64_t>& piece_rows,
                                     std::mt19937_64& random) {
  std::vector<TestColumn> columns;
  for (const uint64_t bytes : row_bytes) {
    TestColumn& column = columns.emplace_back();
    for (const uint64_t rows : piece_rows) {
      const int64_t stride = static_cast<int64_t>(bytes) + static_cast<int64_t>(random() % 3);
      column.pieces.push_back(make_piece(rows, bytes, stride, random() % 9, random));
    }
    column.rows_of = views(column.pieces);
  }
  return columns;
}

TEST(Gather, CopiesSeveralColumnsForAnyNumberOfRuns) {
  constexpr uint64_t kSeed = 3;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  const std::vector<uint64_t> row_bytes = {1, 2, 4, 8, 16, 64, 1024, 3, 100, 5000};
  for (size_t count = 0; count <= 200; ++count) {
    // The columns decide how many runs are fetched together, so take some of them.
    std::vector<uint64_t> sizes = row_bytes;
    std::shuffle(sizes.begin(), sizes.end(), random);
    sizes.resize(1 + random() % 4);
    std::vector<TestColumn> columns = make_columns(sizes, {7, 1, 30}, random);
    Runs runs;
    for (uint32_t i = 0; i < count; ++i) {
      const auto piece = static_cast<uint32_t>(random() % 3);
      runs.push_back({.first = random() % columns.front().pieces[piece].rows,
                      .piece = piece,
                      .count = 1,
                      .out = i});
    }
    std::vector<GatherColumn> gathered;
    for (size_t c = 0; c < columns.size(); ++c) {
      columns[c].expected = expected_bytes(runs, columns[c].pieces, sizes[c], count);
      columns[c].out = Bytes(columns[c].expected.size(), kUntouched);
      gathered.push_back(
          GatherColumn::copied(columns[c].rows_of.data(), sizes[c], columns[c].out.data()));
    }
    gather(runs, gathered);
    for (const TestColumn& column : columns) {
      ASSERT_EQ(column.out, column.expected) << count;
    }
  }
}

// A few rows of int16, int32 and float32 in three pieces become float64, each by its own
// conversion.
TEST(Gather, ConvertsEachPieceByItsOwnConversion) {
  const std::vector<int16_t> shorts = {1, -2, 3, 4};
  const std::vector<float> floats = {0.5F, 1.5F, 2.5F, 3.5F};
  const Conversion from_short(std::vector{DType::kInt16, DType::kFloat64});
  const Conversion from_float(std::vector{DType::kFloat32, DType::kInt32, DType::kFloat64});
  const std::vector<PieceRows> pieces = {
      {reinterpret_cast<const std::byte*>(shorts.data()), 4, &from_short},
      {reinterpret_cast<const std::byte*>(floats.data() + 2), -8, &from_float}};
  const Runs runs = {{.first = 0, .piece = 1, .count = 2, .out = 0},
                     {.first = 0, .piece = 0, .count = 2, .out = 2}};
  std::vector<double> out(8);
  gather(runs, std::vector{GatherColumn::converted(pieces.data(), 2, 8,
                                                   reinterpret_cast<std::byte*>(out.data()))});
  EXPECT_EQ(out, (std::vector<double>{2, 3, 0, 1, 1, -2, 3, 4}));
}

TEST(Gather, OfAConvertedColumnIsACopyFollowedByTheConversion) {
  constexpr uint64_t kSeed = 4;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  for (uint64_t row_elements = 1; row_elements <= 150; ++row_elements) {
    const Conversion conversion(std::vector{DType::kUint16, DType::kFloat32});
    std::vector<TestPiece> pieces = make_pieces(row_elements * 2, random);
    for (TestPiece& piece : pieces) {
      piece.view.conversion = &conversion;
    }
    Runs runs;
    const uint64_t rows = make_runs(pieces, random, runs);
    const Bytes stored = expected_bytes(runs, pieces, row_elements * 2, rows);
    Bytes expected(rows * row_elements * 4);
    conversion.apply(stored.data(), expected.data(), rows * row_elements);
    Bytes out(expected.size() + kGuard, kUntouched);
    const std::vector<PieceRows> rows_of = views(pieces);
    gather(runs, std::vector{GatherColumn::converted(rows_of.data(), row_elements, 4, out.data())});
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(), out.begin())) << row_elements;
    ASSERT_EQ(std::count(out.end() - kGuard, out.end(), kUntouched), kGuard) << row_elements;
  }
}

// Single rows go many at a time to one conversion; here of one step and of several, for which the
// place of a number in its row matters.
TEST(Gather, OfSingleRowsConvertsEachAsItWouldAlone) {
  constexpr uint64_t kSeed = 5;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  for (const uint64_t row_elements : {1, 3, 64, 100, 600}) {
    AlignedDoubles means(row_elements);
    std::iota(means.begin(), means.end(), 1.0);
    const auto function = std::make_shared<const ElementFunction>(Standardize{means, means});
    const Conversion one_step(std::vector{DType::kUint16, DType::kFloat32});
    const Conversion steps(
        std::vector<ValueStep>{DType::kUint16, DType::kFloat32, {DType::kFloat32, function}});
    for (const size_t count : {0, 1, 15, 16, 17, 64, 150}) {
      for (const bool alike : {true, false}) {
        std::vector<TestPiece> pieces = make_pieces(row_elements * 2, random);
        for (size_t i = 0; i < pieces.size(); ++i) {
          pieces[i].view.conversion = alike || i % 2 == 0 ? &steps : &one_step;
        }
        Runs runs;
        Bytes expected(count * row_elements * 4);
        for (uint32_t out = 0; out < count; ++out) {
          const auto piece = static_cast<uint32_t>(random() % pieces.size());
          const PieceRows& view = pieces[piece].view;
          runs.push_back(
              {.first = random() % pieces[piece].rows, .piece = piece, .count = 1, .out = out});
          view.conversion->apply(view.rows + static_cast<int64_t>(runs.back().first) * view.stride,
                                 expected.data() + out * row_elements * 4, row_elements);
        }
        Bytes out(expected.size() + kGuard, kUntouched);
        const std::vector<PieceRows> rows_of = views(pieces);
        gather(runs, std::vector{GatherColumn::converted(rows_of.data(), row_elements, 4,
                                                         out.data(), {row_elements * 2, 1})});
        ASSERT_TRUE(std::equal(expected.begin(), expected.end(), out.begin())) << row_elements;
        ASSERT_EQ(std::count(out.end() - kGuard, out.end(), kUntouched), kGuard) << row_elements;
      }
    }
  }
}

}  // namespace
}  // namespace headrace
