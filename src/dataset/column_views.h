#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "column/layout.h"
#include "dataset/dataset.h"

namespace headrace {

// Datasets with other columns over the same rows; nothing is copied or read. All throw kInvalid for
// arguments that do not fit.

// Some columns, in the given order.
DatasetPtr select(const DatasetPtr& dataset, const std::vector<size_t>& columns);

// The same columns under other names.
DatasetPtr rename(const DatasetPtr& dataset, const std::vector<std::string>& names);

// The same columns and one more, `name`: the number of each row in `dataset` as int64. The numbers
// follow their rows through every later view; they are made with each batch and take no memory.
DatasetPtr with_row_ids(const DatasetPtr& dataset, const std::string& name);

// The same columns as other dtypes, one per column; converted when a batch is made. Of a column
// with a layout it replaces the layout's dtype. Throws kUnsupported for bytes, text and binary csr
// that have no layout: they hold no numbers to cast.
DatasetPtr cast(const DatasetPtr& dataset, const std::vector<DType>& dtypes);

// Column `column` after `function` of each of its numbers, computed when a batch is made, on the
// way from where rows lie to their place in it. Its dtype becomes argument_dtype() first and then
// result_dtype(). Throws what check_function() throws; kUnsupported for a column with a layout.
DatasetPtr map_values(const DatasetPtr& dataset, size_t column, const ElementFunction& function);

// Column `column` shown as `layout`, in place of the layout that it has. Indices (multi_hot) that
// the old layout has and the new one does not name stay those of the column. Throws what
// check_layout() throws.
DatasetPtr with_layout(const DatasetPtr& dataset, size_t column, Layout layout,
                       Presentation presentation = Presentation::kLayout);

// Column `column` as it is stored.
DatasetPtr without_layout(const DatasetPtr& dataset, size_t column);

// The columns `columns`, of one dtype and row shape s, as one tensor `name` of shape (n, s...), at
// the place of the first of them. Throws kUnsupported for columns that are not gathered().
DatasetPtr stack(const DatasetPtr& dataset, const std::vector<size_t>& columns,
                 const std::string& name);

}  // namespace headrace
