#include "dataset/file_hashes.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/read_calls.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

using enum FileHashes::Whole;

constexpr uint64_t kBytes = uint64_t{3} << 20;

const Poll kNoPoll = [] {};

class FileHashing : public testing::Test {
 protected:
  FileHashing() {
    for (uint64_t i = 0; i < kBytes; ++i) {
      bytes_.push_back(static_cast<std::byte>(hash_words({i}) & 0xFF));
    }
    file_.emplace(dir_.write("file", bytes_));
  }

  uint64_t expected(const Place& place) const {
    return hash_bytes(std::span(bytes_).subspan(place.offset, place.bytes));
  }

  TempDir dir_;
  std::vector<std::byte> bytes_;
  std::optional<File> file_;
};

TEST_F(FileHashing, GivesTheHashesOfPartsAndOfTheWholeInOnePass) {
  const std::vector<Place> parts = {{1, 7}, {64, 1'000'000}, {1'500'000, 0}, {2'000'000, 700'000}};
  FileHashes hashes(*file_, kYes, kNoPoll);
  const uint64_t read = bytes_read_by([&] {
    for (const Place& part : parts) {
      EXPECT_EQ(hashes.part(part), expected(part)) << part.offset;
    }
    EXPECT_EQ(hashes.whole(), hash_bytes(bytes_));
  });
  EXPECT_GE(read, kBytes);
  EXPECT_LT(read, kBytes + kBytes / 10);
}

TEST_F(FileHashing, ReadsPartsAloneWhereTheWholeIsNotWanted) {
  FileHashes hashes(*file_, kNo, kNoPoll);
  const uint64_t read = bytes_read_by([&] {
    EXPECT_EQ(hashes.part({2'000'000, 10}), expected({2'000'000, 10}));
  });
  EXPECT_LT(read, kBytes / 10);
}

TEST_F(FileHashing, IsRightForPartsInAnyOrder) {
  FileHashes hashes(*file_, kYes, kNoPoll);
  for (const Place& part : {Place{2'000'000, 9}, Place{10, 900'000}, Place{1'999'990, 600'000}}) {
    EXPECT_EQ(hashes.part(part), expected(part)) << part.offset;
  }
  EXPECT_EQ(hashes.whole(), hash_bytes(bytes_));
}

TEST_F(FileHashing, LeavesTheBytesOfAPartWhereTheyAreWanted) {
  FileHashes hashes(*file_, kYes, kNoPoll);
  std::vector<std::byte> kept(700'000);
  EXPECT_EQ(hashes.part({1'000'000, kept.size()}, kept.data()), expected({1'000'000, kept.size()}));
  EXPECT_TRUE(std::equal(kept.begin(), kept.end(), bytes_.begin() + 1'000'000));
  EXPECT_EQ(hashes.whole(), hash_bytes(bytes_));
}

TEST_F(FileHashing, PollsOftenAndStopsWhereThatThrows) {
  int calls = 0;
  const Poll third = [&] {
    if (++calls == 3) {
      throw std::runtime_error("stop");
    }
  };
  FileHashes hashes(*file_, kYes, third);
  EXPECT_THROW(hashes.part({0, kBytes}), std::runtime_error);
  EXPECT_EQ(calls, 3);
}

TEST_F(FileHashing, NamesAFileThatBecameShorter) {
  FileHashes hashes(*file_, kYes, kNoPoll);
  std::filesystem::resize_file(file_->path(), kBytes - 1);
  expect_error(ErrorCode::kTruncated, {"file"}, [&] { hashes.whole(); });
}

}  // namespace
}  // namespace headrace
