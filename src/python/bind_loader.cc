#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/error.h"
#include "dataset/remote_shards.h"
#include "engine/loader.h"
#include "python/arrays.h"
#include "python/batch_order.h"
#include "python/bindings.h"
#include "python/gil.h"
#include "python/owners.h"
#include "python/part_arrays.h"
#include "python/remotes.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

using Indices = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

Output output_from_name(const std::string& name) {
  if (name == "torch") {
    return Output::kTorch;
  }
  if (name == "numpy") {
    return Output::kNumpy;
  }
  if (name == "dlpack") {
    return Output::kDlpack;
  }
  throw Error(ErrorCode::kInvalid,
              "output must be \"torch\", \"numpy\" or \"dlpack\"; found \"" + name + "\"");
}

// Makes the dict or tuple that a user sees of a batch. A column whose rows have one size becomes an
// array; another one becomes the tuple of its parts' arrays, None where there is no such part. What
// they are called with it and the number of rows, presenters[c] finish it, where there is one.
class BatchBuilder {
 public:
  // Requires: one presenter for each column, or none at all.
  BatchBuilder(DatasetPtr dataset, Output output, bool as_tuple, std::vector<nb::object> presenters)
      : dataset_(std::move(dataset)),
        tensors_(output, dataset_->schema()),
        as_tuple_(as_tuple),
        presenters_(std::move(presenters)) {
    for (const DatasetColumn& column : dataset_->columns()) {
      names_.push_back(nb::str(column.field.name.c_str(), column.field.name.size()));
    }
    presenters_.resize(names_.size(), nb::none());
  }

  const Dataset& dataset() const { return *dataset_; }

  // The same for the batches of another dataset of these columns.
  std::shared_ptr<const BatchBuilder> with(DatasetPtr dataset) const {
    auto other = std::make_shared<BatchBuilder>(*this);
    other->dataset_ = std::move(dataset);
    return other;
  }

  nb::object make(Batch batch) const {
    nb::object result = as_tuple_ ? nb::steal(PyTuple_New(static_cast<Py_ssize_t>(names_.size())))
                                  : nb::object(nb::dict());
    for (size_t c = 0; c < names_.size(); ++c) {
      nb::object shown = show(c, std::move(batch.columns[c]), batch.rows);
      const int failed = as_tuple_ ? PyTuple_SetItem(result.ptr(), static_cast<Py_ssize_t>(c),
                                                     shown.release().ptr())
                                   : PyDict_SetItem(result.ptr(), names_[c].ptr(), shown.ptr());
      if (failed != 0) {
        throw nb::python_error();
      }
    }
    return result;
  }

 private:
  nb::object show(size_t column, BatchColumn parts, uint64_t rows) const {
    const DatasetColumn& what = dataset_->columns()[column];
    nb::object shown =
        what.field.is_tensor()
            ? tensors_.make(std::move(parts[ColumnPart::kValues].slot), rows, what.field)
            : arrays_of(what, std::move(parts), rows);
    const nb::object& presenter = presenters_[column];
    return presenter.is_none() ? shown : calling_python([&] { return presenter(shown, rows); });
  }

  nb::object arrays_of(const DatasetColumn& column, BatchColumn parts, uint64_t rows) const {
    nb::list arrays;
    for (const ColumnPart part : kPartsInOrder) {
      BatchColumn::Part& made = parts[part];
      if (made.slot.data() == nullptr) {
        arrays.append(nb::none());
        continue;
      }
      const PartArray array = part_array(column, part, made.bytes, rows);
      arrays.append(tensors_.make(std::move(made.slot), array.rows, array.element));
    }
    return nb::tuple(arrays);
  }

  DatasetPtr dataset_;
  TensorMaker tensors_;
  bool as_tuple_;
  std::vector<nb::object> presenters_;
  std::vector<nb::object> names_;
};

// The iterator of one pass.
class PyPass {
 public:
  PyPass(std::shared_ptr<Pass> pass, std::shared_ptr<const BatchBuilder> maker)
      : pass_(std::move(pass)), maker_(std::move(maker)) {}
  ~PyPass() { close(); }
  PyPass(const PyPass&) = delete;
  PyPass& operator=(const PyPass&) = delete;

  const Pass& pass() const { return *pass_; }

  std::optional<std::pair<uint64_t, uint64_t>> wanted() const {
    const std::optional<Pass::Wanted> wanted = pass_->wanted();
    if (!wanted) {
      return std::nullopt;
    }
    return std::pair(wanted->number, wanted->item);
  }
  void name(RowList list) const { pass_->name(std::move(list)); }
  void prepare(uint64_t room) const {
    const GilRelease unlocked;
    pass_->prepare(room);
  }

  nb::object next() { return maker_->make(take()); }

  // Counted with its number, so that threads that share the iterator know what they have got.
  nb::tuple next_numbered() {
    Batch batch = take();
    const uint64_t number = batch.number;
    return nb::make_tuple(number, maker_->make(std::move(batch)));
  }

  void close() const {
    const GilRelease unlocked;
    pass_->close("this iterator was closed; iterate the loader again");
  }

 private:
  Batch take() {
    release_dropped_owners();
    wake_remotes(maker_->dataset());
    Batch batch;
    while (true) {
      Pass::Next next{};
      {
        const GilRelease unlocked;
        next = pass_->next(batch, Interruptible::kLookEvery);
      }
      if (next == Pass::Next::kBatch) {
        return batch;
      }
      if (next == Pass::Next::kEnd) {
        throw nb::stop_iteration();
      }
      if (PyErr_CheckSignals() != 0) {
        throw nb::python_error();
      }
    }
  }

  std::shared_ptr<Pass> pass_;
  std::shared_ptr<const BatchBuilder> maker_;
};

// What this process has done with the shards of the datasets that a loader reads one after the
// other: the versions of one that grows.
class ShardCounts {
 public:
  explicit ShardCounts(std::shared_ptr<const Dataset> dataset) : dataset_(std::move(dataset)) {}

  void use(std::shared_ptr<const Dataset> next) {
    std::swap(dataset_, next);
    if (next->remotes() != dataset_->remotes()) {
      if (before_ != nullptr) {
        gone_ += of(*before_);
        gone_.held_bytes = 0;
      }
      before_ = std::move(next);  // which the pass that goes on still reads
    }
  }

  ShardStoreStats sum() const {
    ShardStoreStats sum = gone_;
    sum += of(*dataset_);
    sum += before_ == nullptr ? ShardStoreStats() : of(*before_);
    return sum;
  }

 private:
  static ShardStoreStats of(const Dataset& dataset) {
    ShardStoreStats sum;
    for (const RemoteShards* remote : dataset.remotes()) {
      sum += remote->store().stats();
    }
    return sum;
  }

  std::shared_ptr<const Dataset> dataset_;
  std::shared_ptr<const Dataset> before_;
  ShardStoreStats gone_;
};

constexpr const char* kSuperseded = "superseded: a later iter() of the same loader took its place";

class PyLoader {
 public:
  PyLoader(std::shared_ptr<Dataset> dataset, const LoaderOptions& options, Output output,
           bool as_tuple, std::vector<nb::object> presenters)
      : maker_(
            std::make_shared<const BatchBuilder>(dataset, output, as_tuple, std::move(presenters))),
        loader_(dataset, options),
        counts_(std::move(dataset)) {}
  ~PyLoader() { close("the loader was collected"); }
  PyLoader(const PyLoader&) = delete;
  PyLoader& operator=(const PyLoader&) = delete;

  std::shared_ptr<PyPass> start(uint64_t epoch, uint64_t position, uint64_t every) {
    release_dropped_owners();
    // With the GIL, so that another thread finds either the old pass or the new one.
    const std::shared_ptr<Pass> superseded = loader_.last_pass();
    const std::shared_ptr<Pass> after_it = loader_.next_pass();
    auto pass = std::make_shared<PyPass>(loader_.start(epoch, position, every), maker_);
    close_pass(after_it, kSuperseded);
    close_pass(superseded, kSuperseded);
    return pass;
  }

  std::shared_ptr<PyPass> start_next(uint64_t epoch, uint64_t position) {
    const std::shared_ptr<Pass> superseded = loader_.next_pass();
    auto pass = std::make_shared<PyPass>(loader_.start_next(epoch, position), maker_);
    close_pass(superseded, kSuperseded);
    return pass;
  }

  void advance() {
    if (loader_.next_pass() == nullptr) {
      throw Error(ErrorCode::kCancelled, kSuperseded);
    }
    loader_.advance();
  }

  void use(std::shared_ptr<Dataset> dataset) {
    loader_.use(dataset);
    maker_ = maker_->with(dataset);
    counts_.use(std::move(dataset));
  }

  ShardStoreStats shard_stats() const { return counts_.sum(); }

  // With the GIL: one thread at a time may ask for pools.
  void name(const PyPass& pass, const Indices& rows) {
    pass.name({to_rows(rows), loader_.pools_of(rows.size())});
  }

  nb::object read(const Indices& rows) {
    const RowList list{to_rows(rows), loader_.pools_of(rows.size())};
    wake_remotes(maker_->dataset());
    Batch batch;
    {
      Interruptible work;
      batch = loader_.read(list, [&work] { work.poll(); });
    }
    return maker_->make(std::move(batch));
  }

  nb::object peek(uint64_t epoch, uint64_t position) const {
    std::optional<Batch> batch;
    wake_remotes(maker_->dataset());
    {
      Interruptible work;
      batch = loader_.peek(epoch, position, [&work] { work.poll(); });
    }
    return batch ? maker_->make(std::move(*batch)) : nb::none();
  }

  void close(const std::string& why) {
    const std::shared_ptr<Pass> last = loader_.last_pass();
    close_pass(loader_.next_pass(), why);
    close_pass(last, why);
  }

  const Loader& loader() const { return loader_; }

 private:
  static std::vector<uint64_t> to_rows(const Indices& rows) {
    if (rows.size() == 0) {
      throw Error(ErrorCode::kInvalid, "a batch has at least one row; found 0");
    }
    return {rows.data(), rows.data() + rows.size()};
  }

  // Takes a share of its own: another thread may start the next pass meanwhile.
  static void close_pass(const std::shared_ptr<Pass>& pass, const std::string& why) {
    if (pass != nullptr) {
      const GilRelease unlocked;
      pass->close(why);
    }
  }

  std::shared_ptr<const BatchBuilder> maker_;
  Loader loader_;
  ShardCounts counts_;
};

void add_shard_stats(const ShardStoreStats& sum, nb::dict& result) {
  result["shard_hits"] = sum.hits;
  result["shard_fetches"] = sum.fetches;
  result["shard_refetches"] = sum.refetches;
  result["shard_bytes"] = sum.bytes;
  result["shard_retries"] = sum.retries;
  result["shard_waits"] = sum.waits;
  result["shard_wait_s"] = std::chrono::duration<double>(sum.waited).count();
  result["shard_held_bytes"] = sum.held_bytes;
}

nb::dict stats_of(const PyLoader& self) {
  const LoaderStats stats = self.loader().stats();
  nb::dict result;
  result["passes"] = stats.passes;
  result["batches"] = stats.batches;
  result["rows"] = stats.rows;
  result["bytes"] = stats.bytes;
  result["padding"] = stats.padding;
  result["consumer_wait_s"] = stats.consumer_wait_s;
  result["worker_wait_s"] = stats.worker_wait_s;
  result["queue_depth"] = stats.queue_depth;
  result["regime"] = regime_name(stats.regime);
  result["regime_changes"] = stats.regime_changes;
  result["hinted_bytes"] = stats.hinted_bytes;
  result["read_ahead_bytes"] = stats.read_ahead_bytes;
  result["num_threads"] = self.loader().options().num_threads;
  result["prefetch"] = self.loader().options().prefetch;
  if (self.loader().dataset().is_transient()) {
    add_shard_stats(self.shard_stats(), result);
    result["shard_ahead_failures"] = stats.shard_ahead_failures;
  }
  return result;
}

Tail tail_of(bool drop_last, bool exact) {
  if (drop_last && exact) {
    throw Error(ErrorCode::kInvalid,
                "drop_last and exact exclude each other: the tail is left out or dealt exactly");
  }
  return drop_last ? Tail::kDrop : exact ? Tail::kExact : Tail::kRepeat;
}

void bind_pass(nb::module_& module) {
  nb::class_<PyPass>(module, "Pass", "The iterator of one pass over an epoch.")
      .def(
          "__iter__", [](nb::handle self) { return nb::borrow(self); },
          nb::sig("def __iter__(self) -> Pass"))
      .def("__next__", &PyPass::next, nb::sig("def __next__(self) -> typing.Any"))
      .def("next_numbered", &PyPass::next_numbered,
           nb::sig("def next_numbered(self) -> tuple[int, typing.Any]"))
      .def("wanted", &PyPass::wanted)
      .def("prepare", &PyPass::prepare, "room"_a,
           "Lets the first `room` batches be made before the first next().")
      .def("close", &PyPass::close)
      .def_prop_ro(
          "order",
          [](const PyPass& self) { return std::make_shared<PyBatchOrder>(self.pass().order()); })
      .def_prop_ro("epoch", [](const PyPass& self) { return self.pass().epoch(); })
      .def_prop_ro("handed_out", [](const PyPass& self) { return self.pass().handed_out(); })
      .def_prop_ro("position", [](const PyPass& self) { return self.pass().position(); })
      .def_prop_ro("asked", [](const PyPass& self) { return self.pass().asked(); })
      .def_prop_ro("done", [](const PyPass& self) { return self.pass().done(); })
      .def_prop_ro("live", [](const PyPass& self) { return self.pass().live(); });
}

}  // namespace

void bind_loader(nb::module_& module) {
  bind_pass(module);
  nb::class_<PyLoader>(module, "Loader", "Makes batches of a dataset in C++ threads.")
      .def(
          "__init__",
          [](PyLoader* self, std::shared_ptr<Dataset> dataset, uint64_t batch_size,
             const Shuffle& shuffle, uint64_t seed, bool drop_last, bool exact, uint64_t rank,
             uint64_t world_size, uint64_t num_threads, uint64_t prefetch,
             const std::string& output, bool as_tuple, uint64_t listed, uint64_t local_ranks,
             bool in_stages, std::vector<nb::object> presenters) {
            const LoaderOptions options{
                .split = {batch_size, world_size, rank, tail_of(drop_last, exact)},
                .shuffle = shuffle,
                .seed = seed,
                .local_ranks = local_ranks,
                .in_stages = in_stages,
                .num_threads = num_threads,
                .listed = listed,
                .prefetch = prefetch};
            new (self) PyLoader(std::move(dataset), options, output_from_name(output), as_tuple,
                                std::move(presenters));
          },
          "dataset"_a, nb::kw_only(), "batch_size"_a, "shuffle"_a, "seed"_a, "drop_last"_a,
          "exact"_a, "rank"_a, "world_size"_a, "num_threads"_a, "prefetch"_a, "output"_a,
          "as_tuple"_a, "listed"_a = 0, "local_ranks"_a = 1, "in_stages"_a = false,
          "presenters"_a = nb::list(),
          nb::sig(
              "def __init__(self, dataset: Dataset, *, batch_size: int, shuffle: Shuffle, seed: "
              "int, drop_last: bool, exact: bool, rank: int, world_size: int, num_threads: "
              "int, prefetch: int, output: str, as_tuple: bool, listed: int = 0, local_ranks: "
              "int = 1, in_stages: bool = False, presenters: collections.abc.Sequence[typing.Any] "
              "= []) -> None"))
      .def("start", &PyLoader::start, "epoch"_a, "position"_a, "every"_a = 1)
      .def("start_next", &PyLoader::start_next, "epoch"_a, "position"_a,
           "A pass for the time after the last one, which goes on.")
      .def("advance", &PyLoader::advance, "Makes the pass of start_next() the last one.")
      .def("use", &PyLoader::use, "dataset"_a,
           "Reads another dataset of the same columns and number of rows from the next pass on.")
      .def("peek", &PyLoader::peek, "epoch"_a, "position"_a,
           nb::sig("def peek(self, epoch: int, position: int) -> typing.Any"))
      .def("name", &PyLoader::name, "run"_a, "rows"_a,
           nb::sig("def name(self, run: Pass, rows: numpy.typing.NDArray[numpy.int64]) -> None"))
      .def("read", &PyLoader::read, "rows"_a,
           nb::sig("def read(self, rows: numpy.typing.NDArray[numpy.int64]) -> typing.Any"))
      .def(
          "order",
          [](const PyLoader& self, uint64_t epoch, uint64_t position) {
            return std::make_shared<PyBatchOrder>(self.loader().order(epoch, position));
          },
          "epoch"_a, "position"_a)
      .def(
          "batches",
          [](const PyLoader& self, uint64_t position) { return self.loader().batches(position); },
          "position"_a)
      .def("stats", &stats_of, nb::sig("def stats(self) -> dict[str, typing.Any]"))
      .def("close", &PyLoader::close, "why"_a,
           "Ends the last pass and the one after it; `why` is what their next() raises.");
}

}  // namespace headrace::python
