#include "dataset/column_views.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/column_views.h"
#include "dataset/views.h"
#include "dataset/windows.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/sparse_chunk.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

using Rows = std::vector<uint64_t>;

TEST(RowIds, AreTheRowsOfTheDatasetThatWasNumbered) {
  const DatasetPtr chosen_rows = subset(in_memory({counting("x", 20)}), index_buffer({9, 4, 7, 0}));
  const DatasetPtr numbered = with_row_ids(chosen_rows, "row");
  EXPECT_EQ(numbered->columns()[1].field, make_field("row", DType::kInt64, {}));
  EXPECT_EQ(all_numbers(numbered, 1), range(0, 4));
  const DatasetPtr later = subset(slice(numbered, 3, 4, -1), index_buffer({3, 1, 1}));
  EXPECT_EQ(all_numbers(later, 0), (Rows{9, 7, 7}));
  EXPECT_EQ(all_numbers(later, 1), (Rows{0, 2, 2}));
}

TEST(RowIds, OfTwoDatasetsAreEachItsOwn) {
  const DatasetPtr a = with_row_ids(in_memory({counting("x", 3)}), "row");
  const DatasetPtr b = with_row_ids(in_memory({counting("x", 2)}), "row");
  EXPECT_EQ(all_numbers(concat({a, b}), 1), (Rows{0, 1, 2, 0, 1}));
  // Numbers that were stored go with numbers that are made.
  const DatasetPtr stored = in_memory({counting("x", 2), counting("row", 2, 50)});
  EXPECT_EQ(all_numbers(concat({a, stored}), 1), (Rows{0, 1, 2, 50, 51}));
}

TEST(RowIds, OfABillionRowsTakeNoMemory) {
  const std::byte zero{};
  const uint64_t rows = uint64_t{1} << 40;
  const auto source = std::make_shared<ArraySource>(
      rows, std::vector<ArraySource::Array>{
                {Buffer::copy_of({&zero, 1}), {&zero, 0, nullptr}, 1, DType::kUint8}});
  const DatasetPtr dataset = std::make_shared<Dataset>(
      std::vector<DatasetColumn>{
          {.field = make_field("x", DType::kUint8, {}), .group = 0, .column = 0, .casts = {}}},
      std::vector{
          RowSpace::table({{.source = source, .first = 0, .rows = rows, .columns = nullptr}})});
  const DatasetPtr numbered = with_row_ids(dataset, "row");
  EXPECT_EQ(numbers<uint64_t>(numbered, 1, {rows - 1, 5}), (Rows{rows - 1, 5}));
}

TEST(RowIds, RefuseANameThatIsThere) {
  expect_error(ErrorCode::kInvalid, {"column x", "twice"},
               [] { with_row_ids(in_memory({counting("x", 3)}), "x"); });
}

TEST(RowIds, DoNotHideWhereRowsLie) {
  const TempDir dir;
  const DatasetPtr files = in_files(dir, "f", {counting("x", 9)}, {4, 5});
  const DatasetPtr numbered = select(with_row_ids(slice(files, 2, 7, 1), "row"), {1, 0});
  EXPECT_EQ(numbered->locate(6).file, dir.path("f-x-1.bin"));
  EXPECT_EQ(numbered->locate(6).row, 4U);
  const DatasetPtr memory = in_memory({counting("x", 9)});
  const DatasetPtr in_middle = select(with_row_ids(slice(memory, 2, 7, 1), "row"), {1, 0});
  EXPECT_EQ(in_middle->locate(6).row, 8U);
}

TEST(Select, ShowsColumnsInTheGivenOrder) {
  const std::vector<Values> columns = {counting("a", 5), counting("b", 5, 10),
                                       counting("c", 5, 20)};
  const DatasetPtr dataset = zip({in_memory({columns[0], columns[1]}), in_memory({columns[2]})});
  expect_shows(select(dataset, {2, 0}), {columns[2], columns[0]}, 1);
  EXPECT_EQ(select(dataset, {1})->groups().size(), 1U);
}

TEST(Select, RefusesNoRepeatedAndUnknownColumns) {
  const DatasetPtr dataset = in_memory({counting("a", 5), counting("b", 5)});
  expect_error(ErrorCode::kInvalid, {"at least one column"}, [&] { select(dataset, {}); });
  expect_error(ErrorCode::kInvalid, {"column a", "twice"}, [&] { select(dataset, {0, 0}); });
  expect_error(ErrorCode::kInvalid, {"2"}, [&] { select(dataset, {2}); });
}

TEST(Rename, ShowsTheSameUnderOtherNames) {
  Values values = counting("a", 5);
  const DatasetPtr dataset = rename(in_memory({values}), {"z"});
  values.field.name = "z";
  expect_shows(dataset, {values}, 1);
}

TEST(Rename, RefusesRepeatedNamesAndAnotherNumberOfNames) {
  const DatasetPtr dataset = in_memory({counting("a", 5), counting("b", 5)});
  expect_error(ErrorCode::kInvalid, {"column z", "twice"}, [&] { rename(dataset, {"z", "z"}); });
  expect_error(ErrorCode::kInvalid, {"1"}, [&] { rename(dataset, {"z"}); });
  expect_error(ErrorCode::kInvalid, {"3"}, [&] { rename(dataset, {"x", "y", "z"}); });
}

TEST(Cast, OfACastIsDoneInSequence) {
  const DatasetPtr dataset =
      in_memory({column("x", DType::kFloat64, std::vector<double>{300.7, -1})});
  const DatasetPtr twice = cast(cast(dataset, {DType::kUint8}), {DType::kFloat64});
  EXPECT_EQ(all_numbers<double>(twice), (std::vector<double>{255, 0}));
  const DatasetPtr thrice = cast(cast(twice, {DType::kInt8}), {DType::kInt32});
  EXPECT_EQ(all_numbers<int32_t>(thrice), (std::vector<int32_t>{127, 0}));
}

TEST(Cast, ToTheSameDtypeChangesNothing) {
  const DatasetPtr dataset = in_memory({counting("a", 5)});
  EXPECT_TRUE(cast(dataset, {DType::kInt64})->columns()[0].casts.empty());
}

TEST(Cast, RefusesAnotherNumberOfDtypes) {
  const DatasetPtr dataset = in_memory({counting("a", 5)});
  expect_error(ErrorCode::kInvalid, {"0"}, [&] { cast(dataset, {}); });
  expect_error(ErrorCode::kInvalid, {"2"}, [&] { cast(dataset, {DType::kInt8, DType::kInt8}); });
}

TEST(MapValues, AppliesFunctionsOneAfterAnotherWhenRowsAreRead) {
  const DatasetPtr dataset =
      in_memory({column("x", DType::kInt16, std::vector<int16_t>{1, 2, 3, 4, 5, 6}, {2})});
  const DatasetPtr scaled = map_values(dataset, 0, Standardize{{1, 2}, {10, 100}});
  EXPECT_EQ(describe(scaled->columns()[0].field), "float32[2]");
  EXPECT_EQ(all_numbers<float>(scaled), (std::vector<float>{0, 0, 20, 200, 40, 400}));
  const DatasetPtr clipped = map_values(scaled, 0, Clip{0, 100});
  EXPECT_EQ(all_numbers<float>(clipped), (std::vector<float>{0, 0, 20, 100, 40, 100}));
  const DatasetPtr counted = map_values(clipped, 0, Bucketize{{10, 50}});
  EXPECT_EQ(all_numbers<int64_t>(cast(slice(counted, 1, 2, 1), {DType::kInt64})),
            (std::vector<int64_t>{1, 2, 1, 2}));
}

TEST(MapValues, KeepsToRowsInWindowsAndStacks) {
  const std::vector<float> numbers = {1, 2, 3, 4, 5, 6};
  const DatasetPtr dataset = in_memory({column("x", DType::kFloat32, numbers, {2})});
  const DatasetPtr seen = windows(dataset, {.length = 2, .stride = 1, .within = std::nullopt});
  const std::vector<float> expected = {0, 0, 2, 20, 2, 20, 4, 40};
  const Standardize function{{1, 2}, {1, 10}};
  EXPECT_EQ(all_numbers<float>(map_values(seen, 0, function)), expected);
  const DatasetPtr scaled = map_values(dataset, 0, function);
  EXPECT_EQ(all_numbers<float>(windows(scaled, {.length = 2, .stride = 1, .within = {}})),
            expected);
  expect_error(ErrorCode::kInvalid, {"column x", "windows"}, [&] {
    map_values(seen, 0, Standardize{{1, 2, 3, 4}, {1, 1, 1, 1}});
  });

  const DatasetPtr table = in_memory({column("a", DType::kFloat32, std::vector<float>{1, 3}),
                                      column("b", DType::kFloat32, std::vector<float>{2, 4})});
  const DatasetPtr members =
      map_values(stack(table, {0, 1}, "x"), 0, function)->columns()[0].members;
  EXPECT_EQ(all_numbers<float>(members, 0), (std::vector<float>{0, 2}));
  EXPECT_EQ(all_numbers<float>(members, 1), (std::vector<float>{0, 20}));
}

TEST(MapValues, IsPartOfWhatConcatHoldsEqual) {
  const DatasetPtr dataset = in_memory({column("x", DType::kFloat32, std::vector<float>{0, 1})});
  const DatasetPtr mapped = map_values(dataset, 0, Clip{0, 0.5});
  EXPECT_EQ(all_numbers<float>(concat({mapped, map_values(dataset, 0, Clip{0, 0.5})})),
            (std::vector<float>{0, 0.5, 0, 0.5}));
  expect_error(ErrorCode::kInvalid, {"x"}, [&] { concat({mapped, dataset}); });
  expect_error(ErrorCode::kInvalid, {"x"}, [&] {
    concat({mapped, map_values(dataset, 0, Clip{0, 0.7})});
  });
}

TEST(MapValues, RefusesColumnsWithALayoutAndWithoutNumbers) {
  const DatasetPtr csr = unread(csr_field(10));
  expect_error(ErrorCode::kUnsupported, {"csr", "log1p"}, [&] { map_values(csr, 0, Log1p{}); });
  const DatasetPtr dense = with_layout(csr, 0, {.kind = LayoutKind::kDense});
  expect_error(ErrorCode::kUnsupported, {"csr", "Loader(transform=)"},
               [&] { map_values(dense, 0, Log1p{}); });
  const DatasetPtr hot =
      with_layout(unread(make_field("x", DType::kInt64, {2})), 0,
                  {.kind = LayoutKind::kDense, .indices = IndexSource{.width = 3}});
  expect_error(ErrorCode::kUnsupported, {"layout", "first"}, [&] { map_values(hot, 0, Log1p{}); });
}

TEST(WithLayout, ShowsWhatTheLayoutMakesAndCanBeReplaced) {
  const DatasetPtr csr = unread(csr_field(10));
  const DatasetPtr dense = with_layout(csr, 0, {.kind = LayoutKind::kDense});
  EXPECT_FALSE(dense->columns()[0].gathered());
  EXPECT_EQ(describe_column(dense->columns()[0]), "float32[10], dense of csr float32[10]");
  EXPECT_EQ(dense->bytes(), 80U);
  const DatasetPtr coo = with_layout(dense, 0, {.kind = LayoutKind::kCoo});
  EXPECT_EQ(coo->columns()[0].stored(), csr_field(10));
  EXPECT_EQ(rename(coo, {"y"})->columns()[0].stored().name, "y");
  EXPECT_EQ(without_layout(coo, 0)->columns()[0].field, csr_field(10));
  EXPECT_EQ(without_layout(coo, 0)->columns()[0].layout, nullptr);
  EXPECT_EQ(cast(dense, {DType::kFloat64})->schema()[0], make_field("x", DType::kFloat64, {10}));
  expect_error(ErrorCode::kInvalid, {"column x", "padded"},
               [&] { with_layout(csr, 0, {.kind = LayoutKind::kPadded}); });
  expect_error(ErrorCode::kInvalid, {"column 1 is out of range"},
               [&] { with_layout(csr, 1, {.kind = LayoutKind::kCoo}); });
}

TEST(WithLayout, KeepsTheIndicesOfAnEarlierOne) {
  const DatasetPtr numbers = in_memory({counting("x", 3)});
  const DatasetPtr hot =
      with_layout(numbers, 0, {.kind = LayoutKind::kDense, .indices = IndexSource{.width = 5}});
  const DatasetPtr csr = with_layout(hot, 0, {.kind = LayoutKind::kCsr});
  EXPECT_EQ(describe(csr->columns()[0].field), "csr float32[5]");
  EXPECT_EQ(describe(without_layout(csr, 0)->columns()[0].field), "int64");
}

TEST(Cast, OfPaddedRowsCastsWhatTheyAreFilledWith) {
  const Layout padded{
      .kind = LayoutKind::kPadded, .dtype = DType::kInt64, .padding = {.fill = {std::byte{7}}}};
  const DatasetPtr ragged =
      unread({.name = "x", .dtype = DType::kInt64, .kind = ColumnKind::kRagged});
  const DatasetPtr floats = cast(with_layout(ragged, 0, padded), {DType::kFloat32});
  float fill = 0;
  std::memcpy(&fill, floats->columns()[0].layout->layout.padding.fill.data(), sizeof(fill));
  EXPECT_EQ(fill, 7);
}

TEST(Cast, RefusesWhatHoldsNoNumbers) {
  Field binary = csr_field(10);
  binary.binary = true;
  binary.dtype = DType::kUint8;
  for (const Field& field : {binary, Field{.name = "x", .kind = ColumnKind::kText}}) {
    expect_error(ErrorCode::kUnsupported, {"column x", "no numbers to cast"},
                 [&] { cast(unread(field), {DType::kFloat32}); });
  }
  EXPECT_EQ(describe(cast(unread(csr_field(10)), {DType::kFloat64})->schema()[0]),
            "csr float64[10]");
}

}  // namespace
}  // namespace headrace
