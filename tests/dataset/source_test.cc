#include "dataset/source.h"

#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

// Counts how often it is opened; fails the first `failures` times.
class CountingSource : public Source {
 public:
  explicit CountingSource(int failures) : Source(1), failures_(failures) {}

  DType dtype(size_t /*column*/) const noexcept override { return DType::kUint8; }
  std::string file(size_t /*column*/) const override { return file_; }
  void read(size_t, uint64_t, uint64_t, std::byte*, OpenFiles&) const override {}

  int opens() const { return opens_.load(); }

 protected:
  std::unique_ptr<const OpenSource> do_open() const override {
    if (opens_.fetch_add(1) < failures_) {
      throw Error(ErrorCode::kIo, "not yet");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // long enough for others to come
    return std::make_unique<OpenSource>();
  }

 private:
  int failures_;
  std::string file_;
  mutable std::atomic<int> opens_{0};
};

TEST(Source, OpensAtTheFirstCallOnly) {
  const CountingSource source(0);
  EXPECT_EQ(source.opened(), nullptr);
  const OpenSource& open = source.open();
  EXPECT_EQ(source.opened(), &open);
  EXPECT_EQ(&source.open(), &open);
  EXPECT_EQ(source.opens(), 1);
}

TEST(Source, GivesAllThreadsTheSame) {
  for (int round = 0; round < 50; ++round) {
    const CountingSource source(0);
    constexpr size_t kThreads = 8;
    std::barrier together(kThreads);
    std::array<const OpenSource*, kThreads> found = {};
    std::vector<std::thread> threads;
    for (size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        together.arrive_and_wait();
        found[t] = &source.open();
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    for (const OpenSource* open : found) {
      ASSERT_EQ(open, source.opened());
    }
  }
}

TEST(Source, CanBeTriedAgainAfterAFailure) {
  const CountingSource source(2);
  expect_error(ErrorCode::kIo, {"not yet"}, [&] { source.open(); });
  EXPECT_EQ(source.opened(), nullptr);
  expect_error(ErrorCode::kIo, {"not yet"}, [&] { source.open(); });
  source.open();
  EXPECT_EQ(source.opens(), 3);
}

TEST(ArraySource, ShowsTheArraysAsTheyAre) {
  const std::vector<uint16_t> values = {1, 2, 3, 4, 5, 6};
  const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
  // Every second value, backwards.
  const PieceRows rows{bytes + 8, -4, nullptr};
  const ArraySource source(3, {{Buffer(), rows, 2, DType::kUint16}});
  EXPECT_EQ(source.rows(), 3U);
  EXPECT_EQ(source.dtype(0), DType::kUint16);
  EXPECT_EQ(source.file(0), "");
  const OpenSource& open = source.open();
  EXPECT_EQ(open.columns.at(0).rows, rows.rows);
  EXPECT_EQ(open.columns.at(0).stride, -4);
  EXPECT_TRUE(open.maps.empty());
  OpenFiles files;
  std::array<uint16_t, 2> out = {};
  source.read(0, 1, 2, reinterpret_cast<std::byte*>(out.data()), files);
  EXPECT_EQ(out, (std::array<uint16_t, 2>{3, 1}));
}

TEST(ArraySource, KeepsTheOwnersOfItsArrays) {
  auto owner = std::make_shared<int>(1);
  {
    const ArraySource source(
        1, {{Buffer(owner, reinterpret_cast<std::byte*>(owner.get()), 4),
             PieceRows{reinterpret_cast<std::byte*>(owner.get()), 4, nullptr}, 4, DType::kInt32}});
    source.open();
    EXPECT_EQ(owner.use_count(), 2);
  }
  EXPECT_EQ(owner.use_count(), 1);
}

TEST(FileSource, MapsItsFilesWhenOpened) {
  const TempDir dir;
  const std::string path = dir.write("a", std::vector<uint32_t>{9, 10, 11, 12});
  const FileSource source(3, {{path, 4, 4, DType::kUint32}});
  EXPECT_EQ(source.file(0), path);
  EXPECT_EQ(source.dtype(0), DType::kUint32);
  const OpenSource& open = source.open();
  ASSERT_EQ(open.maps.size(), 1U);
  EXPECT_EQ(open.columns.at(0).stride, 4);
  EXPECT_EQ(open.columns.at(0).rows, open.maps.front()->data() + 4);
  EXPECT_EQ(std::to_integer<int>(*open.columns.at(0).rows), 10);
}

TEST(FileSource, ReadsWithoutAMap) {
  const TempDir dir;
  const std::string path = dir.write("a", std::vector<uint32_t>{9, 10, 11, 12});
  const FileSource source(3, {{path, 4, 4, DType::kUint32}}, Io::kPread);
  EXPECT_EQ(source.open().maps.at(0), nullptr);
  EXPECT_EQ(source.open().columns.at(0).rows, nullptr);
  OpenFiles files;
  std::array<uint32_t, 2> out = {};
  source.read(0, 1, 2, reinterpret_cast<std::byte*>(out.data()), files);
  EXPECT_EQ(out, (std::array<uint32_t, 2>{11, 12}));
  expect_error(ErrorCode::kTruncated, {path},
               [&] { source.read(0, 2, 2, reinterpret_cast<std::byte*>(out.data()), files); });
}

TEST(FileSource, ThatMustBeMappedSaysWhatPreventsIt) {
  const TempDir dir;
  const std::string path = dir.fill("a", 0);
  expect_error(ErrorCode::kUnsupported, {path, "cannot be mapped", "io=\"auto\""}, [&] {
    FileSource(0, {{path, 0, 4, DType::kUint32}}, Io::kMmap).open();
  });
}

TEST(FileSource, AsksForRowsWithAMapAndWithout) {
  const TempDir dir;
  const std::string path = dir.write("a", std::vector<uint32_t>(5000, 9));
  for (const Io io : {Io::kMmap, Io::kPread}) {
    const FileSource source(5000, {{path, 0, 4, DType::kUint32}}, io);
    OpenFiles files;
    for (const Advice advice : {Advice::kWillNeed, Advice::kUsed}) {
      source.advise(0, 0, 5000, advice, files);
      source.advise(0, 4999, 1, advice, files);
    }
    EXPECT_NE(source.opened(), nullptr);
  }
}

TEST(FileSource, OfAFileThatIsNotThereYetCanBeTriedAgain) {
  const TempDir dir;
  const FileSource source(2, {{dir.path("a"), 0, 4, DType::kUint32}});
  expect_error(ErrorCode::kNotFound, {dir.path("a")}, [&] { source.open(); });
  dir.fill("a", 7);
  const Error error =
      expect_error(ErrorCode::kTruncated, {dir.path("a"), "8", "7"}, [&] { source.open(); });
  EXPECT_EQ(error.context().file, dir.path("a"));
  dir.fill("a", 8);
  EXPECT_NE(source.open().columns.at(0).rows, nullptr);
}

TEST(NumberSource, IsTheNumbersOfItsRows) {
  const NumberSource source(uint64_t{1} << 40);
  EXPECT_TRUE(source.is_numbers());
  EXPECT_EQ(source.dtype(0), DType::kInt64);
  EXPECT_EQ(source.file(0), "");
  EXPECT_EQ(source.open().columns.at(0).rows, nullptr);
  source.check_files();
  OpenFiles files;
  std::array<int64_t, 3> numbers = {};
  source.read(0, (uint64_t{1} << 40) - 3, 3, reinterpret_cast<std::byte*>(numbers.data()), files);
  const int64_t last = (int64_t{1} << 40) - 1;
  EXPECT_EQ(numbers, (std::array<int64_t, 3>{last - 2, last - 1, last}));
}

TEST(WriteNumbers, NeedsNoAlignment) {
  std::array<std::byte, 17> bytes = {};
  write_numbers(7, 2, bytes.data() + 1);
  std::array<int64_t, 2> numbers = {};
  std::memcpy(numbers.data(), bytes.data() + 1, sizeof(numbers));
  EXPECT_EQ(numbers, (std::array<int64_t, 2>{7, 8}));
}

}  // namespace
}  // namespace headrace
