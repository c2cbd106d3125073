#include "engine/text_file_reader.h"

#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

using Texts = std::vector<std::string>;

std::string write(const TempDir& folder, const std::string& name, const std::string& text) {
  return folder.write(name, std::as_bytes(std::span(text)));
}

Texts documents_of(TextFileReader reader) {
  Texts documents;
  for (auto block = reader.next(); !block.empty(); block = reader.next()) {
    documents.insert(documents.end(), block.begin(), block.end());
  }
  EXPECT_TRUE(reader.next().empty()) << "asked again behind the end";
  return documents;
}

TEST(TextFileReader, ReadsFilesOneAfterAnother) {
  const TempDir folder;
  const std::vector<std::string> paths = {write(folder, "a", "one\ntwo\r\n\nfour"),
                                          write(folder, "b", ""), write(folder, "c", "five\n")};
  EXPECT_EQ(documents_of({paths, TextSplit::kLine}), (Texts{"one", "two", "", "four", "five"}));
  EXPECT_EQ(documents_of({paths, TextSplit::kParagraph}), (Texts{"one\ntwo", "four", "five"}));
  EXPECT_EQ(documents_of({paths, TextSplit::kFile}), (Texts{"one\ntwo\r\n\nfour", "", "five\n"}));
  EXPECT_TRUE(documents_of({{}, TextSplit::kLine}).empty());
  EXPECT_TRUE(documents_of({{paths[1]}, TextSplit::kLine}).empty());
}

TEST(TextFileReader, ReadsFilesLargerThanABlock) {
  const TempDir folder;
  Texts expected;
  std::string text;
  for (uint64_t i = 0; text.size() < TextFileReader::kBlockBytes * 5 / 2; ++i) {
    expected.push_back(std::string(i * 7919 % 20'011, static_cast<char>('a' + i % 26)));
    text += expected.back() + (i % 3 == 0 ? "\r\n" : "\n");
  }
  const std::string path = write(folder, "large", text);
  EXPECT_EQ(documents_of({{path}, TextSplit::kLine}), expected);
  EXPECT_EQ(documents_of({{path, path}, TextSplit::kLine}).size(), 2 * expected.size());
}

TEST(TextFileReader, HoldsOneBlockWhateverTheFileHas) {
  const TempDir folder;
  const std::string path =
      write(folder, "lines", std::string(TextFileReader::kBlockBytes + 5, '\n'));
  TextFileReader reader({path}, TextSplit::kLine);
  uint64_t rows = 0;
  for (auto block = reader.next(); !block.empty(); block = reader.next()) {
    EXPECT_LE(block.size(), TextFileReader::kBlockDocuments);
    rows += block.size();
  }
  EXPECT_EQ(rows, TextFileReader::kBlockBytes + 5);
}

TEST(TextFileReader, TakesDocumentsLongerThanABlockUpToALimit) {
  const TempDir folder;
  const std::string blank(TextFileReader::kBlockBytes, '\n');
  const std::string longer(TextFileReader::kBlockBytes + 5, 'x');
  const std::string path = write(folder, "longer", "a\n\n" + blank + longer + "\n\nb");
  EXPECT_EQ(documents_of({{path}, TextSplit::kParagraph}), (Texts{"a", longer, "b"}));
  const std::string huge = write(folder, "huge", "a\n" + std::string(40 << 20, 'x'));
  TextFileReader reader({huge}, TextSplit::kLine);
  EXPECT_EQ(reader.next().size(), 1U);
  const Error error = expect_error(ErrorCode::kUnsupported, {huge, "line", "byte 2", "16 MiB"},
                                   [&] { static_cast<void>(reader.next()); });
  EXPECT_EQ(error.context().offset, 2U);
  EXPECT_EQ(error.context().file, huge);
}

TEST(TextFileReader, NamesTheFileAndTheByteThatIsNotUtf8) {
  const TempDir folder;
  const std::string blank(TextFileReader::kBlockBytes, '\n');
  const std::vector<std::string> paths = {write(folder, "a", "good"), write(folder, "b", ""),
                                          write(folder, "c",
                                                blank + "good\nb\xFF"
                                                        "d\n")};
  TextFileReader reader(paths, TextSplit::kParagraph);
  std::vector<Error> errors;
  for (auto block = reader.next(); !block.empty(); block = reader.next()) {
    for (size_t i = 0; i < block.size(); ++i) {
      if (block[i] != "good") {
        errors.push_back(reader.invalid(i, {.offset = 6, .length = 1}));
      }
    }
  }
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].context().file, paths[2]);
  EXPECT_EQ(errors[0].context().offset, TextFileReader::kBlockBytes + 6);
}

TEST(TextFileReader, NamesFilesThatCannotBeRead) {
  const TempDir folder;
  const std::string missing = folder.path("missing");
  TextFileReader reader({missing}, TextSplit::kLine);
  expect_error(ErrorCode::kNotFound, {missing}, [&] { static_cast<void>(reader.next()); });
  TextFileReader directory({folder.path()}, TextSplit::kLine);
  expect_error(ErrorCode::kInvalid, {folder.path(), "directory"},
               [&] { static_cast<void>(directory.next()); });
}

}  // namespace
}  // namespace headrace
