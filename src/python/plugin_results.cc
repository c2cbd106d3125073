#include "python/plugin_results.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <nanobind/stl/vector.h>

#include "python/arrays.h"
#include "python/gil.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

// As numpy can hold it.
DType held_as(DType dtype) { return dtype == DType::kBfloat16 ? DType::kInt16 : dtype; }

}  // namespace

// Objects that hold the memory of some columns: one for all parts that lie in the same block, since
// each object costs as much as a small array.
class Memories {
 public:
  explicit Memories(const std::vector<BuiltColumn>& columns) {
    for (const BuiltColumn& column : columns) {
      for (const BuiltColumn::Part* part : {&column.values, &column.indices, &column.offsets}) {
        if (part->memory != nullptr) {
          add(*part);
        }
      }
    }
  }

  nb::object array(const BuiltColumn::Part& part, uint64_t rows, const Field& field) {
    Block& block = *find(part.memory);
    if (!block.object.is_valid()) {
      block.object = share_memory(block.owner, block.begin, bytes_between(block.begin, block.end));
    }
    return to_numpy(block.object, bytes_between(block.begin, part.memory.get()), rows, field);
  }

 private:
  struct Block {
    SharedBytes owner;
    std::byte* begin;
    std::byte* end;
    nb::object object = {};
  };

  static uint64_t bytes_between(const std::byte* begin, const std::byte* end) {
    return static_cast<uint64_t>(end - begin);
  }

  std::vector<Block>::iterator find(const SharedBytes& memory) {
    return std::find_if(blocks_.begin(), blocks_.end(), [&memory](const Block& block) {
      return !memory.owner_before(block.owner) && !block.owner.owner_before(memory);
    });
  }

  void add(const BuiltColumn::Part& part) {
    std::byte* const begin = part.memory.get();
    std::byte* const end = begin + part.bytes;
    if (const auto block = find(part.memory); block != blocks_.end()) {
      block->begin = std::min(block->begin, begin);
      block->end = std::max(block->end, end);
    } else {
      blocks_.push_back({.owner = part.memory, .begin = begin, .end = end});
    }
  }

  std::vector<Block> blocks_;
};

RowsBuilder::Column::Column(const Field& field, nb::object presented_by)
    : is_tensor(field.is_tensor()),
      name(nb::str(field.name.c_str(), field.name.size())),
      presenter(std::move(presented_by)),
      value{.name = field.name, .dtype = held_as(field.dtype), .row_shape = field.row_shape},
      index{.name = field.name, .dtype = field.index_dtype},
      offset{.name = field.name, .dtype = DType::kInt64} {}

RowsBuilder::RowsBuilder(const Schema& schema, std::vector<nb::object> presenters) {
  for (size_t c = 0; c < schema.size(); ++c) {
    columns_.emplace_back(schema[c], std::move(presenters[c]));
  }
}

nb::dict RowsBuilder::make(const std::vector<BuiltColumn>& columns) const {
  Memories memories(columns);
  nb::dict result;
  for (size_t c = 0; c < columns.size(); ++c) {
    const nb::object shown = show(columns_[c], columns[c], memories);
    if (PyDict_SetItem(result.ptr(), columns_[c].name.ptr(), shown.ptr()) != 0) {
      throw nb::python_error();
    }
  }
  return result;
}

nb::object RowsBuilder::show(const Column& column, const BuiltColumn& built, Memories& memories) {
  nb::object offsets = nb::none();
  nb::object values = nb::none();
  nb::object indices = nb::none();
  if (built.values.memory != nullptr) {
    const uint64_t count = column.is_tensor ? built.rows : built.elements;
    values = memories.array(built.values, count, column.value);
  }
  if (column.presenter.is_none()) {
    return values;
  }
  if (built.indices.memory != nullptr) {
    indices = memories.array(built.indices, built.elements, column.index);
  }
  if (built.offsets.memory != nullptr) {
    offsets = memories.array(built.offsets, built.rows + 1, column.offset);
  }
  return calling_python([&] { return column.presenter(offsets, values, indices); });
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
  return rows_->make(*columns);
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
    columns = rows_->make(*rows->columns);
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
