#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "base/error.h"
#include "base/uuid.h"
#include "column/column_view.h"
#include "dataset/made_shard_writer.h"
#include "dataset/remote_dataset.h"
#include "dataset/shard_counts.h"
#include "dataset/shard_store.h"
#include "python/bindings.h"
#include "python/fields.h"
#include "python/gil.h"
#include "python/given_rows.h"
#include "python/owners.h"
#include "python/remotes.h"
#include "storage/fetch_job.h"
#include "storage/fetch_queue.h"
#include "storage/job_sink.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

using Bytes = nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1e3));
}

// Rows of one batch; the arrays that the views are over are those of the first part.
struct GivenBatch {
  std::vector<GivenRows> rows = {};
  std::vector<ColumnView> views = {};
};

GivenBatch batch_from(const nb::list& columns, const Schema& schema) {
  if (columns.size() != schema.size()) {
    throw Error(ErrorCode::kInvalid, "there are " + std::to_string(columns.size()) +
                                         " columns of rows for a schema of " +
                                         std::to_string(schema.size()));
  }
  GivenBatch batch;
  for (size_t c = 0; c < schema.size(); ++c) {
    batch.rows.push_back(rows_from(nb::cast<nb::tuple>(columns[c]), schema[c]));
    batch.views.push_back(batch.rows.back().view);
  }
  return batch;
}

// A job in the hands of one thread of Python. Whatever it does lets other threads run.
class PyFetchJob {
 public:
  explicit PyFetchJob(std::unique_ptr<FetchJob> job) : job_(std::move(job)) {}
  ~PyFetchJob() { close(); }
  PyFetchJob(const PyFetchJob&) = delete;
  PyFetchJob& operator=(const PyFetchJob&) = delete;

  FetchJob& job() const {
    if (job_ == nullptr) {
      throw Error(ErrorCode::kInvalid, "this job was closed; take the next one");
    }
    return *job_;
  }

  // Gives back its share in the file, whoever still refers to the object: a traceback may.
  void close() {
    const GilRelease unlocked;
    job_.reset();
  }

  void write(uint64_t offset, const Bytes& data) const {
    const GilRelease unlocked;
    job().write(offset, std::as_bytes(std::span(data.data(), data.size())));
  }
  void done(const std::string& version) const {
    const GilRelease unlocked;
    job().done(version);
  }
  // False where there was not enough room for the rows, and it was asked for.
  bool write_shard(const nb::list& schema, uint64_t rows_per_batch, const nb::list& batches) const {
    const Schema columns = schema_from(schema);
    std::vector<GivenBatch> given;
    for (const nb::handle batch : batches) {
      given.push_back(batch_from(nb::cast<nb::list>(batch), columns));
    }
    const GilRelease unlocked;
    JobSink sink(job());
    MadeShardWriter writer(columns, rows_per_batch, sink);
    for (const GivenBatch& batch : given) {
      writer.write(batch.views);
    }
    writer.finish();
    return sink.finish();
  }
  void fail(const std::string& what, const std::string& code, bool retryable,
            double retry_after) const {
    const GilRelease unlocked;
    job().fail(what, {.code = error_code_from_name(code),
                      .retryable = retryable,
                      .retry_after = milliseconds(retry_after)});
  }

 private:
  std::unique_ptr<FetchJob> job_;
};

// The jobs of a dataset, for threads that must not keep it alive: none has a share in it while it
// waits, and what one may have for a moment is the store, nothing of which is Python's.
class FetchPort {
 public:
  explicit FetchPort(std::weak_ptr<const ShardStore> store) : store_(std::move(store)) {}

  std::unique_ptr<PyFetchJob> take(double timeout) const {
    std::unique_ptr<FetchJob> job;
    {
      const GilRelease unlocked;
      job = jobs()->take(milliseconds(timeout));
    }
    return job == nullptr ? nullptr : std::make_unique<PyFetchJob>(std::move(job));
  }

  void close() const {
    const GilRelease unlocked;
    if (const auto store = store_.lock()) {
      store->close();
    }
  }

 private:
  std::shared_ptr<FetchQueue> jobs() const {
    const auto store = store_.lock();
    if (store == nullptr) {
      throw Error(ErrorCode::kCancelled, "the dataset is gone, and nobody waits for its shards");
    }
    return store->jobs();
  }

  std::weak_ptr<const ShardStore> store_;
};

std::shared_ptr<RemoteShards> open_shards(const DatasetPaths& directory, uint64_t version,
                                          const std::string& url, const std::string& cache,
                                          uint64_t cache_bytes, double deadline) {
  const GilRelease unlocked;
  return open_remote_shards(directory, version, url,
                            {.cache_directory = cache,
                             .cache_bytes = cache_bytes,
                             .fetch = {.retry = {.deadline = milliseconds(deadline)}}});
}

// A shard that is made: its id in the cache, its name, what its rows are told from others by, and
// how many rows and bytes it has; 0 where that is not known.
using MadeShard = std::tuple<std::string, std::string, uint64_t, uint64_t, uint64_t>;

Uuid checked_uuid(const std::string& text) {
  const auto uuid = parse_uuid(text);
  if (!uuid) {
    throw Error(ErrorCode::kInvalid, "'" + text + "' is no UUID in lower case");
  }
  return *uuid;
}

std::shared_ptr<RemoteShards> make_shards(const std::string& origin, const nb::list& schema,
                                          const std::string& dataset,
                                          const std::vector<MadeShard>& shards, uint64_t batch_rows,
                                          const std::tuple<uint64_t, uint64_t>& seen,
                                          const std::string& cache, uint64_t cache_bytes) {
  const Schema columns = schema_from(schema);
  const GilRelease unlocked;
  MadeDataset made{.id = checked_uuid(dataset),
                   .origin = origin,
                   .schema = columns,
                   .seen = {.row_bytes = std::get<0>(seen), .bytes = std::get<1>(seen)}};
  for (const auto& [id, name, content_hash, rows, bytes] : shards) {
    made.shards.push_back(
        {.id = checked_uuid(id),
         .content_hash = content_hash,
         .known = {.name = name, .rows = rows, .batch_rows = batch_rows, .bytes = bytes}});
  }
  return make_remote_shards(std::move(made),
                            {.cache_directory = cache, .cache_bytes = cache_bytes});
}

std::shared_ptr<ShardCounter> counter(const std::shared_ptr<RemoteShards>& shards, uint64_t ahead) {
  shards->wake();
  const GilRelease unlocked;
  return std::make_shared<ShardCounter>(shards, ahead);
}

// Rows and bytes.
std::vector<std::tuple<uint64_t, uint64_t>> count_to(ShardCounter& counter, uint64_t stop) {
  std::vector<std::tuple<uint64_t, uint64_t>> counts;
  Interruptible work;
  for (const auto& [rows, bytes] : counter.count_to(stop, [&work] { work.poll(); })) {
    counts.emplace_back(rows, bytes);
  }
  return counts;
}

// The callable is dropped with the shards, perhaps by a thread without the GIL.
void set_waker(RemoteShards& shards, nb::object waker) {
  auto owner = share_owner(std::move(waker));
  shards.set_waker([owner] {
    calling_python([&] { nb::borrow(static_cast<PyObject*>(const_cast<void*>(owner.get())))(); });
  });
}

}  // namespace

void wake_remotes(const Dataset& dataset) {
  for (const RemoteShards* remote : dataset.remotes()) {
    remote->wake();
  }
}

void bind_store(nb::module_& module) {
  nb::class_<PyFetchJob>(module, "FetchJob", "A range of a shard that a thread is to download.")
      .def_prop_ro("number", [](const PyFetchJob& self) { return self.job().request().id; })
      .def_prop_ro("key", [](const PyFetchJob& self) { return self.job().request().name; })
      .def_prop_ro("offset", [](const PyFetchJob& self) { return self.job().offset(); })
      .def_prop_ro("bytes", [](const PyFetchJob& self) { return self.job().bytes(); })
      .def("write", &PyFetchJob::write, "offset"_a, "data"_a,
           nb::sig("def write(self, offset: int, data: memoryview) -> None"))
      .def("close", &PyFetchJob::close)
      .def("done", &PyFetchJob::done, "version"_a)
      .def("write_shard", &PyFetchJob::write_shard, "schema"_a, "rows_per_batch"_a, "batches"_a,
           "Writes the rows of a shard that is made, and ends the job; False where there was not "
           "enough room for them, and another job comes.",
           nb::sig("def write_shard(self, schema: list[tuple[typing.Any, ...]], "
                   "rows_per_batch: int, batches: list[list[tuple[int, "
                   "numpy.typing.NDArray[typing.Any] | None, numpy.typing.NDArray[typing.Any] | "
                   "None, numpy.typing.NDArray[typing.Any] | None]]]) -> bool"))
      .def("fail", &PyFetchJob::fail, "what"_a, "code"_a, "retryable"_a, "retry_after"_a = 0.0);
  module.def(
      "checked_fields", [](const nb::list& fields) { return schema_list(schema_from(fields)); },
      "fields"_a, "The columns as they are, if they can be.",
      nb::sig("def checked_fields(fields: list[tuple[typing.Any, ...]]) -> "
              "list[tuple[typing.Any, ...]]"));
  nb::class_<FetchPort>(module, "FetchPort", "Where the jobs of a remote dataset are taken.")
      .def("take", &FetchPort::take, "timeout"_a,
           nb::sig("def take(self, timeout: float) -> FetchJob | None"))
      .def("close", &FetchPort::close);
  nb::class_<ShardCounter>(module, "ShardCounter", "Looks at shards in their order.")
      .def("count_to", &count_to, "stop"_a,
           "Rows and bytes of the shards before `stop` that were not looked at yet.");
  nb::class_<RemoteShards>(module, "RemoteShards", "The shards of a dataset in a store.")
      .def_static("open", &open_shards, "directory"_a, "version"_a, "url"_a, "cache"_a,
                  "cache_bytes"_a, "deadline"_a)
      .def_static("make", &make_shards, "origin"_a, "schema"_a, "dataset"_a, "shards"_a,
                  "batch_rows"_a, "seen"_a, "cache"_a, "cache_bytes"_a,
                  "Shards that whoever takes their jobs makes.",
                  nb::sig("def make(origin: str, schema: list[tuple[typing.Any, ...]], "
                          "dataset: str, shards: list[tuple[str, str, int, int, int]], "
                          "batch_rows: int, seen: tuple[int, int], cache: str, "
                          "cache_bytes: int) -> RemoteShards"))
      .def("counter", &counter, "ahead"_a,
           "Looks at all shards in their order; so many come into the cache at a time.")
      .def_prop_ro(
          "seen",
          [](const RemoteShards& self) {
            const MadeShards* made = self.store().made();
            const MadeShards::Seen seen = made != nullptr ? made->seen() : MadeShards::Seen{};
            return std::tuple(seen.row_bytes, seen.bytes);
          },
          "How large a row, without metadata, and a shard that is made was at most.")
      .def("set_waker", &set_waker, "waker"_a,
           nb::sig("def set_waker(self, waker: collections.abc.Callable[[], None]) -> None"))
      .def(
          "port",
          [](const RemoteShards& self) { return std::make_unique<FetchPort>(self.shared_store()); })
      .def("dataset", [](const std::shared_ptr<RemoteShards>& self) {
        const GilRelease unlocked;
        return std::const_pointer_cast<Dataset>(dataset_of_remote_shards(self));
      });
}

}  // namespace headrace::python
