#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "column/schema.h"
#include "engine/file_map.h"
#include "storage/shared_library.h"
#include "transform/column_builder.h"
#include "transform/plugin.h"
#include "transform/small_blocks.h"

namespace headrace {

// A library that holds a user's transform, with the options that it is opened with. It stays loaded
// as long as this lives; Plugins of it must not outlive it.
class PluginLibrary {
 public:
  // `name` is what messages call it. Throws as SharedLibrary; kUnsupported where it exports no
  // headrace_transform_table().
  PluginLibrary(std::string path, std::string name, std::string options);

  // One more state of the transform. Throws as Plugin.
  std::unique_ptr<Plugin> open() const;

  // The same; throws kTransform too where it declares other columns than before.
  std::unique_ptr<Plugin> open(const Schema& expected) const;

 private:
  SharedLibrary library_;
  std::string name_;
  std::string options_;
  const headrace_transform* table_;
};

// The rows of many files, made by a plug-in in threads, in the order of the paths.
class PluginMap {
 public:
  struct Options {
    uint64_t threads = 1;  // each has a state of its own
    uint64_t places = 2;   // results that there are at a time
    uint64_t seed = 0;
    uint64_t epoch = 0;
  };

  // Requires: threads > 0; places > 0.
  PluginMap(std::shared_ptr<const PluginLibrary> library, Schema schema,
            std::vector<std::string> paths, const Options& options);

  // The columns of the next file; nothing behind the last. Throws, in the turn of the file, as
  // FileMap::next() and Plugin::process(); the files behind it can still be asked for.
  std::optional<std::vector<BuiltColumn>> next(const std::function<void()>& poll);

 private:
  std::shared_ptr<const PluginLibrary> library_;
  Schema schema_;
  Options options_;
  std::vector<std::unique_ptr<Plugin>> plugins_;   // one for each thread, opened there
  std::vector<SmallBlocks> blocks_;                // one for each thread
  std::vector<std::vector<BuiltColumn>> results_;  // one for each place
  FileMap map_;                                    // last: its threads use the others
};

}  // namespace headrace
