#include "python/plugin_results.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <nanobind/stl/vector.h>

#include "python/arrays.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

// As numpy can hold it.
DType held_as(DType dtype) { return dtype == DType::kBfloat16 ? DType::kInt16 : dtype; }

}  // namespace

RowsBuilder::RowsBuilder(const Schema& schema, std::vector<nb::object> presenters)
    : schema_(schema), presenters_(std::move(presenters)) {
  for (const Field& field : schema_) {
    names_.push_back(nb::str(field.name.c_str(), field.name.size()));
  }
}

nb::dict RowsBuilder::make(std::vector<BuiltColumn> columns) const {
  nb::dict result;
  for (size_t c = 0; c < columns.size(); ++c) {
    const nb::object shown = show(c, std::move(columns[c]));
    if (PyDict_SetItem(result.ptr(), names_[c].ptr(), shown.ptr()) != 0) {
      throw nb::python_error();
    }
  }
  return result;
}

nb::object RowsBuilder::show(size_t column, BuiltColumn built) const {
  const Field& field = schema_[column];
  const Field element{
      .name = field.name, .dtype = held_as(field.dtype), .row_shape = field.row_shape};
  nb::object offsets = nb::none();
  nb::object values = nb::none();
  nb::object indices = nb::none();
  if (field.is_tensor() || built.values.memory != nullptr) {
    const uint64_t count = field.is_tensor() ? built.rows : built.elements;
    values = to_numpy(std::move(built.values.memory), count, element);
  }
  if (presenters_[column].is_none()) {
    return values;
  }
  if (built.indices.memory != nullptr) {
    indices = to_numpy(std::move(built.indices.memory), built.elements,
                       {.name = field.name, .dtype = field.index_dtype});
  }
  if (!field.is_tensor()) {
    offsets = to_numpy(std::move(built.offsets.memory), built.rows + 1,
                       {.name = field.name, .dtype = DType::kInt64});
  }
  return presenters_[column](offsets, values, indices);
}

nb::dict PyPluginMap::next() {
  if (map_.get() == nullptr) {
    throw nb::stop_iteration();
  }
  std::optional<std::vector<BuiltColumn>> columns = map_.next();
  if (!columns) {
    map_.close();
    throw nb::stop_iteration();
  }
  return rows_->make(std::move(*columns));
}

PluginLots& PyPluginLots::open() const {
  PluginLots* const lots = lots_.get();
  if (lots == nullptr) {
    throw Error(ErrorCode::kInvalid, "these lots were closed");
  }
  return *lots;
}

void PyPluginLots::add(std::vector<nb::bytes> inputs, const std::vector<uint64_t>& positions,
                       bool are_files) {
  PluginLots& lots = open();
  if (positions.size() != inputs.size()) {
    throw Error(ErrorCode::kInvalid, "every input of a lot needs a position");
  }
  std::vector<PluginLots::Input> lot(inputs.size());
  for (size_t i = 0; i < lot.size(); ++i) {
    const std::string_view given{inputs[i].c_str(), inputs[i].size()};
    lot[i].is_file = are_files;
    lot[i].position = positions[i];
    if (are_files) {
      lot[i].path = given;
    } else {
      lot[i].bytes = std::as_bytes(std::span(given));
    }
  }
  kept_.push_back(std::move(inputs));
  lots.add(std::move(lot));
}

nb::object PyPluginLots::next() {
  const PluginLots& lots = open();
  std::optional<PluginLots::Rows> rows = lots_.next();
  for (; dropped_ < lots.taken(); ++dropped_) {
    kept_.pop_front();
  }
  if (!rows) {
    return nb::none();
  }
  nb::object columns = nb::none();
  if (rows->columns) {
    columns = rows_->make(std::move(*rows->columns));
  }
  return nb::make_tuple(rows->inputs, columns, rows->seconds);
}

void bind_plugin_results(nb::module_& module) {
  nb::class_<PyPluginMap>(module, "PluginMap", "The results of a transform for many files.")
      .def(
          "__iter__", [](nb::handle self) { return nb::borrow(self); },
          nb::sig("def __iter__(self) -> PluginMap"))
      .def("__next__", &PyPluginMap::next, nb::sig("def __next__(self) -> dict[str, typing.Any]"))
      .def("close", &PyPluginMap::close);
  nb::class_<PyPluginLots>(module, "PluginLots", "Lots of inputs on their way through threads.")
      .def("add", &PyPluginLots::add, "inputs"_a, "positions"_a, "are_files"_a,
           nb::sig("def add(self, inputs: collections.abc.Sequence[bytes], positions: "
                   "collections.abc.Sequence[int], are_files: bool) -> None"))
      .def("next", &PyPluginLots::next,
           "Inputs, their columns (None for one that failed), seconds; None behind the last.",
           nb::sig("def next(self) -> tuple[int, dict[str, typing.Any] | None, float] | None"))
      .def("close", &PyPluginLots::close);
}

}  // namespace headrace::python
