#include "engine/plugin_lots.h"

#include <chrono>
#include <utility>

#include "base/error.h"
#include "engine/file_map.h"

namespace headrace {
namespace {

using Clock = std::chrono::steady_clock;

// Collects what one lot gives.
class Runs {
 public:
  explicit Runs(std::vector<PluginLots::Rows>& to) : to_(to) { to_.clear(); }

  void add_input() { ++inputs_; }

  // Ends a run of inputs, whose rows the plug-in has.
  void end(Plugin* plugin) {
    if (inputs_ > 0) {
      to_.push_back({.inputs = inputs_, .columns = plugin->take(), .seconds = lap()});
      inputs_ = 0;
    }
  }

  void add_failure() { to_.push_back({.inputs = 1, .columns = std::nullopt, .seconds = lap()}); }

 private:
  double lap() {
    const Clock::time_point now = Clock::now();
    return std::chrono::duration<double>(now - std::exchange(began_, now)).count();
  }

  std::vector<PluginLots::Rows>& to_;
  uint64_t inputs_ = 0;
  Clock::time_point began_ = Clock::now();
};

}  // namespace

PluginLots::PluginLots(std::shared_ptr<const PluginLibrary> library, Schema schema,
                       const Options& options)
    : library_(std::move(library)),
      schema_(std::move(schema)),
      plugins_(options.threads),
      files_(options.threads),
      lots_(options.places),
      results_(options.places),
      map_({.items = 0, .threads = options.threads, .places = options.places, .growing = true},
           [this](uint64_t, uint64_t place, uint64_t thread) { work(place, thread); }) {}

void PluginLots::add(std::vector<Input> lot) {
  lots_[added_++ % lots_.size()] = std::move(lot);
  map_.extend(1);
}

std::optional<PluginLots::Rows> PluginLots::next(const std::function<void()>& poll) {
  while (given_ == current_.size()) {
    const std::optional<uint64_t> place = map_.next(poll);
    if (!place) {
      return std::nullopt;
    }
    ++taken_;
    current_ = std::move(results_[*place]);
    given_ = 0;
  }
  return std::move(current_[given_++]);
}

void PluginLots::work(uint64_t place, uint64_t thread) {
  std::unique_ptr<Plugin>& plugin = plugins_[thread];
  Runs runs(results_[place]);
  if (plugin != nullptr) {
    plugin->clear();  // what a lot left that ran out of memory
  }
  for (const Input& input : lots_[place]) {
    try {
      if (plugin == nullptr) {
        plugin = library_->open(schema_);
      }
      process(*plugin, input, thread);
      runs.add_input();
    } catch (const Error&) {
      runs.end(plugin.get());
      runs.add_failure();
    }
  }
  runs.end(plugin.get());
}

void PluginLots::process(Plugin& plugin, const Input& input, uint64_t thread) {
  if (input.is_file) {
    plugin.process(read_whole(input.path, files_[thread]),
                   {.name = input.path, .position = input.position});
  } else {
    plugin.process(input.bytes, {.name = "the bytes given", .position = input.position});
  }
}

}  // namespace headrace
