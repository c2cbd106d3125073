#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/error.h"
#include "engine/plugin_map.h"
#include "python/arrays.h"
#include "python/bindings.h"
#include "python/fields.h"
#include "python/gil.h"
#include "python/owners.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

std::string_view view_of(const nb::bytes& bytes) { return {bytes.c_str(), bytes.size()}; }

// Makes the dict that a user sees of the rows of an input: an array of a tensor, and of the other
// columns what their presenter returns for (offsets, values, indices), None where there is no such
// part.
class RowsBuilder {
 public:
  RowsBuilder(const Schema& schema, std::vector<nb::object> presenters)
      : schema_(schema), presenters_(std::move(presenters)) {
    for (const Field& field : schema_) {
      names_.push_back(nb::str(field.name.c_str(), field.name.size()));
    }
  }

  nb::dict make(std::vector<BuiltColumn> columns) const {
    nb::dict result;
    for (size_t c = 0; c < columns.size(); ++c) {
      const nb::object shown = show(c, std::move(columns[c]));
      if (PyDict_SetItem(result.ptr(), names_[c].ptr(), shown.ptr()) != 0) {
        throw nb::python_error();
      }
    }
    return result;
  }

 private:
  nb::object show(size_t column, BuiltColumn built) const {
    const Field& field = schema_[column];
    if (field.is_tensor()) {
      return to_numpy(std::move(built.values.memory), built.rows, field);
    }
    nb::object values = nb::none();
    nb::object indices = nb::none();
    if (built.values.memory != nullptr) {
      const Field element{.name = field.name, .dtype = field.dtype, .row_shape = field.row_shape};
      values = to_numpy(std::move(built.values.memory), built.elements, element);
    }
    if (built.indices.memory != nullptr) {
      indices = to_numpy(std::move(built.indices.memory), built.elements,
                         {.name = field.name, .dtype = field.index_dtype});
    }
    nb::object offsets = to_numpy(std::move(built.offsets.memory), built.rows + 1,
                                  {.name = field.name, .dtype = DType::kInt64});
    return presenters_[column](offsets, values, indices);
  }

  Schema schema_;
  std::vector<nb::object> presenters_;
  std::vector<nb::object> names_;
};

// The iterator over the results of many files.
class PyPluginMap {
 public:
  PyPluginMap(std::unique_ptr<PluginMap> map, std::shared_ptr<const RowsBuilder> rows)
      : map_(std::move(map)), rows_(std::move(rows)) {}
  ~PyPluginMap() { end(); }
  PyPluginMap(const PyPluginMap&) = delete;
  PyPluginMap& operator=(const PyPluginMap&) = delete;

  nb::dict next() {
    if (busy_) {
      throw Error(ErrorCode::kInvalid, "another thread is waiting for the next item of this map");
    }
    release_dropped_owners();
    if (map_ == nullptr) {
      throw nb::stop_iteration();
    }
    std::optional<std::vector<BuiltColumn>> columns;
    busy_ = true;
    try {
      Interruptible work;
      columns = map_->next([&work] { work.poll(); });
    } catch (...) {
      busy_ = false;
      throw;
    }
    busy_ = false;
    if (!columns) {
      close();
      throw nb::stop_iteration();
    }
    return rows_->make(std::move(*columns));
  }

  void close() {
    if (busy_) {
      throw Error(ErrorCode::kInvalid, "another thread is waiting for the next item of this map");
    }
    end();
  }

 private:
  // Waits for the threads, which never want the GIL.
  void end() noexcept {
    if (std::unique_ptr<PluginMap> closed = std::move(map_)) {
      const GilRelease unlocked;
      closed.reset();
    }
  }

  std::unique_ptr<PluginMap> map_;
  std::shared_ptr<const RowsBuilder> rows_;
  bool busy_ = false;  // changes with the GIL only
};

// A user's transform. States that no call uses are kept in a list, which the GIL guards.
class PyPlugin {
 public:
  PyPlugin(std::string path, std::string name, std::string options)
      : library_(std::make_shared<const PluginLibrary>(std::move(path), std::move(name),
                                                       std::move(options))) {
    std::unique_ptr<Plugin> first;
    {
      const GilRelease unlocked;
      first = library_->open();
    }
    schema_ = first->schema();
    idle_.push_back(std::move(first));
  }

  PyPlugin(const PyPlugin&) = delete;
  PyPlugin& operator=(const PyPlugin&) = delete;

  nb::list schema() const { return schema_list(schema_); }

  void present(std::vector<nb::object> presenters) {
    rows_ = std::make_shared<const RowsBuilder>(schema_, std::move(presenters));
  }

  nb::dict file(const nb::bytes& path, uint64_t seed, uint64_t epoch, uint64_t position) {
    const std::string name(view_of(path));
    return rows_->make(with_plugin([&](Plugin& plugin) {
      WholeFile memory;
      plugin.process(read_whole(name, memory),
                     {.name = name, .seed = seed, .epoch = epoch, .position = position});
      return plugin.take();
    }));
  }

  // The rows of all inputs, one behind the other; input i stands at position + i.
  nb::dict inputs(const std::vector<nb::bytes>& inputs, uint64_t seed, uint64_t epoch,
                  uint64_t position) {
    std::vector<std::span<const std::byte>> spans;
    spans.reserve(inputs.size());
    for (const nb::bytes& input : inputs) {
      spans.push_back(std::as_bytes(std::span(view_of(input))));
    }
    return rows_->make(with_plugin([&](Plugin& plugin) {
      plugin.clear();
      for (size_t i = 0; i < spans.size(); ++i) {
        const std::string name =
            spans.size() == 1 ? "the bytes given" : "input " + std::to_string(i);
        plugin.process(spans[i],
                       {.name = name, .seed = seed, .epoch = epoch, .position = position + i});
      }
      return plugin.take();
    }));
  }

  std::shared_ptr<PyPluginMap> map(const std::vector<nb::bytes>& paths, uint64_t threads,
                                   uint64_t places, uint64_t seed, uint64_t epoch) const {
    std::vector<std::string> names;
    names.reserve(paths.size());
    for (const nb::bytes& path : paths) {
      names.emplace_back(view_of(path));
    }
    return std::make_shared<PyPluginMap>(
        std::make_unique<PluginMap>(
            library_, schema_, std::move(names),
            PluginMap::Options{.threads = threads, .places = places, .seed = seed, .epoch = epoch}),
        rows_);
  }

 private:
  // Calls `work` without the GIL, with a state that nobody else uses meanwhile.
  template <typename Work>
  std::vector<BuiltColumn> with_plugin(const Work& work) {
    std::unique_ptr<Plugin> plugin;
    if (!idle_.empty()) {
      plugin = std::move(idle_.back());
      idle_.pop_back();
    }
    std::vector<BuiltColumn> columns;
    std::exception_ptr failure;
    {
      const GilRelease unlocked;
      try {
        if (plugin == nullptr) {
          plugin = library_->open(schema_);
        }
        columns = work(*plugin);
      } catch (...) {
        failure = std::current_exception();
      }
    }
    if (plugin != nullptr) {
      idle_.push_back(std::move(plugin));
    }
    if (failure != nullptr) {
      std::rethrow_exception(failure);
    }
    return columns;
  }

  std::shared_ptr<const PluginLibrary> library_;
  Schema schema_;
  std::vector<std::unique_ptr<Plugin>> idle_;
  std::shared_ptr<const RowsBuilder> rows_;
};

}  // namespace

void bind_native(nb::module_& module) {
  nb::class_<PyPluginMap>(module, "PluginMap", "The results of a transform for many files.")
      .def(
          "__iter__", [](nb::handle self) { return nb::borrow(self); },
          nb::sig("def __iter__(self) -> PluginMap"))
      .def("__next__", &PyPluginMap::next, nb::sig("def __next__(self) -> dict[str, typing.Any]"))
      .def("close", &PyPluginMap::close);
  nb::class_<PyPlugin>(module, "Plugin", "A native transform in a shared library.")
      .def(
          "__init__",
          [](PyPlugin* self, const nb::bytes& path, std::string name, std::string options) {
            new (self) PyPlugin(std::string(view_of(path)), std::move(name), std::move(options));
          },
          "path"_a, "name"_a, "options"_a)
      .def_prop_ro("schema", &PyPlugin::schema,
                   nb::sig("def schema(self) -> list[tuple[str, str, tuple[int, ...], str, str, "
                           "int, bool]]"))
      .def("present", &PyPlugin::present, "presenters"_a,
           "One function of (offsets, values, indices) for each column; None of a tensor.",
           nb::sig("def present(self, presenters: collections.abc.Sequence[typing.Any]) -> None"))
      .def("file", &PyPlugin::file, "path"_a, "seed"_a, "epoch"_a, "position"_a,
           nb::sig("def file(self, path: bytes, seed: int, epoch: int, position: int) -> dict[str, "
                   "typing.Any]"))
      .def("inputs", &PyPlugin::inputs, "inputs"_a, "seed"_a, "epoch"_a, "position"_a,
           nb::sig("def inputs(self, inputs: collections.abc.Sequence[bytes], seed: int, epoch: "
                   "int, position: int) -> dict[str, typing.Any]"))
      .def("map", &PyPlugin::map, "paths"_a, "threads"_a, "places"_a, "seed"_a, "epoch"_a,
           nb::sig("def map(self, paths: collections.abc.Sequence[bytes], threads: int, places: "
                   "int, seed: int, epoch: int) -> PluginMap"));
}

}  // namespace headrace::python
