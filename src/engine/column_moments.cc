#include "engine/column_moments.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "column/elementwise.h"
#include "dataset/reader.h"
#include "engine/parallel_map.h"

namespace headrace {
namespace {

// Numbers of a block, whatever the threads: it decides the last bits of the result.
constexpr uint64_t kBlockNumbers = uint64_t{1} << 17;

// What one thread reads blocks with.
class BlockReader {
 public:
  BlockReader(const DatasetPtr& dataset, size_t column)
      : reader_(dataset),
        column_(dataset->columns()[column]),
        number_(column),
        wanted_(dataset->columns().size()),
        outs_(dataset->columns().size()),
        to_double_(std::array{column_.field.dtype, DType::kFloat64}) {
    wanted_[column] = true;
  }

  // The rows [first, first + count) as doubles, until the next call.
  std::span<const double> read(uint64_t first, uint64_t count) {
    rows_.resize(count);
    std::iota(rows_.begin(), rows_.end(), first);
    bytes_.resize(count * column_.field.row_bytes());
    if (column_.gathered()) {
      outs_[number_] = bytes_.data();
      reader_.read_cold(rows_, outs_);
    } else {
      reader_.read_parts(rows_, wanted_, [this](size_t, ColumnPart, uint64_t bytes) {
        bytes_.resize(bytes);
        return bytes_.data();
      });
    }
    reader_.check_files();
    numbers_.resize(count * column_.field.row_elements());
    to_double_.apply(bytes_.data(), reinterpret_cast<std::byte*>(numbers_.data()), numbers_.size());
    return numbers_;
  }

 private:
  Reader reader_;
  const DatasetColumn& column_;
  size_t number_;
  std::vector<bool> wanted_;
  std::vector<std::byte*> outs_;
  Conversion to_double_;
  std::vector<uint64_t> rows_;
  std::vector<std::byte> bytes_;
  std::vector<double> numbers_;
};

}  // namespace

Moments column_moments(const DatasetPtr& dataset, size_t column, uint64_t threads,
                       const std::function<void()>& poll) {
  const DatasetColumn& shown = dataset->columns().at(column);
  if (!shown.field.is_tensor()) {
    throw Error(ErrorCode::kUnsupported,
                "column " + shown.field.name + " is " + describe_column(shown) +
                    ", and statistics are of tensors; show it as one first, for example "
                    "ds.with_layout(" +
                    shown.field.name + "=\"dense\")",
                {.file = "", .column = shown.field.name});
  }
  const uint64_t width = shown.field.row_elements();
  const uint64_t block_rows = std::max<uint64_t>(1, kBlockNumbers / width);
  const uint64_t blocks = (dataset->rows() + block_rows - 1) / block_rows;
  std::vector<std::unique_ptr<BlockReader>> readers(threads);
  std::vector<Moments> places(threads + 1, Moments(width));
  ParallelMap map({.items = blocks, .threads = threads, .places = places.size()},
                  [&](uint64_t block, uint64_t place, uint64_t thread) {
                    if (readers[thread] == nullptr) {
                      readers[thread] = std::make_unique<BlockReader>(dataset, column);
                    }
                    const uint64_t first = block * block_rows;
                    const uint64_t count = std::min(block_rows, dataset->rows() - first);
                    places[place] = Moments(width);
                    places[place].add(readers[thread]->read(first, count));
                  });
  Moments all(width);
  while (true) {
    const std::optional<uint64_t> place = map.next(poll);
    if (!place) {
      return all;
    }
    all.merge(places[*place]);
  }
}

}  // namespace headrace
