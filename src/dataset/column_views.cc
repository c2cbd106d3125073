#include "dataset/column_views.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <utility>

#include "base/error.h"
#include "column/elementwise.h"

namespace headrace {

namespace {

void check_one_per_column(const char* what, size_t found, const Dataset& dataset) {
  if (found != dataset.columns().size()) {
    throw Error(ErrorCode::kInvalid, std::string("one of the ") + what + " is needed for each of " +
                                         std::to_string(dataset.columns().size()) +
                                         " columns; found " + std::to_string(found));
  }
}

void check_position(const Dataset& dataset, size_t column) {
  if (column >= dataset.columns().size()) {
    throw Error(ErrorCode::kInvalid, "column " + std::to_string(column) + " is out of range for " +
                                         std::to_string(dataset.columns().size()) + " columns");
  }
}

// A dataset of `columns`. Groups that none of them uses are dropped, so that their files are never
// opened.
DatasetPtr with_used_groups(std::vector<DatasetColumn> columns,
                            const std::vector<RowSpacePtr>& all_groups) {
  std::map<uint32_t, uint32_t> kept;
  std::vector<RowSpacePtr> groups;
  for (DatasetColumn& column : columns) {
    const auto [at, fresh] = kept.try_emplace(column.group, static_cast<uint32_t>(groups.size()));
    if (fresh) {
      groups.push_back(all_groups[column.group]);
    }
    column.group = at->second;
  }
  return std::make_shared<Dataset>(std::move(columns), std::move(groups));
}

// Shows `column` as `layout`, made of the rows below the layout that it has.
void set_layout(DatasetColumn& column, Layout layout, Presentation presentation) {
  if (column.layout != nullptr && !layout.indices && layout.kind != LayoutKind::kStored) {
    layout.indices = column.layout->layout.indices;
  }
  const Field stored = column.stored();
  check_layout(stored, layout);
  column.field = shown_field(stored, layout);
  column.layout = std::make_shared<const StoredLayout>(
      StoredLayout{.stored = stored, .layout = std::move(layout), .presentation = presentation});
}

void cast_column(DatasetColumn& column, DType dtype) {
  if (column.layout != nullptr) {
    Layout layout = column.layout->layout;
    const Padding& before = column.layout->layout.padding;
    Conversion(std::array{layout.dtype, dtype})
        .apply(before.fill.data(), layout.padding.fill.data(), 1);
    layout.dtype = dtype;
    set_layout(column, std::move(layout), column.layout->presentation);
    return;
  }
  const bool numbers = column.field.is_tensor() || column.field.kind == ColumnKind::kRagged ||
                       (column.field.kind == ColumnKind::kCsr && !column.field.binary);
  if (!numbers) {
    throw Error(ErrorCode::kUnsupported,
                "column " + column.field.name + " is " + describe(column.field) +
                    ", which has no numbers to cast; give a dtype to its layout, or name the " +
                    "columns to cast, ds.cast(x=\"float32\")",
                {.file = "", .column = column.field.name});
  }
  column.field.dtype = dtype;
  column.casts.push_back(dtype);
  check_field(column.field);
  if (column.members != nullptr) {
    column.members =
        cast(column.members, std::vector<DType>(column.members->columns().size(), dtype));
  }
}

// The part of a function that is about member `member` of `count` columns in a stack, of `elements`
// numbers each.
ElementFunction of_member(const ElementFunction& function, size_t member, size_t count,
                          uint64_t elements) {
  const auto* whole = std::get_if<Standardize>(&function);
  if (whole == nullptr || whole->means.size() != count * elements) {
    return function;
  }
  const auto part = [&](const AlignedDoubles& all) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(member * elements);
    return AlignedDoubles(begin, begin + static_cast<std::ptrdiff_t>(elements));
  };
  return Standardize{part(whole->means), part(whole->factors)};
}

void map_column(DatasetColumn& column, uint64_t stored_rows, const ElementFunction& function) {
  if (column.layout != nullptr && column.layout->stored.kind == ColumnKind::kCsr) {
    throw sparse_error(function, column.layout->stored);
  }
  if (column.layout != nullptr) {
    throw Error(ErrorCode::kUnsupported,
                "column " + column.field.name + " has a layout, " + describe_column(column) +
                    ", which comes last; apply " + function_name(function) +
                    " first, to the column as it is stored: ds.with_layout(" + column.field.name +
                    "=None)",
                {.file = "", .column = column.field.name});
  }
  Field row = column.field;
  if (stored_rows > 1) {  // the first axis of a window counts rows
    row.row_shape.erase(row.row_shape.begin());
  }
  check_function(function, row);
  const DType argument = argument_dtype(function, column.field.dtype);
  if (argument != column.field.dtype) {
    column.casts.emplace_back(argument);
  }
  column.field.dtype = result_dtype(function, argument);
  column.casts.emplace_back(column.field.dtype, std::make_shared<const ElementFunction>(function));
  check_field(column.field);
  if (column.members != nullptr) {
    DatasetPtr members = column.members;
    const size_t count = members->columns().size();
    for (size_t m = 0; m < count; ++m) {
      const uint64_t elements = members->columns()[m].field.row_elements();
      members = map_values(members, m, of_member(function, m, count, elements));
    }
    column.members = std::move(members);
  }
}

void check_stacked(const std::string& name, const DatasetColumn& first,
                   const DatasetColumn& member) {
  const ErrorContext context{.file = "", .column = member.field.name};
  if (!member.gathered()) {
    throw Error(ErrorCode::kUnsupported,
                "column " + name + ": a stack is made of tensors as they are stored; column " +
                    member.field.name + " is " + describe_column(member),
                context);
  }
  if (member.field.dtype != first.field.dtype || member.field.row_shape != first.field.row_shape) {
    throw Error(ErrorCode::kInvalid,
                "column " + name +
                    ": the columns of a stack have one dtype and row shape; column " +
                    first.field.name + " is " + describe(first.field) + " and column " +
                    member.field.name + " is " + describe(member.field) + "; cast before stack",
                context);
  }
}

}  // namespace

DatasetPtr select(const DatasetPtr& dataset, const std::vector<size_t>& columns) {
  std::vector<DatasetColumn> chosen;
  chosen.reserve(columns.size());
  for (const size_t column : columns) {
    check_position(*dataset, column);
    chosen.push_back(dataset->columns()[column]);
  }
  return with_used_groups(std::move(chosen), dataset->groups());
}

DatasetPtr with_row_ids(const DatasetPtr& dataset, const std::string& name) {
  std::vector<DatasetColumn> columns = dataset->columns();
  std::vector<RowSpacePtr> groups = dataset->groups();
  const uint64_t rows = dataset->rows();
  columns.push_back({.field = make_field(name, DType::kInt64, {}),
                     .group = static_cast<uint32_t>(groups.size()),
                     .column = 0,
                     .casts = {}});
  groups.push_back(RowSpace::table({{.source = std::make_shared<NumberSource>(rows),
                                     .first = 0,
                                     .rows = rows,
                                     .columns = nullptr}}));
  return std::make_shared<Dataset>(std::move(columns), std::move(groups));
}

DatasetPtr rename(const DatasetPtr& dataset, const std::vector<std::string>& names) {
  check_one_per_column("names", names.size(), *dataset);
  std::vector<DatasetColumn> columns = dataset->columns();
  for (size_t c = 0; c < columns.size(); ++c) {
    columns[c].field.name = names[c];
    if (columns[c].layout != nullptr) {
      StoredLayout renamed = *columns[c].layout;
      renamed.stored.name = names[c];
      columns[c].layout = std::make_shared<const StoredLayout>(std::move(renamed));
    }
  }
  return std::make_shared<Dataset>(std::move(columns), dataset->groups());
}

DatasetPtr cast(const DatasetPtr& dataset, const std::vector<DType>& dtypes) {
  check_one_per_column("dtypes", dtypes.size(), *dataset);
  std::vector<DatasetColumn> columns = dataset->columns();
  for (size_t c = 0; c < columns.size(); ++c) {
    if (dtypes[c] != columns[c].field.dtype) {
      cast_column(columns[c], dtypes[c]);
    }
  }
  return std::make_shared<Dataset>(std::move(columns), dataset->groups());
}

DatasetPtr map_values(const DatasetPtr& dataset, size_t column, const ElementFunction& function) {
  check_position(*dataset, column);
  std::vector<DatasetColumn> columns = dataset->columns();
  const RowSpacePtr& space = dataset->groups()[columns[column].group];
  map_column(columns[column], space->stored_rows(), function);
  return std::make_shared<Dataset>(std::move(columns), dataset->groups());
}

DatasetPtr with_layout(const DatasetPtr& dataset, size_t column, Layout layout,
                       Presentation presentation) {
  check_position(*dataset, column);
  std::vector<DatasetColumn> columns = dataset->columns();
  set_layout(columns[column], std::move(layout), presentation);
  return std::make_shared<Dataset>(std::move(columns), dataset->groups());
}

DatasetPtr without_layout(const DatasetPtr& dataset, size_t column) {
  check_position(*dataset, column);
  std::vector<DatasetColumn> columns = dataset->columns();
  columns[column].field = Field(columns[column].stored());
  columns[column].layout = nullptr;
  return std::make_shared<Dataset>(std::move(columns), dataset->groups());
}

DatasetPtr stack(const DatasetPtr& dataset, const std::vector<size_t>& columns,
                 const std::string& name) {
  if (columns.empty()) {
    throw Error(ErrorCode::kInvalid, "column " + name + ": a stack needs at least one column",
                {.file = "", .column = name});
  }
  DatasetPtr members = select(dataset, columns);
  const DatasetColumn& first = members->columns().front();
  for (const DatasetColumn& member : members->columns()) {
    check_stacked(name, first, member);
  }
  std::vector<uint64_t> shape = {columns.size()};
  shape.insert(shape.end(), first.field.row_shape.begin(), first.field.row_shape.end());
  DatasetColumn stacked = dataset->columns()[columns.front()];
  stacked.field = make_field(name, first.field.dtype, std::move(shape));
  stacked.members = std::move(members);
  std::vector<DatasetColumn> shown;
  for (size_t c = 0; c < dataset->columns().size(); ++c) {
    if (c == columns.front()) {
      shown.push_back(stacked);
    } else if (std::find(columns.begin(), columns.end(), c) == columns.end()) {
      shown.push_back(dataset->columns()[c]);
    }
  }
  return with_used_groups(std::move(shown), dataset->groups());
}

}  // namespace headrace
