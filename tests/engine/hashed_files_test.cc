#include "engine/hashed_files.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

void nothing() {}

std::shared_ptr<const TextHasher> characters(uint64_t most) {
  return std::make_shared<const TextHasher>(TextHasher::Options{
      .analyzer = Analyzer::kChar, .ngrams = {1, most}, .counted = {.columns = 1 << 10}});
}

std::string write(const TempDir& folder, const std::string& name, const std::string& text) {
  return folder.write(name, std::as_bytes(std::span(text)));
}

// Lines of text, `bytes` of them together at least.
std::string lines_of(uint64_t bytes) {
  std::string text;
  for (uint64_t i = 0; text.size() < bytes; ++i) {
    text += std::string(i * 7919 % 3001, static_cast<char>('a' + i % 26)) + "x\n";
  }
  return text;
}

struct Parts {
  uint64_t parts = 0;
  uint64_t rows = 0;
  std::vector<int32_t> indices = {};
};

Parts parts_of(HashedFiles files) {
  Parts found;
  while (const auto matrix = files.next(nothing)) {
    ++found.parts;
    found.rows += matrix->rows;
    const size_t before = found.indices.size();
    found.indices.resize(before + matrix->entries);
    std::memcpy(found.indices.data() + before, matrix->indices.get(),
                matrix->entries * sizeof(int32_t));
  }
  EXPECT_FALSE(files.next(nothing).has_value()) << "asked again behind the end";
  return found;
}

TEST(HashedFiles, GivesTheRowsOfAllFilesInOrder) {
  const TempDir folder;
  const std::vector<std::string> paths = {write(folder, "a", "one\n\ntwo\n"),
                                          write(folder, "b", ""), write(folder, "c", "three")};
  const Parts found = parts_of({characters(2), paths, TextSplit::kLine, 2});
  EXPECT_EQ(found.parts, 1U);
  EXPECT_EQ(found.rows, 4U);

  HashedText expected(characters(2), 1);
  const std::vector<std::string_view> documents = {"one", "", "two", "three"};
  expected.add(
      documents, [](uint64_t, const Utf8Fault&) { return Error(ErrorCode::kInvalid, ""); },
      nothing);
  EXPECT_EQ(found.indices.size(), expected.take().entries);
}

TEST(HashedFiles, HasPartsThatAreSmallerTheMoreNgramsThereAre) {
  const TempDir folder;
  const std::string text = lines_of(6 << 20);
  const std::string path = write(folder, "lines", text);
  const auto lines = static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n'));
  const Parts few = parts_of({characters(1), {path}, TextSplit::kLine, 2});
  const Parts many = parts_of({characters(4), {path}, TextSplit::kLine, 2});
  EXPECT_EQ(few.rows, lines);
  EXPECT_EQ(many.rows, lines);
  EXPECT_EQ(few.parts, 2U);   // of 4 MiB
  EXPECT_GE(many.parts, 6U);  // of 1 MiB
}

TEST(HashedFiles, NamesTheFileAndTheByteOfALaterPart) {
  const TempDir folder;
  const std::string text = lines_of(5 << 20);
  const std::string path = write(folder, "lines", text + "bad \xFF\n");
  HashedFiles files(characters(4), {path}, TextSplit::kLine, 2);
  const Error error = expect_error(ErrorCode::kInvalid, {"lines"}, [&] {
    while (files.next(nothing)) {
    }
  });
  EXPECT_EQ(error.context().file, path);
  EXPECT_EQ(error.context().offset, text.size() + 4);
}

}  // namespace
}  // namespace headrace
