#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataset/dataset.h"
#include "order/unit_table.h"

namespace headrace {

// Rows next to each other in a dataset that come from one file, shard or array: of the piece
// `piece` of a table, and of those behind it that share its file. Holds as long as the dataset.
struct SourceRun {
  const RowSpace* table = nullptr;
  uint64_t piece = 0;
  uint64_t rows = 0;
};

// What the rows of `dataset` come from, in row order: by the column that says where rows come from
// (Dataset::located_column). Views count: of a file whose rows were chosen it is what is left, and
// a window belongs to the file of its first row. Takes O(files * log rows). Throws kInvalid for
// rows that were chosen in another order than that of their files; `what` needs them in order.
std::vector<SourceRun> source_runs(const Dataset& dataset, const char* what);

// The same of one row space; nothing where its rows are out of order. Of windows a run has those
// that begin in it.
std::optional<std::vector<SourceRun>> source_runs(const RowSpace& space);

// The units of a shard shuffle: the sizes of source_runs(). Throws what these throw.
UnitTablePtr shuffle_units(const Dataset& dataset);

}  // namespace headrace
