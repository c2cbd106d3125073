#include "column/layout.h"

#include <cmath>
#include <limits>
#include <utility>

#include "base/checked.h"
#include "base/error.h"

namespace headrace {
namespace {

constexpr std::array<const char*, 5> kLayoutNames = {"stored", "dense", "csr", "coo", "padded"};

[[noreturn]] void refuse(const Field& stored, const std::string& why,
                         ErrorCode code = ErrorCode::kInvalid) {
  throw Error(code, "column " + stored.name + ": " + why, {.file = "", .column = stored.name});
}

// Whether the layout is made of rows of csr.
bool is_sparse(LayoutKind kind) noexcept {
  return kind == LayoutKind::kDense || kind == LayoutKind::kCsr || kind == LayoutKind::kCoo;
}

void check_index_source(const Field& stored, const IndexSource& source) {
  const bool list =
      stored.kind == ColumnKind::kTensor ? stored.row_shape.size() <= 1 : stored.row_shape.empty();
  const bool numbers = stored.kind == ColumnKind::kTensor || stored.kind == ColumnKind::kRagged;
  if (!numbers || !list || stored.dtype == DType::kBool) {
    refuse(stored, "it is " + describe(stored) +
                       "; indices are an integer, or one list of integers, in every row");
  }
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  if (source.width == 0 || source.width > kMost) {
    refuse(stored, "its indices are below a width of " + std::to_string(source.width) +
                       "; the number of columns is 1 to " + std::to_string(kMost));
  }
}

// Refuses a kind of column of which the layout cannot be made.
void check_kind(const Field& stored, const Layout& layout) {
  const std::string name = layout_name(layout.kind);
  const std::string found = "it is " + describe(stored) + ", ";
  if (is_sparse(layout.kind)) {
    if (stored.kind == ColumnKind::kCsr || layout.indices.has_value()) {
      return;
    }
    const bool numbers = stored.kind == ColumnKind::kTensor || stored.kind == ColumnKind::kRagged;
    refuse(stored, found + "and layout " + name + " is for csr" +
                       (numbers ? "; if its rows are lists of indices, use multi_hot" : ""));
  }
  if (layout.indices.has_value()) {
    refuse(stored, "indices become dense, csr, coo or jagged, not " + name);
  }
  if (stored.is_tensor()) {
    refuse(stored, found + "which needs no layout; cast changes its dtype");
  }
  if (layout.kind == LayoutKind::kStored && stored.binary && layout.dtype != stored.dtype) {
    refuse(stored, found + "which has no values to cast; layout csr makes ones of any dtype");
  }
  if (layout.kind == LayoutKind::kPadded && stored.kind == ColumnKind::kCsr) {
    refuse(stored, found + "and layout padded is for ragged, bytes and text; use dense");
  }
}

void check_steps(const Field& stored, const Layout& layout) {
  const SparseSteps& steps = layout.steps;
  if (!is_sparse(layout.kind)) {
    if (steps != SparseSteps{}) {
      refuse(stored, std::string("layout ") + layout_name(layout.kind) +
                         " takes no binary, total, scale, log1p or columns; dense, csr and coo do");
    }
    return;
  }
  if (steps.total.has_value() && !(*steps.total > 0 && std::isfinite(*steps.total))) {
    refuse(stored, "total is " + std::to_string(*steps.total) +
                       "; rows are normalised to a positive, finite sum");
  }
  if (!std::isfinite(steps.scale)) {
    refuse(stored, "scale is " + std::to_string(steps.scale) + "; it must be finite");
  }
  if (steps.arithmetic() && !is_float(layout.dtype)) {
    refuse(stored, std::string("total, scale and log1p make floats, and dtype is ") +
                       dtype_name(layout.dtype) + "; use float32 or another float");
  }
  const uint64_t width = sparse_field(stored, layout).width;
  if (steps.selected != nullptr && steps.selected->stored_width() != width) {
    refuse(stored, "it is " + std::to_string(width) + " wide, and the columns were chosen of " +
                       std::to_string(steps.selected->stored_width()));
  }
}

// Widths that the result cannot have.
void check_width(const Field& stored, const Layout& layout) {
  const uint64_t width = layout.steps.selected != nullptr ? layout.steps.selected->width()
                                                          : sparse_field(stored, layout).width;
  if (layout.kind == LayoutKind::kDense &&
      width > std::numeric_limits<uint64_t>::max() / dtype_size(layout.dtype)) {
    refuse(stored, "a dense row of " + std::to_string(width) +
                       " elements has more bytes than 64 bits count; use csr, or fewer columns");
  }
  if (layout.kind != LayoutKind::kCsr) {
    return;
  }
  if (layout.index_dtype != DType::kInt32 && layout.index_dtype != DType::kInt64) {
    refuse(stored, std::string("indices of layout csr are int32 or int64, not ") +
                       dtype_name(layout.index_dtype));
  }
  if (layout.index_dtype == DType::kInt32 && width > uint64_t{1} << 31) {
    refuse(stored,
           "it is " + std::to_string(width) + " wide, too wide for int32 indices; use int64");
  }
}

}  // namespace

const char* layout_name(LayoutKind kind) noexcept {
  return kLayoutNames[static_cast<size_t>(kind)];
}

ColumnSelection::ColumnSelection(std::vector<uint64_t> columns, uint64_t stored_width)
    : columns_(std::move(columns)) {
  if (columns_.empty()) {
    throw Error(ErrorCode::kInvalid, "no columns are selected; name at least one");
  }
  if (stored_width > uint64_t{1} << 31) {
    throw Error(ErrorCode::kUnsupported, "columns of csr that is " + std::to_string(stored_width) +
                                             " wide cannot be selected; 2^31 is the most");
  }
  new_columns_.assign(stored_width, -1);
  for (size_t i = 0; i < columns_.size(); ++i) {
    const uint64_t column = columns_[i];
    if (column >= stored_width) {
      throw Error(ErrorCode::kInvalid, "column " + std::to_string(column) +
                                           " is selected, and the last one is " +
                                           std::to_string(stored_width - 1));
    }
    if (new_columns_[column] >= 0) {
      throw Error(ErrorCode::kInvalid,
                  "column " + std::to_string(column) + " is selected twice; name each column once");
    }
    new_columns_[column] = static_cast<int32_t>(i);
  }
}

bool SparseSteps::operator==(const SparseSteps& other) const noexcept {
  const bool same_columns =
      selected == other.selected ||
      (selected != nullptr && other.selected != nullptr && *selected == *other.selected);
  return binary == other.binary && total == other.total && scale == other.scale &&
         log1p == other.log1p && same_columns;
}

DType index_dtype_of(const IndexSource& source) noexcept {
  return source.width <= uint64_t{1} << 31 ? DType::kInt32 : DType::kInt64;
}

Field sparse_field(const Field& stored, const Layout& layout) {
  if (!layout.indices.has_value()) {
    return stored;
  }
  return {.name = stored.name,
          .dtype = DType::kUint8,
          .row_shape = {},
          .kind = ColumnKind::kCsr,
          .index_dtype = index_dtype_of(*layout.indices),
          .width = layout.indices->width,
          .binary = true};
}

Field shown_field(const Field& stored, const Layout& layout) {
  Field field = is_sparse(layout.kind) ? sparse_field(stored, layout) : stored;
  field.dtype = layout.dtype;
  field.binary = false;
  if (is_sparse(layout.kind) && layout.steps.selected != nullptr) {
    field.width = layout.steps.selected->width();
  }
  switch (layout.kind) {
    case LayoutKind::kStored:
      field.binary = stored.binary;
      break;
    case LayoutKind::kDense:
      return {.name = field.name, .dtype = field.dtype, .row_shape = {field.width}};
    case LayoutKind::kCsr:
      field.index_dtype = layout.index_dtype;
      break;
    case LayoutKind::kCoo:
      field.index_dtype = DType::kInt64;
      break;
    case LayoutKind::kPadded:
      field.kind = ColumnKind::kRagged;
      break;
  }
  return field;
}

void check_layout(const Field& stored, const Layout& layout) {
  if (layout.indices.has_value()) {
    check_index_source(stored, *layout.indices);
  }
  check_kind(stored, layout);
  check_steps(stored, layout);
  if (layout.kind == LayoutKind::kStored &&
      (stored.kind == ColumnKind::kBytes || stored.kind == ColumnKind::kText) &&
      layout.dtype != DType::kUint8) {
    refuse(stored, "it is " + describe(stored) + ", whose elements are bytes, not " +
                       dtype_name(layout.dtype) + "; layout padded casts them");
  }
  if (layout.kind == LayoutKind::kPadded && layout.padding.truncate &&
      layout.padding.max_length == 0) {
    refuse(stored, "truncate needs a max_length to truncate to");
  }
  if (is_sparse(layout.kind)) {
    check_width(stored, layout);
  }
}

}  // namespace headrace
