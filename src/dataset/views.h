#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "dataset/dataset.h"

namespace headrace {

// Virtual datasets over others: no row is copied or read. All throw kInvalid for arguments that do
// not fit, and for a result without rows.

// The rows of `parts` one after another. Schemas must be equal, and windows equally long.
DatasetPtr concat(const std::vector<DatasetPtr>& parts);

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

// The same columns and one more, `name`: the number of each row in `dataset` as int64. The numbers
// follow their rows through every later view; they are made with each batch and take no memory.
DatasetPtr with_row_ids(const DatasetPtr& dataset, const std::string& name);

// Some columns, in the given order.
DatasetPtr select(const DatasetPtr& dataset, const std::vector<size_t>& columns);

// The same columns under other names.
DatasetPtr rename(const DatasetPtr& dataset, const std::vector<std::string>& names);

// The same columns as other dtypes, one per column; converted when a batch is made.
DatasetPtr cast(const DatasetPtr& dataset, const std::vector<DType>& dtypes);

}  // namespace headrace
