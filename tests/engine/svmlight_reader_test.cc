#include "engine/svmlight_reader.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

constexpr uint64_t kSmallestBlock = SvmlightParser::kLongestNumber + 1;

void nothing() {}

std::string write(const TempDir& folder, const std::string& name, const std::string& text) {
  return folder.write(name, std::as_bytes(std::span(text)));
}

struct Read {
  std::vector<double> labels;
  std::vector<int64_t> lengths;
  std::vector<int32_t> indices;
  std::vector<double> values;

  bool operator==(const Read&) const = default;
};

Read read(const std::vector<SvmlightReader::Span>& spans, const SvmlightReader::Options& options) {
  SvmlightReader reader(spans, options);
  Read read;
  while (const auto part = reader.next(nothing)) {
    const SvmlightRows& rows = part->rows;
    read.labels.insert(read.labels.end(), rows.labels.begin(), rows.labels.end());
    for (uint64_t i = 0; i < rows.rows(); ++i) {
      read.lengths.push_back(rows.indptr[i + 1] - rows.indptr[i]);
    }
    read.indices.insert(read.indices.end(), rows.indices.begin(), rows.indices.end());
    read.values.insert(read.values.end(), rows.doubles.begin(), rows.doubles.end());
  }
  return read;
}

// Rows of which row i has the label i, with some comments, blank lines and ends of both kinds.
std::string some_rows(uint64_t count, bool ends_with_newline) {
  std::mt19937_64 random(3);
  std::string text;
  for (uint64_t i = 0; i < count; ++i) {
    text += std::to_string(i);
    uint64_t index = 0;
    for (uint64_t k = random() % 9; k > 0; --k) {
      index += 1 + random() % 1000;
      text += " " + std::to_string(index) + ":" + std::to_string(random() % 100000) + ".25";
    }
    text += random() % 5 == 0 ? " # words 1:1" : "";
    text += random() % 3 == 0 ? "\r\n" : "\n";
    text += random() % 7 == 0 ? "\n" : "";
  }
  if (!ends_with_newline) {
    text += "7 1:1 5:2";
  }
  return text;
}

TEST(SvmlightReader, GivesTheSameRowsForAnyPartsThreadsAndBlocks) {
  const TempDir folder;
  for (const bool ends_with_newline : {true, false}) {
    const std::string path = write(folder, "a.svm", some_rows(200, ends_with_newline));
    const Read whole = read({{path}}, {.block_bytes = uint64_t{4} << 20});
    ASSERT_EQ(whole.labels.size(), ends_with_newline ? 200U : 201U);
    for (const uint64_t part_bytes : {7U, 64U, 1000U, 100000000U}) {
      for (const uint64_t threads : {1U, 3U}) {
        EXPECT_EQ(
            read({{path}},
                 {.threads = threads, .part_bytes = part_bytes, .block_bytes = kSmallestBlock}),
            whole)
            << part_bytes << " bytes, " << threads << " threads";
      }
    }
  }
}

TEST(SvmlightReader, CutsSmallerPartsTheLessIsLeft) {
  const TempDir folder;
  constexpr uint64_t kRows = uint64_t{3} << 18;  // 12 MiB, of 16 bytes each
  std::string text;
  for (uint64_t i = 0; i < kRows; ++i) {
    text += "1 1:0.123456789\n";
  }
  const std::string path = write(folder, "a.svm", text);
  SvmlightReader reader({{path}}, {.threads = 2});
  std::vector<uint64_t> rows;
  while (const auto part = reader.next(nothing)) {
    rows.push_back(part->rows.rows());
  }
  EXPECT_EQ(std::accumulate(rows.begin(), rows.end(), uint64_t{0}), kRows);
  EXPECT_TRUE(std::is_sorted(rows.rbegin(), rows.rend()));
  EXPECT_EQ(rows.front(), kRows / 4);
  EXPECT_LE(rows.back(), kRows / 8);
}

TEST(SvmlightReader, GivesEachLineToTheSpanThatItBeginsIn) {
  const TempDir folder;
  const std::string text = some_rows(30, false);
  const std::string path = write(folder, "a.svm", text);
  const Read whole = read({{path}}, {});
  for (uint64_t cut = 0; cut <= text.size(); cut += 3) {
    EXPECT_EQ(read({{path, 0, cut}, {path, cut}}, {.threads = 2}), whole) << cut;
  }
}

TEST(SvmlightReader, ReadsLinesThatAreLongerThanBlocksAndParts) {
  const TempDir folder;
  std::string text = "1";
  for (int i = 1; i <= 40000; ++i) {
    text += " " + std::to_string(i) + ":0.5";
  }
  const std::string path = write(folder, "a.svm", text + "\n2 1:1\n");
  const Read found =
      read({{path}}, {.threads = 2, .part_bytes = 1000, .block_bytes = kSmallestBlock});
  EXPECT_EQ(found.labels, (std::vector<double>{1, 2}));
  EXPECT_EQ(found.lengths, (std::vector<int64_t>{40000, 1}));
  EXPECT_EQ(found.indices[39999], 40000);
}

TEST(SvmlightReader, ReadsFilesInOrderAndSaysWhichOneIsRead) {
  const TempDir folder;
  const std::string first = write(folder, "a.svm", "1 1:1\n");
  const std::string empty = write(folder, "b.svm", "");
  const std::string second = write(folder, "c.svm", "2 3:1");
  SvmlightReader reader({{first}, {empty}, {second}}, {.threads = 2});
  const auto one = reader.next(nothing);
  const auto two = reader.next(nothing);
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->span, 0U);
  EXPECT_EQ(two->span, 2U);
  EXPECT_EQ(two->rows.labels[0], 2);
  EXPECT_FALSE(reader.next(nothing));
}

TEST(SvmlightReader, GuessesTheBaseUntilItSeesAZero) {
  const TempDir folder;
  const std::string path = write(folder, "a.svm", "1 1:1\n2 0:1\n3 5:1\n");
  SvmlightReader reader({{path}}, {.guess_base = true, .part_bytes = 6});
  const auto first = reader.next(nothing);
  const auto second = reader.next(nothing);
  const auto third = reader.next(nothing);
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(first->rows.indices[0] + first->rows.base, 1);
  EXPECT_EQ(second->rows.lowest_index, 0);
  EXPECT_EQ(third->rows.indices[0] + third->rows.base, 5);
  EXPECT_EQ(first->rows.base, 1);
}

TEST(SvmlightReader, LooksAtIndicesAlone) {
  const TempDir folder;
  const std::string path = write(folder, "a.svm", some_rows(100, true));
  SvmlightReader reader({{path}}, {.keep_rows = false});
  const auto part = reader.next(nothing);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->rows.rows(), 0U);
  EXPECT_GT(part->rows.highest_index, 1000);
}

TEST(SvmlightReader, SaysFileLineAndColumnOfAFault) {
  const TempDir folder;
  const std::string good = some_rows(300, true);
  const std::string path = write(folder, "a.svm", good + "5 1:2 3:spam\n" + good);
  const auto lines = static_cast<uint64_t>(std::count(good.begin(), good.end(), '\n'));
  for (const uint64_t part_bytes : {10U, 100000000U}) {
    const Error error = expect_error(
        ErrorCode::kCorrupt,
        {path + ", line " + std::to_string(lines + 1) + ", column 9: the value 'spam'"},
        [&] { read({{path}}, {.threads = 2, .part_bytes = part_bytes}); });
    EXPECT_EQ(error.context().file, path);
    EXPECT_EQ(error.context().offset, good.size() + 8);
  }
}

TEST(SvmlightReader, RefusesWhatIsNoFile) {
  const TempDir folder;
  expect_error(ErrorCode::kInvalid, {"a directory"}, [&] { read({{folder.path()}}, {}); });
  expect_error(ErrorCode::kNotFound, {"none.svm"}, [&] { read({{folder.path("none.svm")}}, {}); });
}

TEST(SvmlightReader, FindsThatAFileBecameShorterOrAnother) {
  const TempDir folder;
  const std::string path = write(folder, "a.svm", some_rows(300, true));
  SvmlightReader shorter({{path}}, {});
  std::filesystem::resize_file(path, 100);
  expect_error(ErrorCode::kTruncated, {path}, [&] { shorter.next(nothing); });
  SvmlightReader replaced({{path}}, {});
  std::filesystem::rename(write(folder, "b.svm", some_rows(300, true)), path);
  expect_error(ErrorCode::kCorrupt, {"replaced"}, [&] { replaced.next(nothing); });
}

TEST(SvmlightReader, StopsWhereThePollThrows) {
  const TempDir folder;
  const std::string path = write(folder, "a.svm", some_rows(300, true));
  SvmlightReader reader({{path}}, {});
  EXPECT_THROW(reader.next([] { throw std::runtime_error("Ctrl-C"); }), std::runtime_error);
  EXPECT_TRUE(reader.next(nothing)) << "nothing is lost";
}

}  // namespace
}  // namespace headrace
