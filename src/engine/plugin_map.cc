#include "engine/plugin_map.h"

#include <utility>

#include "base/error.h"

namespace headrace {
namespace {

constexpr const char* kExported = "headrace_transform_table";

const headrace_transform* table_of(const SharedLibrary& library, const std::string& name) {
  void* const found = library.find(kExported);
  if (found == nullptr) {
    throw Error(ErrorCode::kUnsupported,
                name + " exports no " + kExported +
                    "(), which headrace/transform.h describes; in C++ write HEADRACE_TRANSFORM(...)"
                    " at its end, outside of any namespace",
                {.file = library.path(), .column = ""});
  }
  return reinterpret_cast<decltype(&headrace_transform_table)>(found)();
}

}  // namespace

PluginLibrary::PluginLibrary(std::string path, std::string name, std::string options)
    : library_(std::move(path)),
      name_(std::move(name)),
      options_(std::move(options)),
      table_(table_of(library_, name_)) {}

std::unique_ptr<Plugin> PluginLibrary::open() const {
  return std::make_unique<Plugin>(table_, name_, options_);
}

std::unique_ptr<Plugin> PluginLibrary::open(const Schema& expected) const {
  std::unique_ptr<Plugin> plugin = open();
  if (plugin->schema() != expected) {
    throw Error(
        ErrorCode::kTransform,
        name_ + ": open() declared other columns than the first time, for the same options");
  }
  return plugin;
}

PluginMap::PluginMap(std::shared_ptr<const PluginLibrary> library, Schema schema,
                     std::vector<std::string> paths, const Options& options)
    : library_(std::move(library)),
      schema_(std::move(schema)),
      options_(options),
      plugins_(options.threads),
      blocks_(options.threads),
      results_(options.places),
      map_(std::move(paths), {.threads = options.threads, .places = options.places},
           [this](const FileMap::Input& input) {
             std::unique_ptr<Plugin>& plugin = plugins_[input.thread];
             if (plugin == nullptr) {
               plugin = library_->open(schema_);
             }
             plugin->clear();  // what an input that failed has left
             plugin->process(input.bytes, {.name = input.path,
                                           .seed = options_.seed,
                                           .epoch = options_.epoch,
                                           .position = input.item});
             results_[input.place] = plugin->take(&blocks_[input.thread]);
           }) {}

std::optional<std::vector<BuiltColumn>> PluginMap::next(const std::function<void()>& poll) {
  const std::optional<uint64_t> place = map_.next(poll);
  if (!place) {
    return std::nullopt;
  }
  return std::move(results_[*place]);
}

}  // namespace headrace
