#include "storage/part_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <sys/stat.h>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(PartFile, HasItsSizeBeforeItsBytes) {
  const TempDir dir;
  PartFile file(dir.path("part"), 10);
  EXPECT_EQ(std::filesystem::file_size(dir.path("part")), 10U);
  file.allocate();
  file.write(4, bytes_of("wise"));
  file.write(0, bytes_of("like"));
  file.write(8, bytes_of("!!"));
  EXPECT_EQ(text_of(file.path()), "likewise!!");
}

TEST(PartFile, TakesNoBytesBeyondItsSize) {
  const TempDir dir;
  const PartFile file(dir.path("part"), 4);
  for (const uint64_t offset : {uint64_t{2}, uint64_t{5}, UINT64_MAX, UINT64_MAX - 2}) {
    expect_error(ErrorCode::kInvalid, {"do not fit"}, [&] { file.write(offset, bytes_of("abc")); });
  }
  file.write(4, {});
  EXPECT_EQ(std::filesystem::file_size(file.path()), 4U);
}

TEST(PartFile, ReplacesNothing) {
  const TempDir dir;
  dir.fill("there", 3);
  expect_error(ErrorCode::kIo, {"there", "exists"}, [&] { PartFile(dir.path("there"), 4); });
  std::filesystem::create_symlink(dir.path("elsewhere"), dir.path("link"));
  expect_error(ErrorCode::kIo, {"link"}, [&] { PartFile(dir.path("link"), 4); });
  EXPECT_FALSE(std::filesystem::exists(dir.path("elsewhere")));
}

TEST(PartFile, OfAFullDiskSaysWhatToDo) {
  const TempDir dir;
  const PartFile file(dir.path("part"), uint64_t{1} << 43);
  expect_error(ErrorCode::kIo, {"disk", "is full", "8796093022208", "are left", "cache_bytes"},
               [&] { file.allocate(); });
}

TEST(PartFile, OfAFullDiskTakesNothingOfIt) {
  const TempDir dir;
  const PartFile file(dir.path("a.part"), uint64_t{1} << 43);
  EXPECT_THROW(file.allocate(), Error);
  struct stat status = {};
  ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_blocks, 0) << "others had nothing left meanwhile";
}

TEST(PartFile, BecomesShorter) {
  const TempDir dir;
  PartFile file(dir.path("part"), 10);
  file.write(0, bytes_of("likewise"));
  file.shorten(10);
  EXPECT_EQ(file.bytes(), 10U);
  file.shorten(4);
  EXPECT_EQ(file.bytes(), 4U);
  EXPECT_EQ(text_of(file.path()), "like");
  expect_error(ErrorCode::kInvalid, {"do not fit"}, [&] { file.write(3, bytes_of("ly")); });
  file.close();
  expect_error(ErrorCode::kIo, {"part", "shorter"}, [&] { file.shorten(1); });
}

TEST(PartFile, TakesNothingAfterItWasClosed) {
  const TempDir dir;
  PartFile file(dir.path("part"), 4);
  file.close();
  expect_error(ErrorCode::kIo, {"part"}, [&] { file.write(0, bytes_of("abc")); });
}

}  // namespace
}  // namespace headrace
