#include "dataset/variable_reader.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/column_views.h"
#include "dataset/fingerprint.h"
#include "dataset/reader.h"
#include "dataset/row_requests.h"
#include "dataset/views.h"
#include "dataset/windows.h"
#include "testing/datasets.h"
#include "testing/errors.h"

namespace headrace {
namespace {

std::string text(uint64_t row) { return std::string(row % 5, static_cast<char>('a' + row % 26)); }

template <typename T>
Buffer buffer_of(const std::vector<T>& values) {
  return Buffer::copy_of(std::as_bytes(std::span(values)));
}

// A source in memory: text, csr with two elements in odd rows, and a tensor that numbers the rows.
class MixedSource {
 public:
  MixedSource(uint64_t first, uint64_t rows) {
    std::string bytes;
    std::vector<int64_t> text_offsets = {0};
    std::vector<int32_t> csr_offsets = {0};
    std::vector<uint16_t> indices;
    std::vector<float> values;
    for (uint64_t row = first; row < first + rows; ++row) {
      bytes += text(row);
      text_offsets.push_back(static_cast<int64_t>(bytes.size()));
      for (uint64_t k = 0; k < row % 2 * 2; ++k) {
        indices.push_back(static_cast<uint16_t>(row + k));
        values.push_back(static_cast<float>(row) / 2);
      }
      csr_offsets.push_back(static_cast<int32_t>(indices.size()));
    }
    keep_ = {buffer_of(text_offsets), Buffer::copy_of(std::as_bytes(std::span(bytes))),
             buffer_of(csr_offsets), buffer_of(indices), buffer_of(values)};
    ArraySource::Array texts{.owner = {}, .rows = {}};
    texts.variable = ColumnView{.rows = rows,
                                .values = keep_[1].data(),
                                .offsets = keep_[0].data(),
                                .elements = bytes.size()};
    texts.variable_bytes = bytes.size();
    ArraySource::Array csr{.owner = {}, .rows = {}, .row_bytes = 4, .dtype = DType::kFloat32};
    csr.variable = ColumnView{.rows = rows,
                              .values = keep_[4].data(),
                              .offsets = keep_[2].data(),
                              .indices = keep_[3].data(),
                              .offset_size = 4,
                              .elements = indices.size()};
    source_ = std::make_shared<ArraySource>(
        rows, std::vector{std::move(texts), std::move(csr), as_array(counting("id", rows, first))});
  }

  Piece piece() const {
    return {.source = source_, .first = 0, .rows = source_->rows(), .columns = nullptr};
  }

 private:
  std::vector<Buffer> keep_;
  std::shared_ptr<const ArraySource> source_;
};

// Rows 0 to 99 in two sources.
class Mixed : public testing::Test {
 protected:
  MixedSource lower_{0, 40};
  MixedSource upper_{40, 60};
  DatasetPtr dataset_ = std::make_shared<Dataset>(
      std::vector<DatasetColumn>{
          {.field = {.name = "t", .kind = ColumnKind::kText}, .group = 0, .column = 0, .casts = {}},
          {.field = {.name = "w",
                     .dtype = DType::kFloat32,
                     .kind = ColumnKind::kCsr,
                     .index_dtype = DType::kUint16,
                     .width = 200},
           .group = 0,
           .column = 1,
           .casts = {}},
          {.field = {.name = "id", .dtype = DType::kInt64}, .group = 0, .column = 2, .casts = {}}},
      std::vector{RowSpace::table({lower_.piece(), upper_.piece()})});
};

// What read_parts gives of every column, as vectors.
class Parts {
 public:
  AllocatePart allocate() {
    return [this](size_t column, ColumnPart part, uint64_t bytes) {
      auto& memory = parts_[{column, part}];
      memory.resize(bytes);
      return memory.data();
    };
  }
  template <typename T>
  std::vector<T> get(size_t column, ColumnPart part) const {
    const auto& memory = parts_.at({column, part});
    std::vector<T> values(memory.size() / sizeof(T));
    if (!values.empty()) {
      std::memcpy(values.data(), memory.data(), memory.size());
    }
    return values;
  }
  size_t count() const { return parts_.size(); }

 private:
  std::map<std::pair<size_t, ColumnPart>, std::vector<std::byte>> parts_;
};

std::vector<std::string> texts(const DatasetPtr& dataset, const std::vector<uint64_t>& rows) {
  Reader reader(dataset);
  Parts parts;
  std::vector<bool> wanted(dataset->columns().size());
  wanted[0] = true;
  reader.read_parts(rows, wanted, parts.allocate());
  EXPECT_EQ(parts.count(), 2U);
  const auto offsets = parts.get<int64_t>(0, ColumnPart::kOffsets);
  const auto bytes = parts.get<char>(0, ColumnPart::kValues);
  std::vector<std::string> found;
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    found.emplace_back(bytes.data() + offsets[i], bytes.data() + offsets[i + 1]);
  }
  return found;
}

std::vector<std::string> expected(const std::vector<uint64_t>& rows) {
  std::vector<std::string> found;
  for (const uint64_t row : rows) {
    found.push_back(text(row));
  }
  return found;
}

TEST_F(Mixed, ReadsTextInAnyOrderThroughAnyView) {
  const std::vector<uint64_t> rows = {99, 0, 1, 2, 39, 40, 41, 7, 7, 62};
  EXPECT_EQ(texts(dataset_, rows), expected(rows));
  EXPECT_EQ(texts(slice(dataset_, 99, 100, -1), {0, 98}), expected({99, 1}));
  EXPECT_EQ(texts(concat({dataset_, slice(dataset_, 10, 25, 2)}), {100, 3, 101, 124}),
            expected({10, 3, 12, 58}));
  EXPECT_EQ(texts(dataset_, {}), expected({}));
}

TEST_F(Mixed, ReadsAllPartsOfCsr) {
  Reader reader(dataset_);
  Parts parts;
  reader.read_parts(std::vector<uint64_t>{41, 2, 3}, {true, true, false}, parts.allocate());
  EXPECT_EQ(parts.count(), 5U);
  EXPECT_EQ(parts.get<int64_t>(1, ColumnPart::kOffsets), (std::vector<int64_t>{0, 2, 2, 4}));
  EXPECT_EQ(parts.get<uint16_t>(1, ColumnPart::kIndices), (std::vector<uint16_t>{41, 42, 3, 4}));
  EXPECT_EQ(parts.get<float>(1, ColumnPart::kValues), (std::vector<float>{20.5, 20.5, 1.5, 1.5}));
}

TEST_F(Mixed, ReadsTensorsBesideThem) {
  Reader reader(dataset_);
  std::vector<int64_t> ids(2);
  reader.read(std::vector<uint64_t>{70, 5},
              std::vector<std::byte*>{nullptr, nullptr, reinterpret_cast<std::byte*>(ids.data())});
  EXPECT_EQ(ids, (std::vector<int64_t>{70, 5}));
}

TEST_F(Mixed, DamagedOffsetsNameColumnAndRow) {
  const std::vector<int64_t> offsets = {0, 2, 9};
  const std::vector<char> bytes(8);
  ArraySource::Array texts_array{.owner = {}, .rows = {}};
  texts_array.variable = ColumnView{.rows = 2,
                                    .values = reinterpret_cast<const std::byte*>(bytes.data()),
                                    .offsets = reinterpret_cast<const std::byte*>(offsets.data()),
                                    .elements = 8};
  const auto source = std::make_shared<ArraySource>(2, std::vector{texts_array});
  const auto dataset = std::make_shared<Dataset>(
      std::vector<DatasetColumn>{dataset_->columns().front()},
      std::vector{
          RowSpace::table({{.source = source, .first = 0, .rows = 2, .columns = nullptr}})});
  EXPECT_EQ(texts(dataset, {0}), std::vector<std::string>{std::string(2, '\0')});
  const Error error =
      expect_error(ErrorCode::kCorrupt, {"row 1", "column t", "elements 2 to 9 of 8"}, [&] {
        texts(dataset, {0, 1});
      });
  EXPECT_EQ(error.context().column, "t");
  EXPECT_EQ(error.context().row, 1U);
}

// Rows in memory that claim to lie in a file, and count the elements that were asked for.
class AskedSource : public ArraySource {
 public:
  using ArraySource::ArraySource;

  bool in_files() const noexcept override { return true; }
  void advise_part(size_t /*column*/, ColumnPart part, uint64_t first, uint64_t count,
                   Advice /*advice*/, OpenFiles& /*files*/) const override {
    requests.emplace_back(part, first, count);
  }

  mutable std::vector<std::tuple<ColumnPart, uint64_t, uint64_t>> requests;
};

// Rows of bytes, `size` each, that claim to lie in a file.
struct AskedRows {
  AskedRows(uint64_t rows, uint64_t size) : offsets(rows + 1), bytes(rows * size) {
    for (uint64_t row = 0; row <= rows; ++row) {
      offsets[row] = static_cast<int64_t>(row * size);
    }
    ArraySource::Array array{.owner = {}, .rows = {}};
    array.variable = ColumnView{.rows = rows,
                                .values = bytes.data(),
                                .offsets = reinterpret_cast<const std::byte*>(offsets.data()),
                                .elements = bytes.size()};
    source = std::make_shared<AskedSource>(rows, std::vector{array});
    dataset = std::make_shared<Dataset>(
        std::vector<DatasetColumn>{{.field = {.name = "b", .kind = ColumnKind::kBytes},
                                    .group = 0,
                                    .column = 0,
                                    .casts = {}}},
        std::vector{
            RowSpace::table({{.source = source, .first = 0, .rows = rows, .columns = nullptr}})});
  }

  std::vector<int64_t> offsets;
  std::vector<std::byte> bytes;
  std::shared_ptr<AskedSource> source;
  DatasetPtr dataset;
};

using Requests = decltype(AskedSource::requests);

TEST(VariableReader, AsksForNoRowThatWasAskedFor) {
  const AskedRows stored(10000, 1);
  // Too far apart to be one request.
  const std::vector<uint64_t> rows = {0, 9000};
  const auto ask = [&](uint64_t asked) {
    stored.source->requests.clear();
    Parts parts;
    Reader(stored.dataset)
        .read_parts(
            rows, {true}, parts.allocate(), [] {}, asked);
    return stored.source->requests;
  };
  EXPECT_EQ(ask(0), (Requests{{ColumnPart::kOffsets, 0, 2},
                              {ColumnPart::kOffsets, 9000, 2},
                              {ColumnPart::kValues, 0, 9001}}));
  EXPECT_EQ(ask(1), (Requests{{ColumnPart::kOffsets, 9000, 2}, {ColumnPart::kValues, 9000, 1}}));
  EXPECT_EQ(ask(2), Requests{});
}

TEST(VariableReader, ReadsNothingOfWhatALayoutTruncates) {
  const AskedRows stored(1000, 1000);
  Layout padded{.kind = LayoutKind::kPadded, .dtype = DType::kUint8};
  padded.padding = {.max_length = 10, .truncate = true};
  const DatasetPtr dataset = with_layout(stored.dataset, 0, padded);
  const std::vector<uint64_t> rows = {500, 501, 0, 900};
  Parts parts;
  Reader(dataset).read_parts(rows, {true}, parts.allocate());
  const auto values = [](const auto& request) {
    return std::get<ColumnPart>(request) == ColumnPart::kValues;
  };
  Requests& requests = stored.source->requests;
  requests.erase(std::stable_partition(requests.begin(), requests.end(), values), requests.end());
  std::sort(requests.begin(), requests.end());
  EXPECT_EQ(requests, (Requests{{ColumnPart::kValues, 0, 10},
                                {ColumnPart::kValues, 500'000, 1010},  // with a small gap
                                {ColumnPart::kValues, 900'000, 10}}));
  requests.clear();
  RowRequests(*dataset).will_need_elements(std::vector<uint64_t>{0}, {true});
  EXPECT_EQ(requests, (Requests{{ColumnPart::kValues, 0, 10}}));
}

TEST_F(Mixed, APollThatThrowsStops) {
  Reader reader(dataset_);
  Parts parts;
  EXPECT_THROW(reader.read_parts(range(0, 100), {true, false, false}, parts.allocate(),
                                 [] { throw Error(ErrorCode::kCancelled, "stopped"); }),
               Error);
}

// One batch of texts that are all `size` bytes long and their row's number in the first of them.
DatasetPtr one_batch(uint64_t rows, uint64_t size, std::vector<Buffer>& keep) {
  std::vector<int64_t> offsets(rows + 1);
  std::vector<char> bytes(rows * size);
  for (uint64_t row = 0; row < rows; ++row) {
    offsets[row + 1] = static_cast<int64_t>((row + 1) * size);
    bytes[row * size] = static_cast<char>(row % 128);
  }
  keep = {buffer_of(offsets), buffer_of(bytes)};
  ArraySource::Array texts{.owner = {}, .rows = {}};
  texts.variable = ColumnView{
      .rows = rows, .values = keep[1].data(), .offsets = keep[0].data(), .elements = bytes.size()};
  const auto source = std::make_shared<ArraySource>(rows, std::vector{texts});
  return std::make_shared<Dataset>(
      std::vector<DatasetColumn>{{.field = {.name = "t", .kind = ColumnKind::kText},
                                  .group = 0,
                                  .column = 0,
                                  .casts = {}}},
      std::vector{
          RowSpace::table({{.source = source, .first = 0, .rows = rows, .columns = nullptr}})});
}

// How often neighbouring rows of one batch are interrupted while they are read.
int polls_of(uint64_t rows, uint64_t size) {
  std::vector<Buffer> keep;
  const DatasetPtr dataset = one_batch(rows, size, keep);
  Reader reader(dataset);
  Parts parts;
  int polls = 0;
  reader.read_parts(range(0, rows), {true}, parts.allocate(), [&] { ++polls; });
  const auto bytes = parts.get<char>(0, ColumnPart::kValues);
  EXPECT_EQ(bytes.size(), rows * size);
  for (uint64_t row = 0; row < rows; ++row) {
    EXPECT_EQ(bytes[row * size], static_cast<char>(row % 128)) << row;
  }
  return polls;
}

TEST_F(Mixed, ALargeBatchIsReadInStepsOfRowsAndOfBytes) {
  EXPECT_GE(polls_of(200'000, 1), 2 * 200'000 / 8192);
  EXPECT_EQ(polls_of(24, uint64_t{3} << 20), 1 + 3);
  EXPECT_EQ(polls_of(2, uint64_t{33} << 20), 1 + 2);  // a row is never cut
}

TEST_F(Mixed, BytesThatNoFileCanHaveAreLimited) {
  ArraySource::Array huge{.owner = {}, .rows = {}};
  huge.variable_bytes = UINT64_MAX;
  const auto source = std::make_shared<ArraySource>(2, std::vector{huge});
  const auto dataset = std::make_shared<Dataset>(
      std::vector<DatasetColumn>{dataset_->columns().front()},
      std::vector{
          RowSpace::table({{.source = source, .first = 0, .rows = 2, .columns = nullptr}})});
  const std::vector<int64_t> rows(100);
  EXPECT_EQ(subset(dataset, buffer_of(rows))->bytes(), uint64_t{1} << 62);
}

TEST_F(Mixed, BytesFingerprintAndRefusals) {
  EXPECT_EQ(select(dataset_, {0})->bytes(), 200U);                  // 40 * 2 + 60 * 2 on average
  EXPECT_EQ(slice(select(dataset_, {0}), 0, 10, 2)->bytes(), 20U);  // in proportion
  EXPECT_EQ(fingerprint(dataset_),
            fingerprint(concat({slice(dataset_, 0, 50, 1), slice(dataset_, 50, 50, 1)})));
  EXPECT_NE(fingerprint(dataset_), fingerprint(slice(dataset_, 99, 100, -1)));
  expect_error(ErrorCode::kUnsupported, {"windows", "t (text)", "w (csr float32[200])"},
               [&] { windows(dataset_, {.length = 2, .stride = 1, .within = {}}); });
  expect_error(ErrorCode::kUnsupported, {"column t", "cast"}, [&] {
    cast(dataset_, {DType::kFloat32, DType::kFloat32, DType::kFloat32});
  });
  EXPECT_EQ(cast(dataset_, {DType::kUint8, DType::kFloat32, DType::kInt8})->schema()[2].dtype,
            DType::kInt8);
}

}  // namespace
}  // namespace headrace
