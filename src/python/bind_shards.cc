#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/error.h"
#include "column/column_view.h"
#include "dataset/shard_builder.h"
#include "python/bindings.h"
#include "python/entries.h"
#include "python/fields.h"
#include "python/gil.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

using Array = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

// Rows of one column in Python's memory; the arrays must outlive the view.
struct GivenRows {
  std::vector<Array> arrays = {};
  ColumnView view = {};
};

Error bad_rows(const Field& field, const std::string& why) {
  return Error(ErrorCode::kInvalid, "column " + field.name + ": " + why,
               {.file = "", .column = field.name});
}

// The bytes of part `position` of `tuple`, and how many elements of `size` bytes they are; none
// where it is None.
std::pair<const std::byte*, uint64_t> take_part(GivenRows& given, const nb::tuple& tuple,
                                                size_t position, uint64_t size) {
  if (tuple[position].is_none()) {
    return {nullptr, 0};
  }
  given.arrays.push_back(nb::cast<Array>(tuple[position]));
  const Array& array = given.arrays.back();
  return {static_cast<const std::byte*>(array.data()), array.nbytes() / size};
}

// The rows in (rows, values, offsets, indices). Throws kInvalid where an array is too short.
GivenRows rows_from(const nb::tuple& tuple, const Field& field) {
  GivenRows given;
  ColumnView& view = given.view;
  view.rows = nb::cast<uint64_t>(tuple[0]);
  const auto [values, value_count] = take_part(given, tuple, 1, field.row_bytes());
  view.values = values;
  view.elements = value_count;
  if (field.is_tensor()) {
    if (value_count < view.rows) {
      throw bad_rows(field, "there are fewer values than rows");
    }
    return given;
  }
  if (!tuple[2].is_none()) {
    view.offset_size = static_cast<uint8_t>(nb::cast<Array>(tuple[2]).itemsize());
  }
  const auto [offsets, offset_count] = take_part(given, tuple, 2, view.offset_size);
  view.offsets = offsets;
  if ((view.offset_size != 4 && view.offset_size != 8) || offset_count < view.rows + 1) {
    throw bad_rows(field, "there are fewer offsets than rows + 1");
  }
  if (field.kind == ColumnKind::kCsr) {
    const auto [indices, index_count] = take_part(given, tuple, 3, dtype_size(field.index_dtype));
    view.indices = indices;
    if (!field.binary && index_count != value_count) {
      throw bad_rows(field, "there are " + std::to_string(index_count) + " indices and " +
                                std::to_string(value_count) + " values");
    }
    view.elements = index_count;
  }
  return given;
}

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

}  // namespace

void bind_shards(nb::module_& module) {
  nb::class_<ShardBuilder>(module, "ShardBuilder", "Rows that become durable shards.")
      .def(
          "__init__",
          [](ShardBuilder* self, const std::string& dataset, const nb::list& schema,
             uint64_t shard_bytes, uint64_t body_bytes) {
            ShardLimits limits;
            limits.shard_bytes = shard_bytes;
            limits.body_bytes = body_bytes;
            new (self) ShardBuilder(dataset, schema_from(schema), limits);
          },
          "dataset"_a, "schema"_a, "shard_bytes"_a, "body_bytes"_a,
          nb::sig("def __init__(self, dataset: str, schema: list[tuple[typing.Any, ...]], "
                  "shard_bytes: int, body_bytes: int) -> None"))
      .def("write", &write_rows, "columns"_a,
           nb::sig("def write(self, columns: list[tuple[int, numpy.typing.NDArray[typing.Any] | "
                   "None, numpy.typing.NDArray[typing.Any] | None, "
                   "numpy.typing.NDArray[typing.Any] | None]]) -> None"))
      .def(
          "widen",
          [](ShardBuilder& self, size_t column, uint64_t width) {
            const GilRelease unlocked;
            self.widen(column, width);
          },
          "column"_a, "width"_a)
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
}

}  // namespace headrace::python
