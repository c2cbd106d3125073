#include <cstdint>
#include <exception>
#include <memory>
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
#include "python/bindings.h"
#include "python/fields.h"
#include "python/gil.h"
#include "python/plugin_results.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

std::string_view view_of(const nb::bytes& bytes) { return {bytes.c_str(), bytes.size()}; }

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

  void present(std::vector<nb::object> shown, std::vector<nb::object> stored) {
    rows_ = std::make_shared<const RowsBuilder>(schema_, std::move(shown));
    stored_ = std::make_shared<const RowsBuilder>(schema_, std::move(stored));
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

  std::shared_ptr<PyPluginLots> lots(uint64_t threads, uint64_t places) const {
    const PluginLots::Options options{.threads = threads, .places = places};
    return std::make_shared<PyPluginLots>(std::make_unique<PluginLots>(library_, schema_, options),
                                          stored_);
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
        plugin->clear();  // what a call that failed has left
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
  std::shared_ptr<const RowsBuilder> rows_;    // what users see
  std::shared_ptr<const RowsBuilder> stored_;  // what is stored
};

}  // namespace

void bind_native(nb::module_& module) {
  bind_plugin_results(module);
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
      .def("present", &PyPlugin::present, "shown"_a, "stored"_a,
           "Functions of (offsets, values, indices), one for each column; None for an array.",
           nb::sig("def present(self, shown: collections.abc.Sequence[typing.Any], stored: "
                   "collections.abc.Sequence[typing.Any]) -> None"))
      .def("file", &PyPlugin::file, "path"_a, "seed"_a, "epoch"_a, "position"_a,
           nb::sig("def file(self, path: bytes, seed: int, epoch: int, position: int) -> dict[str, "
                   "typing.Any]"))
      .def("inputs", &PyPlugin::inputs, "inputs"_a, "seed"_a, "epoch"_a, "position"_a,
           nb::sig("def inputs(self, inputs: collections.abc.Sequence[bytes], seed: int, epoch: "
                   "int, position: int) -> dict[str, typing.Any]"))
      .def("map", &PyPlugin::map, "paths"_a, "threads"_a, "places"_a, "seed"_a, "epoch"_a,
           nb::sig("def map(self, paths: collections.abc.Sequence[bytes], threads: int, places: "
                   "int, seed: int, epoch: int) -> PluginMap"))
      .def("lots", &PyPlugin::lots, "threads"_a, "places"_a,
           nb::sig("def lots(self, threads: int, places: int) -> PluginLots"));
}

}  // namespace headrace::python
