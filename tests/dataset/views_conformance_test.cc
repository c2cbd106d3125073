#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "column/elementwise.h"
#include "dataset/column_views.h"
#include "dataset/fingerprint.h"
#include "dataset/reader.h"
#include "dataset/views.h"
#include "dataset/windows.h"
#include "order/key.h"
#include "order/partition.h"
#include "testing/datasets.h"
#include "testing/temp_dir.h"

// Every view over every source, alone and composed, against plain vectors.
namespace headrace {
namespace {

// A dataset and what it must show.
struct Case {
  DatasetPtr dataset;
  std::vector<Values> columns;

  uint64_t rows() const { return columns.front().rows(); }
};

std::vector<Values> chosen_all(const std::vector<Values>& columns,
                               const std::vector<uint64_t>& rows) {
  std::vector<Values> result;
  for (const Values& values : columns) {
    result.push_back(chosen(values, rows));
  }
  return result;
}

// Mostly as the row before: series.
Values few_floats(std::string name, uint64_t rows, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> values;
  for (uint64_t i = 0; i < rows; ++i) {
    values.push_back(i > 0 && random() % 4 > 0 ? values.back() : static_cast<float>(random() % 9));
  }
  return column(std::move(name), DType::kFloat32, values);
}

std::vector<Values> base_columns(uint64_t rows, uint64_t seed) {
  return {counting("id", rows, seed * 1000), random_floats("x", rows, {3}, seed),
          few_floats("y", rows, seed + 1)};
}

std::vector<uint64_t> random_file_rows(uint64_t rows, std::mt19937_64& random) {
  std::vector<uint64_t> counts;
  for (uint64_t left = rows; left > 0; left -= counts.back()) {
    counts.push_back(random() % 4 == 0 ? 0 : 1 + random() % std::min<uint64_t>(left, 20));
  }
  return counts;
}

enum class Tier { kMemory, kFiles, kTwoGroups, kBoth };

Case base(Tier tier, const TempDir& dir, uint64_t seed, std::mt19937_64& random) {
  const uint64_t rows = 20 + random() % 60;
  const std::vector<Values> all = base_columns(rows, seed);
  const std::string stem = "s" + std::to_string(seed);
  switch (tier) {
    case Tier::kMemory:
      return {in_memory(all), all};
    case Tier::kFiles:
      return {in_files(dir, stem, all, random_file_rows(rows, random)), all};
    case Tier::kTwoGroups:
      return {zip({in_files(dir, stem, {all[0]}, random_file_rows(rows, random)),
                   in_files(dir, stem, {all[1], all[2]}, random_file_rows(rows, random))}),
              all};
    case Tier::kBoth:
      break;
  }
  const uint64_t half = rows / 2;
  return {concat({in_memory(chosen_all(all, range(0, half))),
                  in_files(dir, stem, chosen_all(all, range(half, rows - half)),
                           random_file_rows(rows - half, random))}),
          all};
}

Case sliced(const Case& from, std::mt19937_64& random) {
  const auto rows = static_cast<int64_t>(from.rows());
  const auto start = static_cast<int64_t>(random() % from.rows());
  int64_t step = static_cast<int64_t>(random() % 7) - 3;
  step = step == 0 ? 1 : step;
  const int64_t most = step > 0 ? (rows - 1 - start) / step + 1 : start / -step + 1;
  const int64_t count = 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(most));
  std::vector<uint64_t> picked;
  for (int64_t i = 0; i < count; ++i) {
    picked.push_back(static_cast<uint64_t>(start + i * step));
  }
  return {slice(from.dataset, static_cast<uint64_t>(start), static_cast<uint64_t>(count), step),
          chosen_all(from.columns, picked)};
}

Case subsetted(const Case& from, std::mt19937_64& random) {
  std::vector<uint64_t> picked(1 + random() % 80);
  std::vector<int64_t> indices;
  for (uint64_t& row : picked) {
    row = random() % from.rows();
    indices.push_back(static_cast<int64_t>(row));
  }
  return {subset(from.dataset, index_buffer(indices)), chosen_all(from.columns, picked)};
}

Case part_of_split(const Case& from, std::mt19937_64& random) {
  if (from.rows() < 2) {
    return from;
  }
  const uint64_t seed = random();
  const uint64_t first_rows = 1 + random() % (from.rows() - 1);
  const bool first = random() % 2 == 0;
  const auto parts = split(from.dataset, {first_rows, from.rows() - first_rows}, seed);
  const Partition partition(from.rows(), first_rows, OrderKey{seed, 0}.derive(Purpose::kSplit, 0));
  std::vector<uint64_t> picked;
  for (uint64_t i = 0; i < (first ? first_rows : from.rows() - first_rows); ++i) {
    picked.push_back(first ? partition.first(i) : partition.second(i));
  }
  return {parts[first ? 0 : 1], chosen_all(from.columns, picked)};
}

Case joined(const Case& from, std::mt19937_64& random) {
  // Parts of one dataset have one schema, whatever was cast before.
  const std::vector<Case> parts = {sliced(from, random), from, subsetted(from, random)};
  std::vector<DatasetPtr> datasets;
  std::vector<Values> columns = parts.front().columns;
  for (size_t i = 0; i < parts.size(); ++i) {
    datasets.push_back(parts[i].dataset);
    for (size_t c = 0; i > 0 && c < columns.size(); ++c) {
      const auto& more = parts[i].columns[c].bytes;
      columns[c].bytes.insert(columns[c].bytes.end(), more.begin(), more.end());
    }
  }
  return {concat(datasets), std::move(columns)};
}

Case renamed(const Case& from, const std::string& prefix) {
  std::vector<std::string> names;
  std::vector<Values> columns = from.columns;
  for (Values& values : columns) {
    values.field.name = prefix + values.field.name;
    names.push_back(values.field.name);
  }
  return {rename(from.dataset, names), std::move(columns)};
}

Case zipped(const Case& from, std::mt19937_64& random) {
  const Case turned = {slice(from.dataset, from.rows() - 1, from.rows(), -1), [&] {
                         std::vector<uint64_t> rows = range(0, from.rows());
                         std::reverse(rows.begin(), rows.end());
                         return chosen_all(from.columns, rows);
                       }()};
  const Case other = renamed(turned, "r" + std::to_string(random() % 1000));
  Case result = {zip({from.dataset, other.dataset}), from.columns};
  result.columns.insert(result.columns.end(), other.columns.begin(), other.columns.end());
  return result;
}

Case selected(const Case& from, std::mt19937_64& random) {
  std::vector<size_t> order(from.columns.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::shuffle(order.begin(), order.end(), random);
  order.resize(1 + random() % order.size());
  std::vector<Values> columns;
  for (const size_t c : order) {
    columns.push_back(from.columns[c]);
  }
  return {select(from.dataset, order), std::move(columns)};
}

Case recast(const Case& from, std::mt19937_64& random) {
  std::vector<DType> dtypes;
  std::vector<Values> columns = from.columns;
  for (Values& values : columns) {
    const DType to =
        random() % 2 == 0 ? values.field.dtype : static_cast<DType>(random() % kDTypeCount);
    dtypes.push_back(to);
    const Conversion conversion(std::vector{values.field.dtype, to});
    const uint64_t elements = values.rows() * values.field.row_elements();
    std::vector<std::byte> bytes(elements * dtype_size(to));
    conversion.apply(values.bytes.data(), bytes.data(), elements);
    values = {make_field(values.field.name, to, values.field.row_shape), std::move(bytes)};
  }
  return {cast(from.dataset, dtypes), std::move(columns)};
}

Case windowed(const Case& from, std::mt19937_64& random) {
  const uint64_t length = 1 + random() % std::min<uint64_t>(from.rows(), 5);
  const uint64_t stride = 1 + random() % 6;
  std::vector<uint64_t> starts;
  for (uint64_t start = 0; start + length <= from.rows(); start += stride) {
    starts.push_back(start);
  }
  std::vector<Values> columns;
  for (const Values& values : from.columns) {
    columns.push_back(windowed(values, length, starts));
  }
  return {windows(from.dataset, {.length = length, .stride = stride, .within = {}}),
          std::move(columns)};
}

// Series of small whole numbers in the last column, which casts and views may have changed.
Case windowed_within(const Case& from, std::mt19937_64& random) {
  const uint64_t length = 1 + random() % 2;
  const uint64_t stride = 1 + random() % 3;
  const size_t within = from.columns.size() - 1;
  const Values& series = from.columns[within];
  std::vector<uint64_t> starts;
  for (uint64_t first = 0, end = 1; first < from.rows(); first = end++) {
    while (end < from.rows() && std::ranges::equal(series.row(end), series.row(first))) {
      ++end;
    }
    for (uint64_t start = first; start + length <= end; start += stride) {
      starts.push_back(start);
    }
  }
  if (starts.empty()) {
    return from;
  }
  std::vector<Values> columns;
  for (const Values& values : from.columns) {
    columns.push_back(windowed(values, length, starts));
  }
  return {windows(from.dataset, {.length = length, .stride = stride, .within = within}),
          std::move(columns)};
}

Case with_ids(const Case& from, std::mt19937_64& random) {
  Case result = from;
  result.columns.push_back(counting("ids" + std::to_string(random()), from.rows()));
  result.dataset = with_row_ids(from.dataset, result.columns.back().field.name);
  return result;
}

constexpr int kViews = 11;

Case viewed(int view, const Case& from, std::mt19937_64& random) {
  switch (view) {
    case 0:
      return sliced(from, random);
    case 1:
      return subsetted(from, random);
    case 2:
      return part_of_split(from, random);
    case 3:
      return joined(from, random);
    case 4:
      return zipped(from, random);
    case 5:
      return selected(from, random);
    case 6:
      return renamed(from, "n");
    case 7:
      return recast(from, random);
    case 8:
      return windowed(from, random);
    case 9:
      return windowed_within(from, random);
    default:
      return with_ids(from, random);
  }
}

// Every way of reading, and what is said without reading.
void check(const Case& test, std::mt19937_64& random) {
  ASSERT_NO_FATAL_FAILURE(expect_shows(test.dataset, test.columns, random()));
  const size_t c = random() % test.columns.size();
  const uint64_t start = random() % test.rows();
  const uint64_t count = random() % (start + 1);
  std::vector<uint64_t> rows;
  for (uint64_t i = 0; i < count; ++i) {
    rows.push_back(start - i);
  }
  std::vector<std::byte> out(count * test.columns[c].field.row_bytes());
  read_range(test.dataset, c, start, count, -1, out.data());
  ASSERT_EQ(out, chosen(test.columns[c], rows).bytes);
  ASSERT_EQ(fingerprint(test.dataset), fingerprint(in_memory(test.columns)));
}

class Views : public testing::TestWithParam<Tier> {};

TEST_P(Views, EachShowsWhatItsOracleSays) {
  const TempDir dir;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const Case from = base(GetParam(), dir, seed, random);
    ASSERT_NO_FATAL_FAILURE(check(from, random));
    for (int view = 0; view < kViews; ++view) {
      SCOPED_TRACE("view " + std::to_string(view));
      ASSERT_NO_FATAL_FAILURE(check(viewed(view, from, random), random));
    }
  }
}

TEST_P(Views, ComposedShowWhatTheirOraclesSay) {
  const TempDir dir;
  for (uint64_t seed = 100; seed < 220; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    Case test = base(GetParam(), dir, seed, random);
    std::string views;
    for (int depth = 0; depth < 4; ++depth) {
      const int view = static_cast<int>(random() % kViews);
      views += " " + std::to_string(view);
      test = viewed(view, test, random);
    }
    SCOPED_TRACE("views" + views);
    ASSERT_NO_FATAL_FAILURE(check(test, random));
  }
}

std::string tier_name(const testing::TestParamInfo<Tier>& info) {
  switch (info.param) {
    case Tier::kMemory:
      return "Memory";
    case Tier::kFiles:
      return "Files";
    case Tier::kTwoGroups:
      return "TwoGroups";
    case Tier::kBoth:
      break;
  }
  return "MemoryAndFiles";
}

INSTANTIATE_TEST_SUITE_P(Over, Views,
                         testing::Values(Tier::kMemory, Tier::kFiles, Tier::kTwoGroups,
                                         Tier::kBoth),
                         tier_name);

}  // namespace
}  // namespace headrace
