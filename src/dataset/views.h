#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "dataset/dataset.h"

namespace headrace {

// Datasets with other rows (column_views.h: with other columns); no row is copied or read. All
// throw kInvalid for arguments that do not fit, and for a result without rows.

// The rows of `parts` one after another. Schemas and layouts must be equal, and windows equally
// long. `widths` has a number of columns for each csr column that gets another width, in which the
// parts then may differ, and 0 for all other columns; it may be empty.
DatasetPtr concat(const std::vector<DatasetPtr>& parts, const std::vector<uint64_t>& widths = {});

// The columns of `parts` side by side. Rows must be equal, names different.
DatasetPtr zip(const std::vector<DatasetPtr>& parts);

// Rows start, start + step, ...: `count` of them. Throws kIndex when one does not exist.
DatasetPtr slice(const DatasetPtr& dataset, uint64_t start, uint64_t count, int64_t step);

// The rows that `indices` names, in its order; int64, kept without a copy. Throws kIndex.
DatasetPtr subset(const DatasetPtr& dataset, Buffer indices);

// Parts of exactly `totals` rows, each a stratified random sample in row order (order/partition.h).
// Requires: the totals sum to the rows.
std::vector<DatasetPtr> split(const DatasetPtr& dataset, const std::vector<uint64_t>& totals,
                              uint64_t seed);

// Whole files: a keyed hash of each file's name and folder decides its part, so that the part of a
// file never changes when others are added. Sizes follow the fractions only on average. For
// datasets in file order; others throw kInvalid.
std::vector<DatasetPtr> split_by_file(const DatasetPtr& dataset,
                                      const std::vector<double>& fractions, uint64_t seed);

}  // namespace headrace
