#include "python/stored.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "base/error.h"
#include "dataset/arrow_files.h"
#include "dataset/coming_rows.h"
#include "dataset/directory_dataset.h"
#include "dataset/safetensors_files.h"
#include "dataset/shard_pieces.h"
#include "dataset/source_runs.h"
#include "dataset/whole_files.h"
#include "python/gil.h"
#include "python/number_arrays.h"
#include "python/remotes.h"
#include "python/units.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

using Handle = std::shared_ptr<Dataset>;

Handle from_arrow_files(const std::vector<std::string>& paths, const std::string& io, bool verify) {
  const GilRelease unlocked;
  return std::const_pointer_cast<Dataset>(
      dataset_from_arrow_files(paths, {.io = io_from_name(io), .verify = verify}));
}

Handle from_safetensors(const std::vector<std::string>& paths, const std::string& io) {
  const GilRelease unlocked;
  return std::const_pointer_cast<Dataset>(dataset_from_safetensors(paths, io_from_name(io)));
}

// Looking at many files may take long: Ctrl-C stops it.
Handle from_whole_files(const std::string& name, const std::vector<std::string>& paths) {
  Interruptible work;
  return std::const_pointer_cast<Dataset>(
      dataset_from_whole_files(name, paths, [&work] { work.poll(); }));
}

Handle from_directory(const std::string& root, uint64_t version, const std::string& io,
                      bool verify) {
  const GilRelease unlocked;
  return std::const_pointer_cast<Dataset>(dataset_from_directory(
      DatasetPaths(root), version, {.io = io_from_name(io), .verify = verify}));
}

// The ids, and where the rows of each end: in an array, since there may be a million.
nb::tuple shard_list(const Dataset& dataset) {
  std::vector<ShardRows> shards;
  {
    const GilRelease unlocked;
    shards = shard_rows(dataset);
  }
  nb::list ids;
  std::vector<uint64_t> ends;
  ends.reserve(shards.size());
  for (const ShardRows& shard : shards) {
    ids.append(shard.id);
    ends.push_back(shard.first + shard.rows);
  }
  return nb::make_tuple(std::move(ids), number_array(std::move(ends)));
}

// What was asked for of stores, as long as Python holds it.
class PyComingRows {
 public:
  PyComingRows(const Handle& dataset, uint64_t bytes) {
    wake_remotes(*dataset);
    const GilRelease unlocked;
    ask_for_rows(*dataset, bytes);
    shards_ = std::make_unique<const ComingShards>(dataset);
  }
  ~PyComingRows() {
    const GilRelease unlocked;
    shards_.reset();
  }
  PyComingRows(const PyComingRows&) = delete;
  PyComingRows& operator=(const PyComingRows&) = delete;

 private:
  std::unique_ptr<const ComingShards> shards_;
};

std::unique_ptr<PyComingRows> ask_for(const Handle& dataset, uint64_t bytes) {
  return std::make_unique<PyComingRows>(dataset, bytes);
}

PyUnits shuffle_units_of(const Dataset& dataset) {
  const GilRelease unlocked;
  return {shuffle_units(dataset)};
}

}  // namespace

Io io_from_name(const std::string& name) {
  if (name == "auto") {
    return Io::kAuto;
  }
  if (name == "mmap") {
    return Io::kMmap;
  }
  if (name == "pread") {
    return Io::kPread;
  }
  throw Error(ErrorCode::kInvalid,
              "io must be \"auto\", \"mmap\" or \"pread\"; found \"" + name + "\"");
}

void bind_stored(nb::module_& module, DatasetClass& dataset) {
  const nb::class_<PyComingRows> coming(module, "ComingRows", "Rows of stores that are read next.");
  dataset.def_static("from_arrow_files", &from_arrow_files, "paths"_a, "io"_a, "verify"_a)
      .def_static("from_safetensors", &from_safetensors, "paths"_a, "io"_a)
      .def_static("from_directory", &from_directory, "root"_a, "version"_a, "io"_a, "verify"_a)
      .def_static("from_whole_files", &from_whole_files, "name"_a, "paths"_a)
      .def("shard_rows", &shard_list,
           nb::sig("def shard_rows(self) -> "
                   "tuple[list[str], numpy.typing.NDArray[numpy.uint64]]"))
      .def("ask_for", &ask_for, "bytes"_a,
           "Asks for all rows, at most `bytes` of files, before they are read; of stores they are "
           "asked for as long as what it returns is there.")
      .def("shuffle_units", &shuffle_units_of);
}

}  // namespace headrace::python
