#include "dataset/windows.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "base/error.h"
#include "dataset/column_views.h"
#include "dataset/reader.h"

namespace headrace {
namespace {

constexpr uint64_t kScannedBytes = uint64_t{1} << 20;  // of the column, at once
constexpr uint64_t kMostScannedRows = uint64_t{1} << 16;
constexpr uint64_t kComparedRows = 64;

void check_at_least_one(uint64_t value, const char* name) {
  if (value == 0) {
    throw Error(ErrorCode::kInvalid, std::string(name) + " of windows must be at least 1; found 0");
  }
}

// The windows that start in `rows` consecutive rows.
uint64_t windows_in(uint64_t rows, const WindowOptions& options) {
  return rows < options.length ? 0 : (rows - options.length) / options.stride + 1;
}

// Collects the series that have windows, from where each one ends.
class SeriesFinder {
 public:
  explicit SeriesFinder(const WindowOptions& options) : options_(options) {}

  // The series that is open ends before `row`, where the next one begins.
  void end_series(uint64_t row) {
    longest_ = std::max(longest_, row - first_row_);
    if (const uint64_t windows = windows_in(row - first_row_, options_)) {
      windows_.push_back(windows);
      first_rows_.push_back(first_row_);
    }
    first_row_ = row;
  }

  uint64_t longest() const noexcept { return longest_; }
  SeriesMap take() && { return {RowIndex(windows_), std::move(first_rows_), options_.stride}; }

 private:
  const WindowOptions& options_;
  uint64_t first_row_ = 0;
  uint64_t longest_ = 0;
  std::vector<uint64_t> windows_;
  std::vector<uint64_t> first_rows_;
};

// Ends a series at each row of `values` that differs from the one before it; row 0 of `values` is
// row `first` of the dataset and ends none.
void find_borders(std::span<const std::byte> values, uint64_t row_bytes, uint64_t first,
                  SeriesFinder& finder) {
  const uint64_t rows = values.size() / row_bytes;
  const std::byte* data = values.data();
  for (uint64_t row = 1; row < rows; row += kComparedRows) {
    const uint64_t end = std::min(row + kComparedRows, rows);
    const std::byte* at = data + row * row_bytes;
    // Series are long: mostly a block of rows equals itself one row earlier.
    if (std::memcmp(at, at - row_bytes, (end - row) * row_bytes) == 0) {
      continue;
    }
    for (uint64_t i = row; i < end; ++i) {
      if (std::memcmp(data + i * row_bytes, data + (i - 1) * row_bytes, row_bytes) != 0) {
        finder.end_series(first + i);
      }
    }
  }
}

// Reads `column` from its first row to its last.
SeriesMap find_series(const DatasetPtr& dataset, const WindowOptions& options, size_t column,
                      const std::function<void()>& poll) {
  const DatasetPtr shown = select(dataset, {column});
  const Field& field = shown->columns().front().field;
  const uint64_t row_bytes = field.row_bytes();
  const uint64_t at_once = std::clamp<uint64_t>(kScannedBytes / row_bytes, 1, kMostScannedRows);
  // The last row of the part before comes first.
  std::vector<std::byte> values(checked_mul(at_once + 1, row_bytes, "bytes of rows"));
  std::vector<uint64_t> rows;
  SeriesFinder finder(options);
  Reader reader(shown);
  for (uint64_t done = 0; done < shown->rows(); done += rows.size()) {
    poll();
    rows.resize(std::min(at_once, shown->rows() - done));
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i] = done + i;
    }
    std::byte* const out = values.data() + row_bytes;
    reader.read_cold(rows, {{out}}, 0, poll);
    const auto read = std::span(values).first((rows.size() + 1) * row_bytes);
    if (done == 0) {
      find_borders(read.subspan(row_bytes), row_bytes, 0, finder);
    } else {
      find_borders(read, row_bytes, done - 1, finder);
    }
    std::memcpy(values.data(), values.data() + rows.size() * row_bytes, row_bytes);
  }
  reader.check_files();
  finder.end_series(shown->rows());
  if (finder.longest() < options.length) {
    throw Error(ErrorCode::kInvalid,
                "no window fits: a window has " + std::to_string(options.length) +
                    " rows and the longest series of equal values in column " + field.name +
                    " has " + std::to_string(finder.longest()) +
                    "; rows of a series must follow each other",
                {.file = "", .column = field.name});
  }
  return std::move(finder).take();
}

std::vector<DatasetColumn> windowed_columns(const Dataset& dataset, uint64_t length) {
  std::vector<DatasetColumn> columns = dataset.columns();
  for (DatasetColumn& column : columns) {
    std::vector<uint64_t> shape = {length};
    shape.insert(shape.end(), column.field.row_shape.begin(), column.field.row_shape.end());
    column.field = make_field(column.field.name, column.field.dtype, std::move(shape));
  }
  return columns;
}

}  // namespace

DatasetPtr windows(const DatasetPtr& dataset, const WindowOptions& options,
                   const std::function<void()>& poll) {
  dataset->check_gathered("windows");
  check_at_least_one(options.length, "length");
  check_at_least_one(options.stride, "stride");
  if (options.length > dataset->rows()) {
    throw Error(ErrorCode::kInvalid,
                "no window fits: a window has " + std::to_string(options.length) +
                    " rows and the dataset has " + std::to_string(dataset->rows()) +
                    "; choose a smaller length");
  }
  std::vector<DatasetColumn> columns = windowed_columns(*dataset, options.length);
  std::vector<RowSpacePtr> groups;
  for (const RowSpacePtr& group : dataset->groups()) {
    groups.push_back(RowSpace::windows(group, options.length));
  }
  uint64_t rows = windows_in(dataset->rows(), options);
  RowMapPtr map;  // from windows to their first rows; none where they are the same
  if (options.within) {
    SeriesMap series = find_series(dataset, options, *options.within, poll);
    rows = series.windows.rows();
    map = std::make_shared<const RowMap>(std::move(series));
  } else if (options.stride > 1) {
    map = std::make_shared<const RowMap>(StepMap{0, static_cast<int64_t>(options.stride)});
  }
  for (const DatasetColumn& column : columns) {
    checked_mul(rows, column.field.row_bytes(), "bytes of all windows");
  }
  if (map != nullptr) {
    for (RowSpacePtr& group : groups) {
      group = RowSpace::mapped(map, rows, group);
    }
  }
  return std::make_shared<Dataset>(std::move(columns), std::move(groups));
}

}  // namespace headrace
