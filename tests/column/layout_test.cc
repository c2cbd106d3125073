#include "column/layout.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace headrace {
namespace {

Field csr(uint64_t width, DType dtype = DType::kUint8) {
  return {.name = "x",
          .dtype = dtype,
          .kind = ColumnKind::kCsr,
          .index_dtype = DType::kInt32,
          .width = width};
}

Field of_kind(ColumnKind kind, DType dtype = DType::kUint8, std::vector<uint64_t> row_shape = {}) {
  return {.name = "x", .dtype = dtype, .row_shape = std::move(row_shape), .kind = kind};
}

std::shared_ptr<const ColumnSelection> selection(std::vector<uint64_t> columns, uint64_t width) {
  return std::make_shared<const ColumnSelection>(std::move(columns), width);
}

TEST(ColumnSelection, NumbersTheColumnsInTheirNewOrder) {
  const ColumnSelection selected({4, 0, 2}, 5);
  EXPECT_EQ(selected.width(), 3U);
  EXPECT_EQ(selected.stored_width(), 5U);
  EXPECT_EQ(std::vector<int32_t>(selected.new_columns(), selected.new_columns() + 5),
            (std::vector<int32_t>{1, -1, 2, -1, 0}));
}

TEST(ColumnSelection, RefusesColumnsThatAreNotOrComeTwice) {
  expect_error(ErrorCode::kInvalid, {"at least one"}, [] { ColumnSelection({}, 5); });
  expect_error(ErrorCode::kInvalid, {"column 5 is selected, and the last one is 4"}, [] {
    ColumnSelection({1, 5}, 5);
  });
  expect_error(ErrorCode::kInvalid, {"column 1 is selected twice"}, [] {
    ColumnSelection({1, 3, 1}, 5);
  });
  expect_error(ErrorCode::kUnsupported, {"2147483649 wide"},
               [] { ColumnSelection({1}, (uint64_t{1} << 31) + 1); });
}

TEST(SparseSteps, AreEqualByTheColumnsThatTheySelect) {
  const SparseSteps steps = {.selected = selection({1, 2}, 5)};
  EXPECT_EQ(steps, (SparseSteps{.selected = selection({1, 2}, 5)}));
  EXPECT_NE(steps, (SparseSteps{.selected = selection({2, 1}, 5)}));
  EXPECT_NE(steps, (SparseSteps{.selected = selection({1, 2}, 6)}));
  EXPECT_NE(steps, SparseSteps{});
  EXPECT_NE(SparseSteps{}, (SparseSteps{.log1p = true}));
}

TEST(Layout, ShowsDenseRowsAsATensorOfTheSelectedWidth) {
  const Field dense = {.name = "x", .dtype = DType::kFloat32, .row_shape = {10}};
  EXPECT_EQ(shown_field(csr(10), {.kind = LayoutKind::kDense}), dense);
  const Layout few = {.kind = LayoutKind::kDense,
                      .dtype = DType::kFloat16,
                      .steps = {.selected = selection({3, 1}, 10)}};
  const Field shown = shown_field(csr(10), few);
  EXPECT_EQ(shown.row_shape, std::vector<uint64_t>{2});
  EXPECT_EQ(shown.dtype, DType::kFloat16);
}

TEST(Layout, ShowsCsrWithValuesAndTheIndicesOfTheResult) {
  Field stored = csr(10);
  stored.binary = true;
  const Layout layout = {.kind = LayoutKind::kCsr,
                         .dtype = DType::kFloat64,
                         .steps = {.selected = selection({3, 1, 0}, 10)},
                         .index_dtype = DType::kInt64};
  Field expected = csr(3, DType::kFloat64);
  expected.index_dtype = DType::kInt64;
  EXPECT_EQ(shown_field(stored, layout), expected);
}

TEST(Layout, ShowsPaddedTextAsRagged) {
  const Layout layout = {.kind = LayoutKind::kPadded, .dtype = DType::kInt64};
  EXPECT_EQ(shown_field(of_kind(ColumnKind::kText), layout),
            of_kind(ColumnKind::kRagged, DType::kInt64));
}

TEST(Layout, TakesIndicesAsBinaryCsr) {
  const Layout layout = {.kind = LayoutKind::kDense, .indices = IndexSource{.width = 1024}};
  const Field stored = of_kind(ColumnKind::kTensor, DType::kFloat64, {16});
  check_layout(stored, layout);
  Field expected = csr(1024);
  expected.binary = true;
  EXPECT_EQ(sparse_field(stored, layout), expected);
  EXPECT_EQ(shown_field(stored, layout).row_shape, std::vector<uint64_t>{1024});
  // A width whose last column an int32 cannot name.
  const Layout wide = {.kind = LayoutKind::kCoo,
                       .indices = IndexSource{.width = (uint64_t{1} << 31) + 1}};
  EXPECT_EQ(sparse_field(stored, wide).index_dtype, DType::kInt64);
}

TEST(Layout, AcceptsEveryLayoutThatAColumnCanHave) {
  for (const LayoutKind kind :
       {LayoutKind::kStored, LayoutKind::kDense, LayoutKind::kCsr, LayoutKind::kCoo}) {
    EXPECT_NO_THROW(check_layout(csr(10), {.kind = kind})) << layout_name(kind);
  }
  for (const ColumnKind kind : {ColumnKind::kRagged, ColumnKind::kBytes, ColumnKind::kText}) {
    EXPECT_NO_THROW(check_layout(of_kind(kind), {.kind = LayoutKind::kPadded})) << kind_name(kind);
  }
  // A number in every row is a list of one index.
  const Layout one_hot = {.kind = LayoutKind::kDense, .indices = IndexSource{.width = 10}};
  EXPECT_NO_THROW(check_layout(of_kind(ColumnKind::kTensor), one_hot));
  EXPECT_NO_THROW(check_layout(of_kind(ColumnKind::kRagged), one_hot));
}

void expect_refused(const Field& stored, const Layout& layout, const std::string& message) {
  expect_error(ErrorCode::kInvalid, {message, "column x: "}, [&] { check_layout(stored, layout); });
}

TEST(Layout, NamesTheColumnAndWhatToDoWhereItCannotBe) {
  const Field tensor = of_kind(ColumnKind::kTensor, DType::kInt64, {16});
  const Field ragged = of_kind(ColumnKind::kRagged, DType::kInt64);
  const auto dense = [](SparseSteps steps, DType dtype = DType::kFloat32) {
    return Layout{.kind = LayoutKind::kDense, .dtype = dtype, .steps = std::move(steps)};
  };
  const auto hot = [](uint64_t width, LayoutKind kind = LayoutKind::kDense) {
    return Layout{.kind = kind, .indices = IndexSource{.width = width}};
  };
  Layout int32 = {.kind = LayoutKind::kCsr, .index_dtype = DType::kInt32};
  Layout uint16 = {.kind = LayoutKind::kCsr, .index_dtype = DType::kUint16};
  Field wide = csr((uint64_t{1} << 31) + 1);
  wide.index_dtype = DType::kInt64;
  Field widest = wide;
  widest.width = std::numeric_limits<int64_t>::max();
  expect_refused(ragged, dense({}),
                 "ragged int64, and layout dense is for csr; if its rows are lists");
  expect_refused(of_kind(ColumnKind::kText), dense({}), "it is text, and layout dense is for csr");
  expect_refused(tensor, {.kind = LayoutKind::kPadded}, "int64[16], which needs no layout");
  expect_refused(csr(10), {.kind = LayoutKind::kPadded}, "use dense");
  expect_refused(ragged, hot(10, LayoutKind::kPadded),
                 "indices become dense, csr, coo or jagged, not padded");
  expect_refused(of_kind(ColumnKind::kTensor, DType::kInt64, {4, 4}), hot(10),
                 "one list of integers");
  expect_refused(of_kind(ColumnKind::kText), hot(10), "one list of integers");
  expect_refused(of_kind(ColumnKind::kRagged, DType::kBool), hot(10), "one list of integers");
  expect_refused(csr(10), hot(10), "one list of integers");
  expect_refused(ragged, hot(0), "a width of 0");
  expect_refused(csr(10), dense({.total = 0.0}), "total is 0");
  expect_refused(csr(10), dense({.total = HUGE_VAL}), "total is inf");
  expect_refused(csr(10), dense({.scale = std::nan("")}), "scale is");
  expect_refused(csr(10), dense({.log1p = true}, DType::kInt32), "dtype is int32; use float32");
  expect_refused(csr(10), dense({.selected = selection({1}, 11)}),
                 "10 wide, and the columns were chosen");
  expect_refused(ragged, {.kind = LayoutKind::kPadded, .steps = {.log1p = true}},
                 "takes no binary");
  expect_refused(of_kind(ColumnKind::kText), {.kind = LayoutKind::kStored},
                 "layout padded casts them");
  expect_refused(ragged, {.kind = LayoutKind::kPadded, .padding = {.truncate = true}},
                 "a max_length");
  Field binary = csr(10);
  binary.binary = true;
  expect_refused(binary, {.kind = LayoutKind::kStored}, "no values to cast");
  const Layout as_stored{.kind = LayoutKind::kStored, .dtype = DType::kUint8};
  check_layout(binary, as_stored);
  EXPECT_TRUE(shown_field(binary, as_stored).binary);
  expect_refused(wide, int32, "too wide for int32");
  expect_refused(csr(10), uint16, "int32 or int64, not uint16");
  expect_refused(widest, dense({}), "more bytes than 64 bits count");
}

}  // namespace
}  // namespace headrace
