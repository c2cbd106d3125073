#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "column/half.h"
#include "format/shard_layout.h"
#include "testing/errors.h"
#include "testing/golden_files.h"
#include "testing/shards.h"

// What tests/golden/foreign/make_files.py wrote through pyarrow and Polars.
namespace headrace {
namespace {

constexpr uint64_t kRows = 10;

using Bytes = std::vector<std::byte>;

template <typename T>
void append(Bytes& bytes, T value) {
  bytes.resize(bytes.size() + sizeof(value));
  std::memcpy(bytes.data() + bytes.size() - sizeof(value), &value, sizeof(value));
}

// What row_bytes gives for `count` elements and what `element` appends for each.
Bytes row_of(uint64_t count, const std::function<void(Bytes&, uint64_t)>& element) {
  Bytes bytes;
  append(bytes, count);
  for (uint64_t i = 0; i < count; ++i) {
    element(bytes, i);
  }
  return bytes;
}

Bytes text_row(uint64_t count) {
  Bytes bytes;
  append(bytes, 2 * count);
  for (uint64_t i = 0; i < count; ++i) {
    append(bytes, '\xC3');
    append(bytes, '\xA4');
  }
  return bytes;
}

template <typename... T>
Bytes numbers(T... values) {
  Bytes bytes;
  (append(bytes, values), ...);
  return bytes;
}

struct Expected {
  Field field;
  std::function<Bytes(uint64_t)> row;
};

// The columns of make_files.py and their rows as formulas.
std::map<std::string, Expected> expected_columns() {
  const auto text = [](uint64_t i) { return text_row(i % 4); };
  std::map<std::string, Expected> columns = {
      {"number", {{.name = "", .dtype = DType::kInt64}, [](uint64_t i) { return numbers(i); }}},
      {"half",
       {{.name = "", .dtype = DType::kFloat16},
        [](uint64_t i) { return numbers(to_half(static_cast<double>(i)).bits); }}},
      {"text", {{.name = "", .kind = ColumnKind::kText}, text}},
      {"large_text", {{.name = "", .kind = ColumnKind::kText}, text}},
      {"bytes",
       {{.name = "", .kind = ColumnKind::kBytes},
        [](uint64_t i) {
          return row_of(i % 3, [i](Bytes& b, uint64_t) { append(b, static_cast<uint8_t>(i)); });
        }}},
      {"list",
       {{.name = "", .dtype = DType::kInt32, .kind = ColumnKind::kRagged},
        [](uint64_t i) {
          return row_of(i % 4, [](Bytes& b, uint64_t j) { append(b, static_cast<int32_t>(j)); });
        }}},
      {"large_list",
       {{.name = "", .dtype = DType::kFloat32, .kind = ColumnKind::kRagged},
        [](uint64_t i) {
          return row_of(i % 4, [](Bytes& b, uint64_t j) { append(b, static_cast<float>(j)); });
        }}},
      {"pair",
       {{.name = "", .dtype = DType::kInt16, .row_shape = {2}},
        [](uint64_t i) {
          return numbers(static_cast<int16_t>(i), static_cast<int16_t>(-static_cast<int>(i)));
        }}},
      {"tensor",
       {{.name = "", .dtype = DType::kInt32, .row_shape = {2, 3}},
        [](uint64_t i) {
          Bytes bytes;
          for (uint64_t j = 0; j < 6; ++j) {
            append(bytes, static_cast<int32_t>(6 * i + j));
          }
          return bytes;
        }}},
  };
  for (auto& [name, column] : columns) {
    column.field.name = name;
  }
  return columns;
}

// The one column of bits: row i is true where 3 divides i.
void expect_flags(const BatchLayout& batch, const ColumnPlace& place, const Bytes& file) {
  for (uint64_t i = 0; i < batch.rows; ++i) {
    const auto byte = std::to_integer<unsigned>(file[place.values.offset + i / 8]);
    EXPECT_EQ((byte >> (i % 8) & 1) != 0, (batch.first_row + i) % 3 == 0);
  }
}

void expect_formulas(const std::string& name, size_t columns, uint64_t rows_per_batch) {
  SCOPED_TRACE(name);
  const GoldenFile golden("foreign/" + name);
  const ShardLayout layout = golden.layout();
  const Bytes& file = golden.bytes();
  const std::map<std::string, Expected> expected = expected_columns();
  EXPECT_EQ(layout.columns.size(), columns);
  EXPECT_EQ(layout.rows, kRows);
  EXPECT_EQ(layout.rows_per_batch, rows_per_batch);
  EXPECT_FALSE(layout.profile);
  for (const BatchLayout& batch : layout.batches) {
    for (size_t c = 0; c < layout.columns.size(); ++c) {
      const ColumnLayout& column = layout.columns[c];
      if (column.packed_bits) {
        expect_flags(batch, batch.columns[c], file);
        continue;
      }
      const Expected& formula = expected.at(column.field.name);
      EXPECT_EQ(column.field, formula.field);
      const ColumnView view = view_of(column, batch.columns[c], batch.rows, file.data());
      for (uint64_t i = 0; i < batch.rows; ++i) {
        EXPECT_EQ(row_bytes(column.field, view, i), formula.row(batch.first_row + i))
            << column.field.name << " row " << batch.first_row + i;
      }
    }
  }
}

TEST(ForeignFiles, AreReadInPlace) {
  expect_formulas("pyarrow.arrow", 10, 0);
  expect_formulas("pyarrow_v4.arrow", 10, 0);
  expect_formulas("feather.arrow", 10, 4);
  expect_formulas("polars.arrow", 6, kRows);
}

TEST(ForeignFiles, WithoutRowsHaveALayoutWithoutBatches) {
  const ShardLayout layout = GoldenFile("foreign/empty.arrow").layout();
  EXPECT_EQ(layout.rows, 0U);
  EXPECT_TRUE(layout.batches.empty());
  EXPECT_EQ(layout.columns.size(), 10U);
}

TEST(ForeignFiles, ThatAreNotReadInPlaceAreTypedErrorsThatSayWhatToDo) {
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"views", "View"},
      {"zstd", "compressed"},
      {"stream", "stream"},
      {"nulls", "x has 2 null values"},
      {"dictionary", "dictionary"},
      {"timestamp", "Timestamp"},
      {"legacy", "before"},
  };
  for (const auto& [name, what] : refused) {
    expect_error(ErrorCode::kUnsupported, {name, what, "headrace convert"},
                 [&] { GoldenFile("foreign/refused_" + name + ".arrow").layout(); });
  }
}

TEST(ForeignFiles, AreNoShards) {
  expect_error(ErrorCode::kCorrupt, {"does not say that headrace wrote it"},
               [] { GoldenFile("foreign/pyarrow.arrow").layout(LayoutRules::kProfileOnly); });
}

}  // namespace
}  // namespace headrace
