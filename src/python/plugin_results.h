#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>

#include "base/error.h"
#include "column/schema.h"
#include "engine/plugin_lots.h"
#include "engine/plugin_map.h"
#include "python/gil.h"
#include "python/owners.h"
#include "transform/column_builder.h"

namespace headrace::python {

class Memories;

// Makes a dict of the rows of a plug-in: of each column an array, or what its presenter returns for
// (offsets, values, indices), None where there is no such part. bfloat16, which numpy does not
// have, is int16 there.
class RowsBuilder {
 public:
  // One presenter for each column; None for a tensor that is an array.
  RowsBuilder(const Schema& schema, std::vector<nanobind::object> presenters);

  nanobind::dict make(const std::vector<BuiltColumn>& columns) const;

 private:
  // A column, and of what arrays its parts are made.
  struct Column {
    explicit Column(const Field& field, nanobind::object presenter);

    bool is_tensor;
    nanobind::object name;
    nanobind::object presenter;
    Field value;
    Field index;
    Field offset;
  };

  static nanobind::object show(const Column& column, const BuiltColumn& built, Memories& memories);

  std::vector<Column> columns_;
};

// What threads of the core give in order, waited for without the GIL, by one Python thread at a
// time. `Results` has next(poll).
template <typename Results>
class GuardedResults {
 public:
  explicit GuardedResults(std::unique_ptr<Results> results) : results_(std::move(results)) {}
  ~GuardedResults() { end(); }
  GuardedResults(const GuardedResults&) = delete;
  GuardedResults& operator=(const GuardedResults&) = delete;

  // Null once they are closed. Throws kInvalid while another thread waits.
  Results* get() const {
    if (busy_) {
      throw Error(ErrorCode::kInvalid, "another thread is waiting for the next item of this map");
    }
    return results_.get();
  }

  // What comes next, an empty optional behind the last. Requires: get() is not null.
  auto next() {
    release_dropped_owners();
    const Busy busy(busy_);
    Interruptible work;
    return results_->next([&work] { work.poll(); });
  }

  // Waits for the threads. Throws as get().
  void close() {
    get();
    end();
  }

 private:
  struct Busy {
    explicit Busy(bool& flag) : flag(flag) { flag = true; }
    ~Busy() { flag = false; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    bool& flag;
  };

  // The threads never want the GIL.
  void end() noexcept {
    if (std::unique_ptr<Results> closed = std::move(results_)) {
      const GilRelease unlocked;
      closed.reset();
    }
  }

  std::unique_ptr<Results> results_;
  bool busy_ = false;  // changes with the GIL only
};

// The iterator over the results of many files.
class PyPluginMap {
 public:
  PyPluginMap(std::unique_ptr<PluginMap> map, std::shared_ptr<const RowsBuilder> rows)
      : map_(std::move(map)), rows_(std::move(rows)) {}

  nanobind::dict next();
  void close() { map_.close(); }

 private:
  GuardedResults<PluginMap> map_;
  std::shared_ptr<const RowsBuilder> rows_;
};

// Lots of inputs on their way through threads.
class PyPluginLots {
 public:
  PyPluginLots(std::unique_ptr<PluginLots> lots, std::shared_ptr<const RowsBuilder> rows)
      : rows_(std::move(rows)), lots_(std::move(lots)) {}

  // Hands in a lot of paths, or of bytes; they are kept as long as threads may read them.
  void add(std::vector<nanobind::bytes> inputs, const std::vector<uint64_t>& positions,
           bool are_files);

  // (inputs, columns, seconds), the columns None for an input that failed; None behind the last.
  nanobind::object next();

  void close() { lots_.close(); }

 private:
  PluginLots& open() const;

  std::shared_ptr<const RowsBuilder> rows_;
  std::deque<std::vector<nanobind::bytes>> kept_;  // of the lots that threads may look at
  uint64_t dropped_ = 0;
  GuardedResults<PluginLots> lots_;  // last: its threads read what is kept
};

void bind_plugin_results(nanobind::module_& module);

}  // namespace headrace::python
