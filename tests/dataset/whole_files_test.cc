#include "dataset/whole_files.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/extents.h"
#include "dataset/reader.h"
#include "dataset/views.h"
#include "storage/fault_guard.h"
#include "storage/open_files.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;

std::string write(const TempDir& dir, const std::string& name, const std::string& text) {
  return dir.write(name, std::as_bytes(std::span(text)));
}

DatasetPtr open(const std::vector<std::string>& paths) {
  install_fault_guard();
  return dataset_from_whole_files("data", paths);
}

// The rows that `rows` names, one after another, each in brackets.
std::string read(const DatasetPtr& dataset, const std::vector<uint64_t>& rows) {
  std::map<ColumnPart, std::vector<std::byte>> memory;
  Reader reader(dataset);
  reader.read_parts(rows, {true}, [&](size_t, ColumnPart made, uint64_t bytes) {
    memory[made].resize(bytes);
    return memory[made].data();
  });
  std::vector<int64_t> offsets(rows.size() + 1);
  std::memcpy(offsets.data(), memory[ColumnPart::kOffsets].data(), offsets.size() * 8);
  const auto* text = reinterpret_cast<const char*>(memory[ColumnPart::kValues].data());
  std::string shown;
  for (size_t i = 0; i < rows.size(); ++i) {
    shown += "[" + std::string(text + offsets[i], text + offsets[i + 1]) + "]";
  }
  return shown;
}

TEST(WholeFiles, AreTheRowsInAnyOrderAlsoEmptyAndRepeated) {
  const TempDir dir;
  const std::string a = write(dir, "a", "one");
  const std::string b = write(dir, "b", "");
  const std::string c = write(dir, "c", std::string("\0\xFF", 2));
  const DatasetPtr dataset = open({a, b, c, a});
  EXPECT_EQ(dataset->rows(), 4U);
  EXPECT_EQ(dataset->file_count(), 3U);
  EXPECT_EQ(dataset->bytes(), 8U);
  EXPECT_EQ(describe(dataset->columns().front().field), "bytes");
  EXPECT_EQ(read(dataset, {2, 0, 1, 3, 0}), std::string("[\0\xFF][one][][one][one]", 21));
  EXPECT_EQ(read(slice(dataset, 3, 2, -3), {0, 1}), "[one][one]");
  EXPECT_EQ(dataset->locate(2).file, c);
  EXPECT_EQ(dataset->locate(2).row, 0U);
}

TEST(WholeFiles, MoreThanAThreadKeepsOpenAreRead) {
  const TempDir dir;
  std::vector<std::string> paths;
  std::vector<uint64_t> rows;
  std::string expected;
  for (uint64_t i = 0; i < 3 * OpenFiles::max_open(); ++i) {
    paths.push_back(write(dir, std::to_string(i), std::string(i % 7, 'x')));
    rows.push_back(i);
    expected += "[" + std::string(i % 7, 'x') + "]";
  }
  EXPECT_EQ(read(open(paths), rows), expected);
}

TEST(WholeFiles, AreNotOpenedBeforeTheirRowsAreRead) {
  const TempDir dir;
  const std::string a = write(dir, "a", "one");
  const std::string gone = write(dir, "gone", "two");
  const std::string empty = write(dir, "empty", "");
  const DatasetPtr dataset = open({a, gone, empty});
  fs::remove(gone);
  fs::remove(empty);
  EXPECT_EQ(read(dataset, {0}), "[one]");
  for (const auto& [row, path] : {std::pair(uint64_t{1}, gone), std::pair(uint64_t{2}, empty)}) {
    const Error error = expect_error(ErrorCode::kNotFound, {path}, [&] { read(dataset, {row}); });
    EXPECT_EQ(error.context().file, path);
  }
}

// What becomes of a file between a look at it and the reading of its row.
struct Change {
  const char* name;
  ErrorCode code;
  void (*make)(const TempDir& dir, const std::string& path);
};

class ChangedFile : public testing::TestWithParam<Change> {};

TEST_P(ChangedFile, IsAnErrorThatNamesIt) {
  const TempDir dir;
  for (const std::string& text : {std::string("some text"), std::string()}) {
    if (text.empty() && GetParam().code == ErrorCode::kTruncated) {
      continue;
    }
    const std::string path = write(dir, "a", text);
    const DatasetPtr dataset = open({path});
    GetParam().make(dir, path);
    const Error error = expect_error(GetParam().code, {path, "again"}, [&] { read(dataset, {0}); });
    EXPECT_EQ(error.context().file, path);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Changes, ChangedFile,
    testing::Values(
        Change{"Shorter", ErrorCode::kTruncated,
               [](const TempDir&, const std::string& path) { fs::resize_file(path, 4); }},
        Change{"Longer", ErrorCode::kCorrupt,
               [](const TempDir&, const std::string& path) { fs::resize_file(path, 4000); }},
        Change{"Rewritten", ErrorCode::kCorrupt,
               [](const TempDir& dir, const std::string& path) {
                 write(dir, "a", std::string(fs::file_size(path), 'z'));
                 // The clock of a file system may not have moved since.
                 fs::last_write_time(path, fs::last_write_time(path) + std::chrono::seconds(1));
               }},
        Change{"Replaced", ErrorCode::kCorrupt,
               [](const TempDir& dir, const std::string& path) {
                 fs::copy_file(path, dir.path("b"));
                 fs::last_write_time(dir.path("b"), fs::last_write_time(path));
                 fs::rename(dir.path("b"), path);
               }}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(WholeFiles, ThatChangeAreNoticedWhileTheyAreKeptOpen) {
  const TempDir dir;
  const std::string path = write(dir, "a", "some text");
  const DatasetPtr dataset = open({path});
  OpenFiles files;
  const Source& source = *dataset->groups().front()->piece(0).source;
  std::vector<std::byte> out(9);
  source.read_part(0, ColumnPart::kValues, 0, out.size(), out.data(), files);
  write(dir, "a", "some text, and more");
  expect_error(ErrorCode::kCorrupt, {"had 9 bytes and has 19"},
               [&] { source.read_part(0, ColumnPart::kValues, 0, out.size(), out.data(), files); });
}

TEST(WholeFiles, MustBeFilesThatExist) {
  const TempDir dir;
  expect_error(ErrorCode::kNotFound, {"absent"}, [&] { open({dir.path("absent")}); });
  expect_error(ErrorCode::kInvalid, {dir.path(), "a directory"}, [&] { open({dir.path()}); });
  expect_error(ErrorCode::kInvalid, {"data has no files"}, [] { open({}); });
}

TEST(WholeFiles, SayWhereTheyLie) {
  const TempDir dir;
  const std::string a = write(dir, "a", "one");
  const DatasetPtr dataset = open({a, write(dir, "b", "")});
  const std::vector<Extent> extents = file_extents(*dataset);
  ASSERT_EQ(extents.size(), 1U);
  EXPECT_EQ(extents.front().rows->path.text(), a);
  EXPECT_EQ(extents.front().part, ColumnPart::kValues);
  EXPECT_EQ(extents.front().offset, 0U);
  EXPECT_EQ(extents.front().bytes, 3U);
}

TEST(WholeFiles, AreLookedAtWithPolls) {
  const TempDir dir;
  const std::string a = write(dir, "a", "one");
  expect_error(ErrorCode::kCancelled, {"stop"}, [&] {
    dataset_from_whole_files("data", {a}, [] { throw Error(ErrorCode::kCancelled, "stop"); });
  });
}

}  // namespace
}  // namespace headrace
