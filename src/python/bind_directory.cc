#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/uuid.h"
#include "dataset/commit.h"
#include "dataset/dataset_paths.h"
#include "dataset/leftovers.h"
#include "dataset/retention.h"
#include "dataset/versions.h"
#include "format/manifest.h"
#include "python/bindings.h"
#include "python/entries.h"
#include "python/fields.h"
#include "python/gil.h"
#include "python/number_arrays.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

DatasetVersion read(const DatasetPaths& paths, uint64_t version, ManifestParts parts) {
  const GilRelease unlocked;
  return read_version(paths, version, parts);
}

nb::dict read_info(const DatasetPaths& paths, uint64_t version) {
  const ManifestHeader header = read(paths, version, ManifestParts::kHeader).header;
  nb::dict info;
  info["version"] = header.version;
  info["dataset"] = uuid_text(header.dataset);
  info["commit"] = uuid_text(header.commit);
  info["kind"] = manifest_kind_name(header.kind);
  info["base"] = header.base;
  info["rows"] = header.rows;
  info["shards"] = header.shards;
  info["first_row"] = header.first_row;
  info["schema"] = schema_list(header.schema);
  info["metadata"] = header.metadata;
  return info;
}

nb::list read_entries(const DatasetPaths& paths, uint64_t version) {
  const ShardTable shards = read(paths, version, ManifestParts::kShardsAndOrigins).shards;
  nb::list entries;
  for (size_t i = 0; i < shards.size(); ++i) {
    entries.append(entry_dict(shards.entry(i)));
  }
  return entries;
}

// The origins of all shards, one after another.
NumberArray read_origins(const DatasetPaths& paths, uint64_t version) {
  return number_array(read(paths, version, ManifestParts::kShardsAndOrigins).shards.origins);
}

uint64_t commit(const DatasetPaths& paths, const nb::list& entries, const nb::list& schema,
                const std::string& metadata, bool replace_metadata, bool snapshot,
                uint64_t collection_age, bool files_here) {
  CommitRequest request{.schema = schema_from(schema),
                        .metadata = metadata,
                        .replace_metadata = replace_metadata,
                        .snapshot = snapshot,
                        .collection_age = std::chrono::seconds(collection_age),
                        .files_here = files_here};
  for (const nb::handle entry : entries) {
    request.entries.push_back(entry_from(nb::cast<nb::dict>(entry)));
  }
  const GilRelease unlocked;
  return commit_shards(paths, request).version;
}

// Both counts are what has to stay; files_here as for commit().
uint64_t retain(const DatasetPaths& paths, uint64_t shards, uint64_t rows, bool files_here) {
  const CommitRequest request{.retain = Retain{.shards = shards, .rows = rows},
                              .files_here = files_here};
  const GilRelease unlocked;
  return commit_shards(paths, request).version;
}

nb::tuple remove_dropped_rows(const DatasetPaths& paths, uint64_t age, uint64_t oldest) {
  Removed removed;
  {
    const GilRelease unlocked;
    removed = remove_dropped(paths, std::chrono::seconds(age), oldest);
  }
  nb::list shards;
  for (const Uuid& id : removed.shards) {
    shards.append(uuid_text(id));
  }
  return nb::make_tuple(nb::cast(removed.versions), shards);
}

nb::list unnamed(const DatasetPaths& paths, const std::vector<std::string>& ids, uint64_t oldest) {
  std::vector<Uuid> shards;
  for (const std::string& id : ids) {
    if (const auto shard = parse_uuid(id)) {
      shards.push_back(*shard);
    }
  }
  {
    const GilRelease unlocked;
    shards = unnamed_shards(paths, shards, oldest);
  }
  nb::list left;
  for (const Uuid& id : shards) {
    left.append(uuid_text(id));
  }
  return left;
}

nb::tuple collect(const DatasetPaths& paths, uint64_t age) {
  Collected collected;
  {
    const GilRelease unlocked;
    collected = collect_leftovers(paths, std::chrono::seconds(age));
  }
  return nb::make_tuple(collected.files, collected.bytes);
}

// Other threads run meanwhile: the file system may be slow.
template <typename Result, Result (*function)(const DatasetPaths&)>
Result unlocked(const DatasetPaths& paths) {
  const GilRelease released;
  return function(paths);
}

void bury(const DatasetPaths& paths, uint64_t version) {
  const GilRelease unlocked;
  bury_version(paths, version);
}

}  // namespace

void bind_directory(nb::module_& module) {
  nb::class_<DatasetPaths>(module, "Directory", "The directory of a dataset of shards.")
      .def(nb::init<std::string>(), "path"_a)
      .def_prop_ro("path", &DatasetPaths::root)
      .def_prop_ro("shards", &DatasetPaths::shards, "Where the files of shards lie.")
      .def("create", &unlocked<void, create_dataset_directories>,
           "Makes the directories, durably; fine where they exist.")
      .def("newest", &unlocked<uint64_t, newest_version>, "The newest version, 0 without any.")
      .def("read", &read_info, "version"_a = 0,
           "What a version says of itself; 0 is the newest. The metadata is JSON text.",
           nb::sig("def read(self, version: int = 0) -> dict[str, typing.Any]"))
      .def("entries", &read_entries, "version"_a = 0, "The shards of a version, in row order.",
           nb::sig("def entries(self, version: int = 0) -> list[dict[str, typing.Any]]"))
      .def("origins", &read_origins, "version"_a = 0,
           "The origins of all shards of a version, one after another.",
           nb::sig("def origins(self, version: int = 0) -> numpy.typing.NDArray[numpy.uint64]"))
      .def("commit", &commit, "entries"_a, "schema"_a, "metadata"_a = "{}",
           "replace_metadata"_a = false, "snapshot"_a = false,
           "collection_age"_a = static_cast<uint64_t>(kCollectionAge.count()),
           "files_here"_a = true, "Adds shards; returns the version that has them.",
           nb::sig("def commit(self, entries: list[dict[str, typing.Any]], "
                   "schema: list[tuple[typing.Any, ...]], metadata: str = '{}', "
                   "replace_metadata: bool = False, snapshot: bool = False, "
                   "collection_age: int = 604800, files_here: bool = True) -> int"))
      .def("retain", &retain, "shards"_a, "rows"_a, "files_here"_a = true,
           "Drops the oldest shards but so many, and so many rows; returns the version without "
           "them.")
      .def("remove_dropped", &remove_dropped_rows, "age"_a, "oldest"_a = 1,
           "Removes versions with rows that were dropped, and the files of shards that only they "
           "name, where a later version is at least `age` seconds old; returns both's names.",
           nb::sig("def remove_dropped(self, age: int, oldest: int = 1) -> "
                   "tuple[list[int], list[str]]"))
      .def("bury", &bury, "version"_a, "Removes a version; its number is never free again.")
      .def("unnamed", &unnamed, "ids"_a, "oldest"_a = 1,
           "Those of the ids of shards that no version from `oldest` on names; no other names.",
           nb::sig("def unnamed(self, ids: collections.abc.Sequence[str], oldest: int = 1) -> "
                   "list[str]"))
      .def("collect", &collect, "age"_a,
           "Removes leftovers that are at least `age` seconds old; returns (files, bytes).",
           nb::sig("def collect(self, age: int) -> tuple[int, int]"));
}

}  // namespace headrace::python
