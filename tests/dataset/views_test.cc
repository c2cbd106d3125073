#include "dataset/views.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/column_views.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

using Rows = std::vector<uint64_t>;

TEST(Concat, JoinsRowsAcrossMemoryAndFiles) {
  const TempDir dir;
  const Values all = counting("x", 30);
  const DatasetPtr dataset = concat({in_memory({chosen(all, range(0, 10))}),
                                     in_files(dir, "f", {chosen(all, range(10, 20))}, {5, 15})});
  expect_shows(dataset, {all}, 1);
}

TEST(Concat, OfPartsThatStoreDifferentDtypesButShowTheSame) {
  const Values whole = column("x", DType::kInt8, std::vector<int8_t>{1, 2, 3});
  const Values wide = column("x", DType::kFloat64, std::vector<double>{4, 5});
  const Values plain = column("x", DType::kFloat32, std::vector<float>{6});
  const DatasetPtr dataset =
      concat({in_memory({plain}), cast(in_memory({whole}), {DType::kFloat32}),
              cast(in_memory({wide}), {DType::kFloat32})});
  EXPECT_EQ(all_numbers<float>(dataset), (std::vector<float>{6, 1, 2, 3, 4, 5}));
  const DatasetPtr again = cast(dataset, {DType::kInt16});
  EXPECT_EQ(all_numbers<int16_t>(again), (std::vector<int16_t>{6, 1, 2, 3, 4, 5}));
}

TEST(Concat, KeepsTheDtypesThatEveryPartPassesThrough) {
  // 300.7 -> int16 -> uint8 is 44 for both parts.
  const DatasetPtr floats = in_memory({column("x", DType::kFloat32, std::vector<float>{300.7F})});
  const DatasetPtr doubles = in_memory({column("x", DType::kFloat64, std::vector<double>{301.7})});
  const auto twice = [](const DatasetPtr& dataset) {
    return cast(cast(dataset, {DType::kInt16}), {DType::kUint8});
  };
  EXPECT_EQ(all_numbers<uint8_t>(concat({twice(floats), twice(doubles)})),
            (std::vector<uint8_t>{44, 45}));
  // One that passes through int16 and one that does not are not the same column.
  expect_error(ErrorCode::kInvalid, {"cast only once"}, [&] {
    concat({twice(floats), cast(doubles, {DType::kUint8})});
  });
}

TEST(Concat, RefusesOtherColumnsAndSaysBothSchemas) {
  const DatasetPtr x = in_memory({random_floats("x", 3, {2}, 1)});
  const DatasetPtr y = in_memory({random_floats("y", 3, {2}, 1)});
  const DatasetPtr wide = in_memory({random_floats("x", 3, {3}, 1)});
  for (const DatasetPtr& other : {y, wide, cast(x, {DType::kFloat64}), zip({x, y})}) {
    expect_error(ErrorCode::kInvalid, {"x: float32[2]", "dataset 2", "cast"}, [&] {
      concat({x, x, other});
    });
  }
}

TEST(Concat, RefusesNoParts) {
  expect_error(ErrorCode::kInvalid, {"at least one"}, [] { concat({}); });
}

TEST(Concat, TakesColumnsFromDifferentPlacesOfTheirGroups) {
  const std::vector<Values> columns = {counting("a", 5), counting("b", 5, 10)};
  const DatasetPtr one_group = in_memory(columns);
  const DatasetPtr two_groups = zip({in_memory({columns[0]}), in_memory({columns[1]})});
  const DatasetPtr turned = select(in_memory({columns[1], columns[0]}), {1, 0});
  const DatasetPtr dataset = concat({one_group, two_groups, turned});
  const Rows thrice = {0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4};
  expect_shows(dataset, {chosen(columns[0], thrice), chosen(columns[1], thrice)}, 2);
}

TEST(Zip, SetsColumnsSideBySide) {
  const TempDir dir;
  const std::vector<Values> columns = {counting("a", 9), random_floats("b", 9, {2}, 3)};
  expect_shows(zip({in_memory({columns[0]}), in_files(dir, "f", {columns[1]}, {4, 5})}), columns,
               1);
}

TEST(Zip, RefusesUnequalRowsRepeatedNamesAndNoParts) {
  const DatasetPtr a = in_memory({counting("a", 9)});
  expect_error(ErrorCode::kInvalid, {"column a has 9", "column b has 8"}, [&] {
    zip({a, in_memory({counting("b", 8)})});
  });
  expect_error(ErrorCode::kInvalid, {"column a", "twice"}, [&] { zip({a, a}); });
  expect_error(ErrorCode::kInvalid, {"at least one column"}, [] { zip({}); });
}

TEST(Slice, TakesEveryStep) {
  const DatasetPtr dataset = in_memory({counting("x", 20)});
  EXPECT_EQ(all_numbers(slice(dataset, 3, 4, 1)), (Rows{3, 4, 5, 6}));
  EXPECT_EQ(all_numbers(slice(dataset, 0, 4, 6)), (Rows{0, 6, 12, 18}));
  EXPECT_EQ(all_numbers(slice(dataset, 19, 3, -9)), (Rows{19, 10, 1}));
  EXPECT_EQ(all_numbers(slice(dataset, 19, 1, -100)), Rows{19});
}

TEST(Slice, RefusesRowsOutside) {
  const DatasetPtr dataset = in_memory({counting("x", 20)});
  struct Wrong {
    uint64_t start;
    uint64_t count;
    int64_t step;
  };
  for (const Wrong& wrong : {Wrong{20, 1, 1},
                             {0, 21, 1},
                             {19, 2, 1},
                             {0, 3, 10},
                             {1, 3, -1},
                             {UINT64_MAX, 1, 1},
                             {0, UINT64_MAX, 1}}) {
    expect_error(ErrorCode::kIndex, {"20 rows"},
                 [&] { slice(dataset, wrong.start, wrong.count, wrong.step); });
  }
}

TEST(Slice, IsNotFooledByASpanThatWraps) {
  const DatasetPtr dataset = in_memory({counting("x", 20)});
  const uint64_t count = (uint64_t{1} << 62) + 1;  // (count - 1) * 4 is 2^64
  expect_error(ErrorCode::kIndex, {"20 rows"}, [&] { slice(dataset, 0, count, 4); });
}

TEST(Slice, RefusesNoRows) {
  const DatasetPtr dataset = in_memory({counting("x", 20)});
  expect_error(ErrorCode::kInvalid, {"at least one row"}, [&] { slice(dataset, 0, 0, 1); });
  expect_error(ErrorCode::kInvalid, {"at least one row"}, [&] { slice(dataset, 20, 0, -2); });
}

TEST(Subset, ShowsTheRowsOfTheIndexAndKeepsIt) {
  const DatasetPtr dataset = in_memory({counting("x", 20)});
  const auto owner = std::make_shared<std::vector<int64_t>>(std::vector<int64_t>{19, 0, 5, 5});
  const auto* bytes = reinterpret_cast<const std::byte*>(owner->data());
  const DatasetPtr chosen_rows = subset(dataset, Buffer(owner, bytes, 32));
  EXPECT_EQ(owner.use_count(), 2);
  EXPECT_EQ(all_numbers(chosen_rows), (Rows{19, 0, 5, 5}));
}

TEST(Subset, RefusesAnIndexOutsideAndSaysWhere) {
  const DatasetPtr dataset = in_memory({counting("x", 20)});
  for (const int64_t wrong : {int64_t{20}, int64_t{-1}, INT64_MAX, INT64_MIN}) {
    expect_error(ErrorCode::kIndex, {"index " + std::to_string(wrong), "place 2", "20 rows"}, [&] {
      subset(dataset, index_buffer({3, 4, wrong}));
    });
  }
  expect_error(ErrorCode::kInvalid, {"at least one row"},
               [&] { subset(dataset, index_buffer({})); });
}

TEST(Split, GivesExactPartsInOrderThatTogetherHaveEachRowOnce) {
  const DatasetPtr dataset = in_memory({counting("x", 1000)});
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::vector<uint64_t> totals = {700, 1, 199, 100};
    const std::vector<DatasetPtr> parts = split(dataset, totals, seed);
    ASSERT_EQ(parts.size(), totals.size());
    Rows all;
    for (size_t i = 0; i < parts.size(); ++i) {
      const Rows rows = all_numbers(parts[i]);
      EXPECT_EQ(rows.size(), totals[i]);
      EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));
      all.insert(all.end(), rows.begin(), rows.end());
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, range(0, 1000));
  }
}

TEST(Split, DependsOnTheSeedOnly) {
  const DatasetPtr dataset = in_memory({counting("x", 1000)});
  const auto first = [&](uint64_t seed) {
    return all_numbers(split(dataset, {500, 500}, seed)[0]);
  };
  EXPECT_EQ(first(1), first(1));
  EXPECT_NE(first(1), first(2));
}

TEST(Split, RefusesAPartWithoutRows) {
  const DatasetPtr dataset = in_memory({counting("x", 10)});
  for (const std::vector<uint64_t>& totals :
       {Rows{0, 10}, Rows{10, 0}, Rows{4, 6, 0}, Rows{11, 1}}) {
    expect_error(ErrorCode::kInvalid, {"every part of a split needs rows", "fractions"},
                 [&] { split(dataset, totals, 1); });
  }
}

std::set<std::string> files_of(const DatasetPtr& dataset) {
  std::set<std::string> files;
  for (uint64_t row = 0; row < dataset->rows(); ++row) {
    files.insert(dataset->locate(row).file);
  }
  return files;
}

TEST(SplitByFile, PutsEachFileInOnePartAndKeepsItThereWhenFilesAreAdded) {
  const TempDir dir;
  std::vector<uint64_t> file_rows(60, 3);
  const DatasetPtr dataset = in_files(dir, "f", {counting("x", 180)}, file_rows);
  const std::vector<DatasetPtr> parts = split_by_file(dataset, {0.5, 0.3, 0.2}, 1);
  ASSERT_EQ(parts.size(), 3U);
  std::set<std::string> all;
  Rows rows;
  for (const DatasetPtr& part : parts) {
    const Rows more = all_numbers(part);
    EXPECT_TRUE(std::is_sorted(more.begin(), more.end()));
    rows.insert(rows.end(), more.begin(), more.end());
    all.merge(files_of(part));
    EXPECT_EQ(part->rows(), 3 * part->file_count());
  }
  EXPECT_EQ(all.size(), 60U);
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows, range(0, 180));
  file_rows.resize(90, 3);
  const auto more =
      split_by_file(in_files(dir, "f", {counting("x", 270)}, file_rows), {0.5, 0.3, 0.2}, 1);
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto now = files_of(more[i]);
    for (const std::string& file : files_of(parts[i])) {
      EXPECT_TRUE(now.contains(file)) << file;
    }
  }
}

// The part of each file of two folders whose files have the same names: by folder and name.
std::vector<size_t> parts_of_two_folders(const TempDir& dir) {
  std::vector<DatasetPtr> folders;
  for (const std::string folder : {"one", "two"}) {
    std::filesystem::create_directory(dir.path(folder));
    folders.push_back(
        in_files(dir, folder + "/f", {counting("x", 40)}, std::vector<uint64_t>(40, 1)));
  }
  std::vector<size_t> parts(80);
  const auto halves = split_by_file(concat(folders), {0.5, 0.5}, 1);
  for (uint64_t row = 0; row < halves[1]->rows(); ++row) {
    const Dataset::Location at = halves[1]->locate(row);
    const size_t folder = at.file.find("/two/") == std::string::npos ? 0 : 40;
    parts[folder + numbers<uint64_t>(halves[1], 0, {row}).front()] = 1;
  }
  return parts;
}

TEST(SplitByFile, GoesByFolderAndNameSoThatAMovedDatasetKeepsItsParts) {
  const TempDir here;
  const TempDir there;
  const std::vector<size_t> parts = parts_of_two_folders(here);
  EXPECT_EQ(parts_of_two_folders(there), parts);
  // Files of one name in two folders are different files.
  EXPECT_FALSE(std::equal(parts.begin(), parts.begin() + 40, parts.begin() + 40));
}

TEST(SplitByFile, CutsGroupsWithOtherBoundariesAtTheSameRows) {
  const TempDir dir;
  const std::vector<Values> columns = {counting("x", 80), counting("y", 80, 1000)};
  const DatasetPtr dataset = zip({in_files(dir, "f", {columns[0]}, std::vector<uint64_t>(20, 4)),
                                  in_files(dir, "g", {columns[1]}, {33, 47})});
  for (const DatasetPtr& part : split_by_file(dataset, {0.5, 0.5}, 3)) {
    const auto x = all_numbers<int64_t>(part, 0);
    const auto y = all_numbers<int64_t>(part, 1);
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(y[i], x[i] + 1000);
    }
  }
}

TEST(SplitByFile, RefusesArraysChosenRowsAndPartsWithoutFiles) {
  const TempDir dir;
  expect_error(ErrorCode::kInvalid, {"by=\"file\"", "arrays"}, [] {
    split_by_file(in_memory({counting("x", 9)}), {0.5, 0.5}, 1);
  });
  const DatasetPtr files = in_files(dir, "f", {counting("x", 9)}, {3, 3, 3});
  expect_error(ErrorCode::kInvalid, {"by=\"file\"", "chosen rows"}, [&] {
    split_by_file(slice(files, 8, 9, -1), {0.5, 0.5}, 1);
  });
  expect_error(ErrorCode::kInvalid, {"no file for part 0", "among 3"}, [&] {
    split_by_file(files, {0.0, 1.0}, 1);
  });
}

TEST(SplitByFile, GoesByAColumnWithFiles) {
  const TempDir dir;
  const DatasetPtr files = in_files(dir, "f", {counting("x", 180)}, std::vector<uint64_t>(60, 3));
  const DatasetPtr numbered = select(with_row_ids(files, "row"), {1, 0});
  const auto parts = split_by_file(numbered, {0.5, 0.5}, 1);
  const auto plain = split_by_file(files, {0.5, 0.5}, 1);
  for (size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(all_numbers(parts[i], 0), all_numbers(plain[i]));
    EXPECT_EQ(all_numbers(parts[i], 1), all_numbers(plain[i]));
  }
}

}  // namespace
}  // namespace headrace
