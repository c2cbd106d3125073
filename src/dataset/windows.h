#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "dataset/dataset.h"

namespace headrace {

// Which windows there are.
struct WindowOptions {
  uint64_t length = 0;           // rows of a window
  uint64_t stride = 0;           // rows from one window's start to the next one's
  std::optional<size_t> within;  // the column whose equal neighbours form a series
};

// Rows i * stride to i * stride + length of `dataset` as row i, in place: every column of row shape
// s becomes one of shape (length, s). What is left at the end and has no whole window is left out.
//
// With `within`, rows next to each other whose values in that column have equal bytes form a
// series, and the windows of each series start anew with it; shorter series have none. Reads that
// column once, calling `poll` every few thousand rows, which may throw to stop; keeps up to 32
// bytes for each series that has a window.
//
// Throws kInvalid when length or stride is 0, no window fits, a window has 2^32 rows or more, or
// sizes leave 64 bits; and as Reader::read. Requires: within < dataset->columns().size().
DatasetPtr windows(
    const DatasetPtr& dataset, const WindowOptions& options,
    const std::function<void()>& poll = [] {});

}  // namespace headrace
