#include "dataset/csr_alignment.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/error.h"

namespace headrace {
namespace {

bool is_plain_csr(const DatasetColumn& column) noexcept {
  return column.layout == nullptr && column.field.kind == ColumnKind::kCsr;
}

void check_width(const DatasetColumn& column, uint64_t width) {
  const Field& field = column.field;
  const bool plain = is_plain_csr(column);
  if (plain && width >= field.width) {
    return;
  }
  throw Error(ErrorCode::kInvalid,
              "column " + field.name + " is " + describe_column(column) +
                  (plain ? ", and cannot become " + std::to_string(width) +
                               " wide: rows may have any of its columns"
                         : "; only csr without a layout becomes wider") +
                  "; choose a width of at least the widest part, before layouts",
              {.file = "", .column = field.name});
}

// The dtype that holds the indices of `a`, of `b`, and those below `width`.
DType wider_index(DType a, DType b, uint64_t width) noexcept {
  const DType held = width > uint64_t{1} << 31   ? DType::kInt64
                     : width > uint64_t{1} << 16 ? DType::kInt32
                                                 : DType::kUint16;
  return std::max({a, b, held}, [](DType x, DType y) { return dtype_size(x) < dtype_size(y); });
}

// Column `c` of every part, made alike.
void align(std::vector<std::vector<DatasetColumn>>& parts, size_t c, uint64_t width) {
  DType index = DType::kUint16;
  for (const std::vector<DatasetColumn>& columns : parts) {
    const Field& field = columns[c].field;
    index = wider_index(index, field.index_dtype, std::max(width, field.width));
  }
  for (std::vector<DatasetColumn>& columns : parts) {
    DatasetColumn& column = columns[c];
    column.recasts_indices = column.recasts_indices || column.field.index_dtype != index;
    column.field.index_dtype = index;
    column.field.width = width == 0 ? column.field.width : width;
    check_field(column.field);
  }
}

}  // namespace

std::vector<DatasetPtr> with_equal_csr(const std::vector<DatasetPtr>& parts,
                                       const std::vector<uint64_t>& widths) {
  size_t count = parts.front()->columns().size();
  std::vector<std::vector<DatasetColumn>> columns;
  for (const DatasetPtr& part : parts) {
    columns.push_back(part->columns());
    count = std::min(count, part->columns().size());
  }
  bool any = false;
  for (size_t c = 0; c < count; ++c) {
    const uint64_t width = c < widths.size() ? widths[c] : 0;
    for (const DatasetPtr& part : parts) {
      if (width != 0) {
        check_width(part->columns()[c], width);
      }
    }
    if (std::all_of(parts.begin(), parts.end(),
                    [c](const DatasetPtr& part) { return is_plain_csr(part->columns()[c]); })) {
      align(columns, c, width);
      any = true;
    }
  }
  if (!any) {
    return parts;
  }
  std::vector<DatasetPtr> aligned;
  for (size_t i = 0; i < parts.size(); ++i) {
    aligned.push_back(std::make_shared<Dataset>(std::move(columns[i]), parts[i]->groups()));
  }
  return aligned;
}

}  // namespace headrace
