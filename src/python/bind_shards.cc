#include <cstdint>
#include <string>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/error.h"
#include "column/column_view.h"
#include "dataset/dataset_paths.h"
#include "dataset/shard_builder.h"
#include "dataset/shard_copy.h"
#include "python/bindings.h"
#include "python/entries.h"
#include "python/fields.h"
#include "python/gil.h"
#include "python/given_rows.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

void write_rows(ShardBuilder& builder, const nb::list& columns) {
  const Schema& schema = builder.schema();
  if (columns.size() != schema.size()) {
    throw Error(ErrorCode::kInvalid, "there are " + std::to_string(columns.size()) +
                                         " columns of rows for a schema of " +
                                         std::to_string(schema.size()));
  }
  std::vector<GivenRows> given;
  std::vector<ColumnView> views;
  for (size_t c = 0; c < schema.size(); ++c) {
    given.push_back(rows_from(nb::cast<nb::tuple>(columns[c]), schema[c]));
    views.push_back(given.back().view);
  }
  Interruptible work;
  builder.write(views, [&work] { work.poll(); });
}

nb::list finish(ShardBuilder& builder) {
  std::vector<ShardEntry> finished;
  {
    const GilRelease unlocked;
    finished = builder.finish();
  }
  nb::list entries;
  for (const ShardEntry& entry : finished) {
    entries.append(entry_dict(entry));
  }
  return entries;
}

nb::dict copy_shard(const DatasetPaths& source, const nb::dict& entry, const DatasetPaths& target) {
  const ShardEntry given = entry_from(entry);
  ShardEntry copied;
  {
    Interruptible work;
    copied = copy_expanded(source, given, target, [&work] { work.poll(); });
  }
  return entry_dict(copied);
}

}  // namespace

void bind_shards(nb::module_& module) {
  nb::class_<ShardBuilder>(module, "ShardBuilder", "Rows that become durable shards.")
      .def(
          "__init__",
          [](ShardBuilder* self, const std::string& dataset, const nb::list& schema,
             uint64_t shard_bytes, uint64_t body_bytes, const std::string& encoding) {
            ShardLimits limits;
            limits.shard_bytes = shard_bytes;
            limits.body_bytes = body_bytes;
            new (self) ShardBuilder(dataset, schema_from(schema), limits, encoding_from(encoding));
          },
          "dataset"_a, "schema"_a, "shard_bytes"_a, "body_bytes"_a, "encoding"_a = "none",
          nb::sig("def __init__(self, dataset: str, schema: list[tuple[typing.Any, ...]], "
                  "shard_bytes: int, body_bytes: int, encoding: str = 'none') -> None"))
      .def("write", &write_rows, "columns"_a,
           nb::sig("def write(self, columns: list[tuple[int, numpy.typing.NDArray[typing.Any] | "
                   "None, numpy.typing.NDArray[typing.Any] | None, "
                   "numpy.typing.NDArray[typing.Any] | None]]) -> None"))
      .def("finish", &finish, nb::sig("def finish(self) -> list[dict[str, typing.Any]]"))
      .def("abort",
           [](ShardBuilder& self) {
             const GilRelease unlocked;
             self.abort();
           })
      .def_prop_ro("rows", &ShardBuilder::rows);
  module.def(
      "discard_shards",
      [](const std::string& dataset, const std::vector<std::string>& ids) {
        const GilRelease unlocked;
        discard_shards(dataset, ids);
      },
      "dataset"_a, "ids"_a);
  module.def("copy_expanded", &copy_shard, "source"_a, "entry"_a, "target"_a,
             "Copies a committed shard of one directory into another without compression; returns "
             "its entry there.",
             nb::sig("def copy_expanded(source: Directory, entry: dict[str, typing.Any], "
                     "target: Directory) -> dict[str, typing.Any]"));
}

}  // namespace headrace::python
