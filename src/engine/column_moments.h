#pragma once

#include <cstdint>
#include <functional>

#include "column/moments.h"
#include "dataset/dataset.h"

namespace headrace {

// The moments of a column of numbers over all rows of `dataset`, in one pass on `threads` threads:
// rows as batches show them, in blocks that are merged in the order of the rows. So the result has
// the same bits for any number of threads. Calls `poll` at least every 50 ms, which may throw to
// stop. Throws kUnsupported for a column that shows no tensor; as Reader::read. Requires:
// threads > 0.
Moments column_moments(const DatasetPtr& dataset, size_t column, uint64_t threads,
                       const std::function<void()>& poll);

}  // namespace headrace
