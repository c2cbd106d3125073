#include "python/layouts.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/error.h"
#include "column/elementwise.h"
#include "column/layout.h"
#include "dataset/column_views.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

using Handle = std::shared_ptr<Dataset>;
using Fill = std::array<std::byte, 8>;

struct GivenLayout {
  Layout layout;
  Presentation presentation = Presentation::kLayout;
};

[[noreturn]] void refuse(const Field& stored, const std::string& why) {
  throw Error(ErrorCode::kInvalid, "column " + stored.name + ": " + why,
              {.file = "", .column = stored.name});
}

// One element of `from`, whose bytes `value` begins with, as one of `to`.
Fill converted(const Fill& value, DType from, DType to) {
  Fill result = {};
  const DType path[] = {from, to};
  Conversion(path).apply(value.data(), result.data(), 1);
  return result;
}

template <typename T>
Fill bytes_of(T value) {
  Fill bytes = {};
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

template <typename T>
T value_of(const Fill& bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

// A number of Python's as an element of `dtype`; kInvalid where an integer dtype does not hold it.
Fill fill_from(nb::handle given, DType dtype, const Field& stored) {
  if (is_float(dtype)) {
    return converted(bytes_of(nb::cast<double>(given)), DType::kFloat64, dtype);
  }
  const bool large = dtype == DType::kUint64;
  const nb::object whole = nb::steal(PyNumber_Long(given.ptr()));
  PyErr_Clear();  // of infinity and NaN, which are refused below
  int64_t number = 0;
  uint64_t large_number = 0;
  const bool held = whole.is_valid() && whole.equal(given) &&
                    (large ? nb::try_cast(whole, large_number) : nb::try_cast(whole, number));
  if (held) {
    if (large) {
      return bytes_of(large_number);
    }
    const Fill fill = converted(bytes_of(number), DType::kInt64, dtype);
    if (value_of<int64_t>(converted(fill, dtype, DType::kInt64)) == number) {
      return fill;
    }
  }
  refuse(stored, "fill=" + std::string(nb::repr(given).c_str()) + " is no " + dtype_name(dtype) +
                     "; choose a number that it holds, or another dtype");
}

nb::object fill_object(const Fill& fill, DType dtype) {
  if (is_float(dtype)) {
    return nb::cast(value_of<double>(converted(fill, dtype, DType::kFloat64)));
  }
  if (dtype == DType::kUint64) {
    return nb::cast(value_of<uint64_t>(fill));
  }
  return nb::cast(value_of<int64_t>(converted(fill, dtype, DType::kInt64)));
}

LayoutKind kind_from(const std::string& name) {
  for (const LayoutKind kind :
       {LayoutKind::kDense, LayoutKind::kCsr, LayoutKind::kCoo, LayoutKind::kPadded}) {
    if (name == layout_name(kind)) {
      return kind;
    }
  }
  return LayoutKind::kStored;  // jagged
}

// The indices that the options name, or that the column has.
std::optional<IndexSource> indices_from(const nb::dict& options, const DatasetColumn& column) {
  if (options.contains("width")) {
    return IndexSource{.width = nb::cast<uint64_t>(options["width"]),
                       .pad = nb::cast<std::optional<int64_t>>(options["pad"])};
  }
  return column.layout == nullptr ? std::nullopt : column.layout->layout.indices;
}

SparseSteps steps_from(const nb::dict& options, const Field& sparse) {
  SparseSteps steps{.binary = nb::cast<bool>(options["binary"]),
                    .total = nb::cast<std::optional<double>>(options["total"]),
                    .scale = nb::cast<double>(options["scale"]),
                    .log1p = nb::cast<bool>(options["log1p"])};
  const auto columns = nb::cast<std::optional<std::vector<uint64_t>>>(options["columns"]);
  // Of what is no csr the layout is refused for that, whatever columns it names.
  if (columns.has_value() && sparse.kind == ColumnKind::kCsr) {
    try {
      steps.selected = std::make_shared<const ColumnSelection>(*columns, sparse.width);
    } catch (const Error& error) {
      throw Error(error.code(), "column " + sparse.name + ": " + error.what(),
                  {.file = "", .column = sparse.name});
    }
  }
  return steps;
}

Padding padding_from(const nb::dict& options, DType dtype, const Field& stored) {
  const auto length = nb::cast<std::optional<uint64_t>>(options["max_length"]);
  return {.max_length = length.value_or(0),
          .truncate = nb::cast<bool>(options["truncate"]),
          .left = nb::cast<std::string>(options["side"]) == "left",
          .mask = nb::cast<bool>(options["mask"]),
          .fill = fill_from(options["fill"], dtype, stored)};
}

GivenLayout layout_from(const nb::dict& options, const DatasetColumn& column) {
  const Field& stored = column.stored();
  GivenLayout given;
  Layout& layout = given.layout;
  layout.kind = kind_from(nb::cast<std::string>(options["kind"]));
  layout.indices = indices_from(options, column);
  // Indices have jagged rows as csr, whose steps make the indices of them.
  const bool is_bags = layout.kind == LayoutKind::kStored && layout.indices.has_value();
  if (is_bags) {
    layout.kind = LayoutKind::kCsr;
    given.presentation = Presentation::kOffsets;
  }
  const Field sparse = sparse_field(stored, layout);
  const bool sparse_kind = layout.kind != LayoutKind::kStored && layout.kind != LayoutKind::kPadded;
  const auto dtype = nb::cast<std::optional<std::string>>(options["dtype"]);
  layout.dtype = dtype.has_value()              ? dtype_from_name(*dtype)
                 : sparse_kind && sparse.binary ? DType::kFloat32
                                                : stored.dtype;
  switch (layout.kind) {
    case LayoutKind::kStored:
      given.presentation =
          nb::cast<bool>(options["nested"]) ? Presentation::kNested : Presentation::kOffsets;
      break;
    case LayoutKind::kPadded:
      layout.padding = padding_from(options, layout.dtype, stored);
      break;
    case LayoutKind::kDense:
    case LayoutKind::kCsr:
    case LayoutKind::kCoo:
      layout.steps = is_bags ? SparseSteps{} : steps_from(options, sparse);
      // What torch multiplies fastest, and what scipy makes of it.
      layout.index_dtype = sparse.index_dtype == DType::kInt64 ? DType::kInt64 : DType::kInt32;
      break;
  }
  return given;
}

void add_steps(nb::dict& dict, const SparseSteps& steps) {
  dict["binary"] = steps.binary;
  dict["total"] = steps.total;
  dict["scale"] = steps.scale;
  dict["log1p"] = steps.log1p;
  dict["columns"] = nb::none();
  if (steps.selected != nullptr) {
    dict["columns"] = nb::tuple(nb::cast(steps.selected->columns()));
  }
}

void add_padding(nb::dict& dict, const Layout& layout) {
  const Padding& padding = layout.padding;
  dict["max_length"] =
      padding.max_length == 0 ? nb::none() : nb::object(nb::cast(padding.max_length));
  dict["fill"] = fill_object(padding.fill, layout.dtype);
  dict["side"] = padding.left ? "left" : "right";
  dict["truncate"] = padding.truncate;
  dict["mask"] = padding.mask;
}

nb::list layouts_of(const Dataset& dataset) {
  nb::list layouts;
  for (const DatasetColumn& column : dataset.columns()) {
    layouts.append(layout_dict(column));
  }
  return layouts;
}

Handle with_layout_of(const Handle& dataset, size_t column, const nb::object& options) {
  if (options.is_none()) {
    return std::const_pointer_cast<Dataset>(without_layout(dataset, column));
  }
  GivenLayout given = layout_from(nb::cast<nb::dict>(options), dataset->columns().at(column));
  return std::const_pointer_cast<Dataset>(
      with_layout(dataset, column, std::move(given.layout), given.presentation));
}

}  // namespace

nb::object layout_dict(const DatasetColumn& column) {
  if (column.layout == nullptr) {
    return nb::none();
  }
  const Layout& layout = column.layout->layout;
  nb::dict dict;
  dict["kind"] = layout_name(layout.kind);
  dict["dtype"] = dtype_name(layout.dtype);
  if (column.layout->presentation != Presentation::kLayout) {
    dict["kind"] = "jagged";
    dict["nested"] = column.layout->presentation == Presentation::kNested;
    return dict;
  }
  switch (layout.kind) {
    case LayoutKind::kStored:
      return nb::none();
    case LayoutKind::kPadded:
      add_padding(dict, layout);
      break;
    case LayoutKind::kDense:
    case LayoutKind::kCsr:
    case LayoutKind::kCoo:
      add_steps(dict, layout.steps);
      break;
  }
  return dict;
}

void bind_layouts(DatasetClass& dataset) {
  dataset
      .def("with_layout", &with_layout_of, "column"_a, "options"_a.none(),
           nb::sig("def with_layout(self, column: int, "
                   "options: dict[str, typing.Any] | None) -> Dataset"))
      .def(
          "stack",
          [](const Handle& self, const std::vector<size_t>& columns, const std::string& name) {
            return std::const_pointer_cast<Dataset>(stack(self, columns, name));
          },
          "columns"_a, "name"_a)
      .def_prop_ro("layouts", &layouts_of,
                   nb::sig("def layouts(self) -> list[dict[str, typing.Any] | None]"));
}

}  // namespace headrace::python
