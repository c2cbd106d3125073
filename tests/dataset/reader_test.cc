#include "dataset/reader.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/column_views.h"
#include "dataset/fingerprint.h"
#include "dataset/views.h"
#include "dataset/windows.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;

uint64_t page_rows() { return static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) / sizeof(int64_t); }

// Files that cannot be mapped: everything goes through read(). Some columns may still be mapped.
class UnmappedSource : public FileSource {
 public:
  UnmappedSource(uint64_t rows, std::vector<StoredRows> files, std::set<size_t> mapped)
      : FileSource(rows, std::move(files)), mapped_(std::move(mapped)) {}

  uint64_t reads() const { return reads_.load(); }

  void read(size_t column, uint64_t first, uint64_t rows, std::byte* out,
            OpenFiles& files) const override {
    ++reads_;
    FileSource::read(column, first, rows, out, files);
  }

 protected:
  std::unique_ptr<const OpenSource> do_open() const override {
    auto open = std::make_unique<OpenSource>(*FileSource::do_open());
    for (size_t c = 0; c < open->columns.size(); ++c) {
      if (!mapped_.contains(c)) {
        open->columns[c] = PieceRows();
        open->maps[c] = nullptr;
      }
    }
    return open;
  }

 private:
  std::set<size_t> mapped_;
  mutable std::atomic<uint64_t> reads_{0};
};

std::shared_ptr<UnmappedSource> unmapped(const TempDir& dir, const std::string& stem,
                                         const std::vector<Values>& columns,
                                         std::set<size_t> mapped = {}) {
  std::vector<StoredRows> files;
  for (const Values& values : columns) {
    files.push_back({dir.write(stem + values.field.name, values.bytes), 0, values.field.row_bytes(),
                     values.field.dtype});
  }
  return std::make_shared<UnmappedSource>(columns.front().rows(), std::move(files),
                                          std::move(mapped));
}

DatasetPtr dataset_of(const std::shared_ptr<const Source>& source,
                      const std::vector<Values>& columns) {
  std::vector<DatasetColumn> shown;
  for (const Values& values : columns) {
    shown.push_back({.field = values.field,
                     .group = 0,
                     .column = static_cast<uint32_t>(shown.size()),
                     .casts = {}});
  }
  return std::make_shared<Dataset>(
      std::move(shown),
      std::vector{RowSpace::table(
          {{.source = source, .first = 0, .rows = source->rows(), .columns = nullptr}})});
}

TEST(Reader, ReadsRowsOfSeveralGroups) {
  const TempDir dir;
  const std::vector<Values> left = {counting("a", 30), random_floats("b", 30, {3}, 1)};
  const std::vector<Values> middle = {random_floats("c", 30, {2, 2}, 2)};
  const std::vector<Values> right = {counting("d", 30, 100)};
  const DatasetPtr dataset = zip(
      {in_files(dir, "l", left, {10, 20}), in_memory(middle), in_files(dir, "r", right, {29, 1})});
  ASSERT_EQ(dataset->groups().size(), 3U);
  expect_shows(dataset, {left[0], left[1], middle[0], right[0]}, 7);
  // A map on top is applied once and serves all groups; one below another too.
  const DatasetPtr backwards = slice(dataset, 29, 30, -1);
  EXPECT_EQ(numbers<int64_t>(backwards, 3, {0, 29}), (std::vector<int64_t>{129, 100}));
  const DatasetPtr twice = slice(backwards, 0, 15, 2);
  EXPECT_EQ(numbers<int64_t>(twice, 0, {0, 1}), (std::vector<int64_t>{29, 27}));
  EXPECT_EQ(numbers<int64_t>(twice, 3, {0, 1}), (std::vector<int64_t>{129, 127}));
}

TEST(Reader, AppliesTheMapOfEachGroup) {
  const DatasetPtr plain = in_memory({counting("a", 10)});
  const DatasetPtr turned = slice(in_memory({counting("b", 10)}), 9, 10, -1);
  const DatasetPtr doubled = slice(in_memory({counting("c", 19)}), 0, 10, 2);
  const DatasetPtr dataset = zip({turned, plain, doubled, rename(turned, {"d"})});
  EXPECT_EQ(numbers<int64_t>(dataset, 0, {2, 3}), (std::vector<int64_t>{7, 6}));
  EXPECT_EQ(numbers<int64_t>(dataset, 1, {2, 3}), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(numbers<int64_t>(dataset, 2, {2, 3}), (std::vector<int64_t>{4, 6}));
  EXPECT_EQ(numbers<int64_t>(dataset, 3, {2, 3}), (std::vector<int64_t>{7, 6}));
}

TEST(Reader, SkipsColumnsWithoutAPlace) {
  const TempDir dir;
  const std::vector<Values> columns = {counting("a", 4), counting("b", 4, 10)};
  const DatasetPtr dataset =
      zip({in_files(dir, "l", {columns[0]}, {4}), in_files(dir, "r", {columns[1]}, {4})});
  fs::remove(dir.path("l-a-0.bin"));  // a group that nobody asks for is not opened
  Outs outs(*dataset, 2);
  outs.skip(0);
  Reader(dataset).read(std::vector<uint64_t>{3, 1}, outs.pointers());
  EXPECT_EQ(outs.bytes(1), chosen(columns[1], {3, 1}).bytes);
  EXPECT_EQ(outs.bytes(0), std::vector<std::byte>(16, std::byte{0xEE}));
}

TEST(Reader, SkipsColumnsOfAGroupThatIsRead) {
  const std::vector<Values> columns = {counting("a", 4), counting("b", 4, 10)};
  const DatasetPtr dataset = in_memory(columns);
  Outs outs(*dataset, 2);
  outs.skip(0);
  Reader(dataset).read(std::vector<uint64_t>{3, 1}, outs.pointers());
  EXPECT_EQ(outs.bytes(1), chosen(columns[1], {3, 1}).bytes);
  EXPECT_EQ(outs.bytes(0), std::vector<std::byte>(16, std::byte{0xEE}));
}

TEST(Reader, ReadsNoRows) {
  const DatasetPtr dataset = in_memory({counting("a", 4)});
  EXPECT_TRUE(read_rows(dataset, {}).bytes(0).empty());
}

TEST(Reader, ReadsFilesThatCannotBeMapped) {
  const TempDir dir;
  const std::vector<Values> columns = {counting("a", 40), random_floats("b", 40, {5}, 3)};
  for (const std::set<size_t>& mapped : {std::set<size_t>{}, {0}, {1}, {0, 1}}) {
    const auto source = unmapped(dir, "u", columns, mapped);
    const DatasetPtr dataset = dataset_of(source, columns);
    expect_shows(dataset, columns, 5);
    EXPECT_EQ(source->reads() > 0, mapped.size() < 2);
  }
}

TEST(Reader, MixesMappedAndUnmappedPiecesWithConversions) {
  const TempDir dir;
  const Values all = random_floats("a", 60, {3}, 4);
  const Values upper = chosen(all, range(30, 30));
  const DatasetPtr lower = in_files(dir, "m", {chosen(all, range(0, 30))}, {10, 20});
  const DatasetPtr dataset = concat({lower, dataset_of(unmapped(dir, "u", {upper}), {upper})});
  expect_shows(dataset, {all}, 6);
  const std::vector<uint64_t> rows = {59, 0, 1, 2, 30, 31, 5, 58};
  const auto floats = numbers<float>(dataset, 0, rows);
  const auto doubles = numbers<double>(cast(dataset, {DType::kFloat64}), 0, rows);
  EXPECT_EQ(doubles, std::vector<double>(floats.begin(), floats.end()));
}

TEST(Reader, ReadsWindowsOfFilesThatCannotBeMapped) {
  const TempDir dir;
  const std::vector<Values> columns = {counting("a", 40), random_floats("b", 40, {5}, 3)};
  const auto source = unmapped(dir, "u", columns, {0});
  const DatasetPtr whole = dataset_of(source, columns);
  const DatasetPtr dataset = windows(whole, {.length = 7, .stride = 3, .within = {}});
  std::vector<uint64_t> starts;
  for (uint64_t start = 0; start + 7 <= 40; start += 3) {
    starts.push_back(start);
  }
  expect_shows(dataset, {windowed(columns[0], 7, starts), windowed(columns[1], 7, starts)}, 5);
  EXPECT_GT(source->reads(), 0U);
  const auto ids = numbers<float>(cast(dataset, {DType::kFloat32, DType::kFloat64}), 0, {1});
  EXPECT_EQ(ids, (std::vector<float>{3, 4, 5, 6, 7, 8, 9}));
}

TEST(Reader, ReadsABatchOfMoreRunsThanItLocatesAtOnce) {
  // Every stored row is a run of its own: 300 * 1,000 of them, in parts of 65 windows.
  const Values values = counting("a", 1300);
  const DatasetPtr turned = slice(in_memory({values}), 1299, 1300, -1);
  const DatasetPtr dataset = windows(turned, {.length = 1000, .stride = 1, .within = {}});
  const std::vector<uint64_t> found = all_numbers<uint64_t>(dataset);
  ASSERT_EQ(found.size(), 301U * 1000U);
  for (uint64_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i], 1299 - (i / 1000 + i % 1000)) << i;
  }
}

TEST(Reader, ConvertsRowIdsAndSkipsThem) {
  const std::vector<Values> columns = {counting("a", 9, 100)};
  const DatasetPtr dataset = cast(with_row_ids(in_memory(columns), "row"),  //
                                  {DType::kInt64, DType::kFloat32});
  EXPECT_EQ(numbers<float>(dataset, 1, {8, 0, 1, 2}), (std::vector<float>{8, 0, 1, 2}));
  Outs outs(*dataset, 2);
  outs.skip(1);
  Reader(dataset).read(range(0, 2), outs.pointers());
  EXPECT_EQ(outs.bytes(0), chosen(columns[0], {0, 1}).bytes);
  EXPECT_EQ(outs.bytes(1), std::vector<std::byte>(8, std::byte{0xEE}));
}

TEST(Reader, NamesTheFileThatCannotBeOpenedAndGoesOnWhenItIsBack) {
  const TempDir dir;
  const Values values = counting("x", 10);
  const DatasetPtr dataset = in_files(dir, "f", {values}, {4, 6});
  const std::string bytes_path = dir.path("f-x-1.bin");
  fs::rename(bytes_path, dir.path("away"));
  Reader reader(dataset);
  Outs outs(*dataset, 10);
  const Error error = expect_error(ErrorCode::kNotFound, {bytes_path},
                                   [&] { reader.read(range(0, 10), outs.pointers()); });
  EXPECT_EQ(error.context().file, bytes_path);
  fs::rename(dir.path("away"), bytes_path);
  reader.read(range(0, 10), outs.pointers());
  EXPECT_EQ(outs.bytes(0), values.bytes);
}

// A dataset of two files of 8 pages each; the second is cut after it was mapped.
class CutFile : public testing::Test {
 protected:
  CutFile()
      : rows_(8 * page_rows()),
        values_(counting("x", 2 * rows_)),
        dataset_(in_files(dir_, "f", {values_}, {rows_, rows_})) {
    read_rows(dataset_, {0, 2 * rows_ - 1});
    fs::resize_file(path(), page_rows() * sizeof(int64_t));
  }

  std::string path() const { return dir_.path("f-x-1.bin"); }

  // Reads rows that are there. A look at the sizes of files, which comes every 50 ms, finds the cut
  // whatever is read: then they are read again.
  static void read_rest(Reader& reader, const std::vector<uint64_t>& rows, const Outs& outs) {
    for (int looks = 0;; ++looks) {
      try {
        reader.read(rows, outs.pointers());
        return;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kTruncated || looks == 100) {
          throw;
        }
      }
    }
  }

  TempDir dir_;
  uint64_t rows_;
  Values values_;
  DatasetPtr dataset_;
};

TEST_F(CutFile, IsATruncatedErrorThatNamesItAndTheRestCanBeRead) {
  Reader reader(dataset_);
  Outs outs(*dataset_, rows_ + page_rows());
  const std::vector<uint64_t> rest = range(0, rows_ + page_rows());
  read_rest(reader, rest, outs);
  EXPECT_EQ(outs.bytes(0), chosen(values_, rest).bytes);
  for (int i = 0; i < 3; ++i) {
    const Error error =
        expect_error(ErrorCode::kTruncated, {path(), std::to_string(rows_ * 8)}, [&] {
          reader.read(std::vector<uint64_t>{0, 2 * rows_ - 1}, outs.pointers());
        });
    EXPECT_EQ(error.context().file, path());
    EXPECT_EQ(error.context().offset, page_rows() * sizeof(int64_t));
  }
  read_rest(reader, rest, outs);
  EXPECT_EQ(outs.bytes(0), chosen(values_, rest).bytes);
}

TEST_F(CutFile, IsFoundByAConversionToo) {
  const DatasetPtr shown = cast(dataset_, {DType::kFloat32});
  expect_error(ErrorCode::kTruncated, {path()}, [&] { read_rows(shown, {2 * rows_ - 1}); });
}

TEST_F(CutFile, IsFoundByAWindowThatReachesIt) {
  const DatasetPtr dataset = windows(dataset_, {.length = 10, .stride = 1, .within = {}});
  const uint64_t last = rows_ + page_rows() - 10;  // that ends where the file does now
  EXPECT_EQ(numbers<uint64_t>(dataset, 0, {last}), range(last, 10));
  const Error error = expect_error(ErrorCode::kTruncated, {path()}, [&] {
    read_rows(dataset, {0, last + 1});
  });
  EXPECT_EQ(error.context().file, path());
}

TEST_F(CutFile, IsAnErrorOnEveryThread) {
  std::atomic<int> truncated{0};
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Reader reader(dataset_);
      Outs outs(*dataset_, 2);
      for (int i = 0; i < 50; ++i) {
        try {
          reader.read(std::vector<uint64_t>{2 * rows_ - 1, 0}, outs.pointers());
        } catch (const Error& error) {
          truncated += error.code() == ErrorCode::kTruncated ? 1 : 0;
        }
        read_rest(reader, {3, 1}, outs);
        right += outs.bytes(0) == chosen(values_, {3, 1}).bytes ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(truncated.load(), 200);
  EXPECT_EQ(right.load(), 200);
}

TEST_F(CutFile, ThatGrewAgainIsReadWithoutACrash) {
  fs::resize_file(path(), rows_ * sizeof(int64_t));
  EXPECT_EQ(numbers<int64_t>(dataset_, 0, {2 * rows_ - 1}), std::vector<int64_t>{0});
}

TEST_F(CutFile, ThatWasThenReplacedIsAnIoErrorThatNamesIt) {
  fs::rename(dir_.fill("other", 100), path());
  const Error error =
      expect_error(ErrorCode::kIo, {path(), "map"}, [&] { read_rows(dataset_, {2 * rows_ - 1}); });
  EXPECT_EQ(error.context().file, path());
}

TEST(Reader, FindsACutInsideAPageWhenItComes) {
  // No signal is raised there: the missing bytes read as zeros, and only a look at the size helps.
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "f", {counting("x", 100)}, {40, 60});
  Reader reader(dataset);
  Outs outs(*dataset, 100);
  using Clock = std::chrono::steady_clock;
  // Long enough for a look or two that find nothing.
  for (const auto end = Clock::now() + std::chrono::milliseconds(150); Clock::now() < end;) {
    reader.read(range(0, 100), outs.pointers());
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  fs::resize_file(dir.path("f-x-1.bin"), 472);
  const auto end = Clock::now() + std::chrono::seconds(5);
  const Error error = expect_error(ErrorCode::kTruncated, {"f-x-1.bin", "480", "472"}, [&] {
    while (Clock::now() < end) {
      reader.read(range(0, 100), outs.pointers());
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  EXPECT_EQ(error.context().file, dir.path("f-x-1.bin"));
}

TEST(Reader, CheckFilesFindsACutInsideAPageAtOnce) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "f", {counting("x", 100)}, {40, 60});
  Reader reader(dataset);
  Outs outs(*dataset, 1);
  reader.read(range(99, 1), outs.pointers());
  reader.check_files();
  fs::resize_file(dir.path("f-x-0.bin"), 1);
  reader.check_files();  // not a file that this reader has opened
  fs::resize_file(dir.path("f-x-1.bin"), 479);
  expect_error(ErrorCode::kTruncated, {"f-x-1.bin", "480", "479"}, [&] { reader.check_files(); });
}

TEST(ReadRange, FindsACutInsideAPageAtOnce) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "f", {counting("x", 60)}, {60});
  read_rows(dataset, {0});
  fs::resize_file(dir.path("f-x-0.bin"), 479);
  int64_t value = 0;
  expect_error(ErrorCode::kTruncated, {"f-x-0.bin"},
               [&] { read_range(dataset, 0, 59, 1, 1, reinterpret_cast<std::byte*>(&value)); });
  expect_error(ErrorCode::kTruncated, {"f-x-0.bin"},
               [&] { static_cast<void>(fingerprint(dataset)); });
}

TEST(Reader, OfAnArrayOverACutMapSaysWhatHappened) {
  const TempDir dir;
  const uint64_t bytes = 8 * page_rows() * sizeof(int64_t);
  const auto map = MappedFile::open(File(dir.fill("a", bytes)));
  const PieceRows rows{map->data(), 8, nullptr};
  const auto source = std::make_shared<ArraySource>(
      bytes / 8, std::vector<ArraySource::Array>{{Buffer(), rows, 8, DType::kInt64}});
  const DatasetPtr dataset = dataset_of(source, {counting("x", 1)});
  fs::resize_file(dir.path("a"), 0);
  const Error error = expect_error(ErrorCode::kIo, {"from_arrays", "hr.memmap"},
                                   [&] { read_rows(dataset, {page_rows() * 3}); });
  EXPECT_EQ(error.context().file, "");
}

TEST(Reader, ReadsColdRowsAsOthersInStepsOfAnySize) {
  const TempDir dir;
  // Rows of 100 kB: a step is 41 of them.
  const std::vector<Values> columns = {counting("id", 300), random_floats("x", 300, {25'000}, 8)};
  const DatasetPtr dataset = in_files(dir, "f", columns, {100, 1, 199});
  Reader reader(dataset);
  EXPECT_LT(Reader::rows_per_step(*dataset), 50U);
  std::vector<uint64_t> order = range(0, 300);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(5));
  for (const uint64_t count : {1, 41, 42, 300}) {
    const std::vector<uint64_t> rows(order.begin(), order.begin() + static_cast<int64_t>(count));
    for (const uint64_t asked : {0, 1, 41, 1000}) {
      Outs outs(*dataset, count);
      reader.read_cold(rows, outs.pointers(), asked);
      EXPECT_EQ(outs.bytes(1), chosen(columns[1], rows).bytes) << count << " " << asked;
    }
  }
}

TEST(Reader, StopsReadingWhenPolled) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "f", {counting("id", 5000)}, {5000});
  Reader reader(dataset);
  int polls = 0;
  const Poll stop_at_third = [&polls] {
    if (++polls == 3) {
      throw Error(ErrorCode::kCancelled, "cancelled");
    }
  };
  Outs outs(*dataset, 5000);
  const std::vector<uint64_t> rows = range(0, 5000);
  expect_error(ErrorCode::kCancelled, {"cancelled"},
               [&] { reader.read_cold(rows, outs.pointers(), 0, stop_at_third); });
  EXPECT_EQ(polls, 3);
  polls = 0;
  expect_error(ErrorCode::kCancelled, {"cancelled"},
               [&] { read_range(dataset, 0, 5000, 1, outs.pointers(), stop_at_third); });
}

TEST(Reader, ReadsOneDatasetOnManyThreads) {
  const TempDir dir;
  const std::vector<Values> columns = {counting("a", 500), random_floats("b", 500, {7}, 8)};
  const DatasetPtr dataset = slice(in_files(dir, "f", columns, {1, 99, 0, 400}), 0, 500, 1);
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (uint64_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const std::vector<uint64_t> rows = range(t * 50, 100);
      const Outs outs = read_rows(dataset, rows);
      right += outs.bytes(0) == chosen(columns[0], rows).bytes &&
                       outs.bytes(1) == chosen(columns[1], rows).bytes
                   ? 1
                   : 0;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(right.load(), 8);
}

TEST(ReadRange, StepsThroughMoreRowsThanOneBlock) {
  const DatasetPtr dataset = in_memory({counting("a", 40'000), counting("b", 40'000, 7)});
  std::vector<int64_t> out(19'000);
  read_range(dataset, 1, 39'999, out.size(), -2, reinterpret_cast<std::byte*>(out.data()));
  for (size_t i = 0; i < out.size(); ++i) {
    ASSERT_EQ(out[i], 40'006 - 2 * static_cast<int64_t>(i)) << i;
  }
  read_range(dataset, 0, 5, 0, 1, nullptr);
}

}  // namespace
}  // namespace headrace
