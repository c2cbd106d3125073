#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "column/schema.h"
#include "engine/parallel_map.h"
#include "engine/plugin_map.h"
#include "storage/whole_file.h"
#include "transform/column_builder.h"
#include "transform/plugin.h"

namespace headrace {

// Rows of inputs that are handed in lot by lot, made by a plug-in in threads and given back in the
// order of the inputs. One thread works on a lot, input after input into the same columns, so that
// many small inputs cost little more than the work on them: for those who store rows, where
// PluginMap is for those who want the rows of each file.
class PluginLots {
 public:
  struct Options {
    uint64_t threads = 1;  // each has a state of its own
    uint64_t places = 2;   // lots that there are at a time
  };

  // A file, or bytes, which the caller keeps until the lot is taken.
  struct Input {
    bool is_file = false;
    std::string path = {};
    std::span<const std::byte> bytes = {};
    uint64_t position = 0;  // what the plug-in is told; the seed and the epoch are 0
  };

  // Rows of inputs of one lot that follow each other; no columns for a single input that failed:
  // a call for that input alone says why.
  struct Rows {
    uint64_t inputs = 0;
    std::optional<std::vector<BuiltColumn>> columns = std::nullopt;
    double seconds = 0;  // that the work on them took
  };

  // Requires: threads > 0; places > 0.
  PluginLots(std::shared_ptr<const PluginLibrary> library, Schema schema, const Options& options);

  // Hands in a lot, behind those before it. Requires: added - taken() < places.
  void add(std::vector<Input> lot);

  // The rows of the inputs that come next; nothing where none is left. Throws as
  // ParallelMap::next(), std::bad_alloc.
  std::optional<Rows> next(const std::function<void()>& poll);

  // How many lots no thread looks at any more.
  uint64_t taken() const noexcept { return taken_; }

 private:
  void work(uint64_t place, uint64_t thread);
  void process(Plugin& plugin, const Input& input, uint64_t thread);

  std::shared_ptr<const PluginLibrary> library_;
  Schema schema_;
  std::vector<std::unique_ptr<Plugin>> plugins_;  // one for each thread, opened there
  std::vector<WholeFile> files_;                  // one for each thread
  std::vector<std::vector<Input>> lots_;          // one for each place, as what follows
  std::vector<std::vector<Rows>> results_;
  std::vector<Rows> current_;  // of the lot that was taken last
  size_t given_ = 0;           // how many of these next() has given away
  uint64_t added_ = 0;
  uint64_t taken_ = 0;
  ParallelMap map_;  // last: its threads use the others
};

}  // namespace headrace
