#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "base/buffer.h"
#include "base/error.h"
#include "dataset/column_views.h"
#include "dataset/csr_files.h"
#include "dataset/dataset.h"
#include "dataset/files.h"
#include "dataset/fingerprint.h"
#include "dataset/read_faults.h"
#include "dataset/reader.h"
#include "dataset/views.h"
#include "dataset/windows.h"
#include "python/arrays.h"
#include "python/bindings.h"
#include "python/fields.h"
#include "python/gil.h"
#include "python/given_rows.h"
#include "python/layouts.h"
#include "python/numeric.h"
#include "python/owners.h"
#include "python/remotes.h"
#include "python/row_arrays.h"
#include "python/stored.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

using Strings = std::vector<std::string>;
using Indices = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// nanobind's holder is a pointer to non-const; a Dataset has no method that changes it.
using Handle = std::shared_ptr<Dataset>;

Handle handle(const DatasetPtr& dataset) { return std::const_pointer_cast<Dataset>(dataset); }

std::vector<Handle> handles(const std::vector<DatasetPtr>& datasets) {
  std::vector<Handle> result(datasets.size());
  std::transform(datasets.begin(), datasets.end(), result.begin(), handle);
  return result;
}

std::vector<DatasetPtr> pointers(const std::vector<Handle>& datasets) {
  return {datasets.begin(), datasets.end()};
}

// Each object is an array, whose rows are those of a tensor, or what view_rows() takes.
Handle from_arrays(const Strings& names, const std::vector<nb::object>& objects) {
  release_dropped_owners();
  std::vector<DatasetColumn> columns;
  std::vector<ArraySource::Array> arrays;
  uint64_t rows = 0;
  for (size_t c = 0; c < names.size(); ++c) {
    const nb::object& object = objects.at(c);
    ForeignArray foreign = nb::isinstance<nb::tuple>(object)
                               ? view_rows(nb::borrow<nb::tuple>(object))
                               : view_array(names[c], object);
    if (c == 0) {
      rows = foreign.rows;
    }
    if (foreign.rows != rows) {
      throw Error(ErrorCode::kInvalid,
                  "columns must have the same number of rows; column " + names[0] + " has " +
                      std::to_string(rows) + " and column " + names[c] + " has " +
                      std::to_string(foreign.rows),
                  {.file = "", .column = names[c]});
    }
    columns.push_back({.field = std::move(foreign.field),
                       .group = 0,
                       .column = static_cast<uint32_t>(c),
                       .casts = {}});
    arrays.push_back(std::move(foreign.array));
  }
  std::vector<Piece> pieces = {{.source = std::make_shared<ArraySource>(rows, std::move(arrays)),
                                .first = 0,
                                .rows = rows,
                                .columns = nullptr}};
  return std::make_shared<Dataset>(std::move(columns),
                                   std::vector<RowSpacePtr>{RowSpace::table(std::move(pieces))});
}

std::vector<ColumnFiles> column_files(const Strings& names, const std::vector<Strings>& paths) {
  std::vector<ColumnFiles> columns;
  for (size_t c = 0; c < names.size(); ++c) {
    columns.push_back({names[c], paths.at(c)});
  }
  return columns;
}

Handle from_raw_files(const Strings& names, const std::vector<Strings>& paths,
                      const Strings& dtypes, const std::vector<std::vector<uint64_t>>& row_shapes,
                      const std::string& io) {
  Schema fields;
  for (size_t c = 0; c < names.size(); ++c) {
    fields.push_back(make_field(names[c], dtype_from_name(dtypes.at(c)), row_shapes.at(c)));
  }
  const GilRelease unlocked;
  return handle(dataset_from_raw_files(column_files(names, paths), fields, io_from_name(io)));
}

Handle from_npy_files(const Strings& names, const std::vector<Strings>& paths,
                      const std::string& io) {
  const GilRelease unlocked;
  return handle(dataset_from_npy_files(column_files(names, paths), io_from_name(io)));
}

// Reading indptr of large files may take seconds: Ctrl-C stops it.
Handle from_csr_files(const std::string& name,
                      const std::vector<std::tuple<std::string, std::string, std::string>>& paths,
                      uint64_t width, const std::string& io) {
  std::vector<CsrFiles> parts;
  parts.reserve(paths.size());
  for (const auto& [indptr, indices, values] : paths) {
    parts.push_back({.indptr = indptr, .indices = indices, .values = values});
  }
  Interruptible work;
  return handle(
      dataset_from_csr_files(name, parts, width, io_from_name(io), [&work] { work.poll(); }));
}

nb::list columns_of(const Dataset& dataset) { return schema_list(dataset.schema()); }

Handle subset_of(const Handle& dataset, const Indices& indices) {
  release_dropped_owners();
  const auto* data = reinterpret_cast<const std::byte*>(indices.data());
  Buffer buffer(share_owner(nb::cast(indices)), data, indices.size() * sizeof(int64_t));
  const GilRelease unlocked;
  return handle(subset(dataset, std::move(buffer)));
}

// The scan for series may take minutes: Ctrl-C stops it.
Handle windows_of(const Handle& dataset, uint64_t length, uint64_t stride,
                  std::optional<size_t> within) {
  wake_remotes(*dataset);
  Interruptible work;
  return handle(windows(dataset, {.length = length, .stride = stride, .within = within},
                        [&work] { work.poll(); }));
}

void bind_sources(DatasetClass& dataset) {
  dataset.def_static("from_arrays", &from_arrays, "names"_a, "arrays"_a)
      .def_static("from_raw_files", &from_raw_files, "names"_a, "paths"_a, "dtypes"_a,
                  "row_shapes"_a, "io"_a)
      .def_static("from_npy_files", &from_npy_files, "names"_a, "paths"_a, "io"_a)
      .def_static("from_csr_files", &from_csr_files, "name"_a, "paths"_a, "width"_a, "io"_a)
      .def_static(
          "concat",
          [](const std::vector<Handle>& parts, const std::vector<uint64_t>& widths) {
            return handle(concat(pointers(parts), widths));
          },
          "parts"_a, "widths"_a)
      .def_static(
          "zip", [](const std::vector<Handle>& parts) { return handle(zip(pointers(parts))); },
          "parts"_a);
}

void bind_views(DatasetClass& dataset) {
  dataset
      .def(
          "slice",
          [](const Handle& self, uint64_t start, uint64_t count, int64_t step) {
            return handle(slice(self, start, count, step));
          },
          "start"_a, "count"_a, "step"_a)
      .def("subset", &subset_of, "indices"_a,
           nb::sig("def subset(self, indices: numpy.typing.NDArray[numpy.int64]) -> Dataset"))
      .def(
          "split",
          [](const Handle& self, const std::vector<uint64_t>& totals, uint64_t seed) {
            return handles(split(self, totals, seed));
          },
          "totals"_a, "seed"_a)
      .def(
          "split_by_file",
          [](const Handle& self, const std::vector<double>& fractions, uint64_t seed) {
            return handles(split_by_file(self, fractions, seed));
          },
          "fractions"_a, "seed"_a)
      .def("windows", &windows_of, "length"_a, "stride"_a, "within"_a.none())
      .def(
          "with_row_ids",
          [](const Handle& self, const std::string& name) {
            return handle(with_row_ids(self, name));
          },
          "name"_a)
      .def(
          "select",
          [](const Handle& self, const std::vector<size_t>& columns) {
            return handle(select(self, columns));
          },
          "columns"_a)
      .def(
          "rename",
          [](const Handle& self, const Strings& names) { return handle(rename(self, names)); },
          "names"_a)
      .def(
          "cast",
          [](const Handle& self, const Strings& names) {
            std::vector<DType> dtypes;
            for (const std::string& name : names) {
              dtypes.push_back(dtype_from_name(name));
            }
            return handle(cast(self, dtypes));
          },
          "dtypes"_a);
}

void bind_rows(DatasetClass& dataset) {
  dataset.def_prop_ro("rows", &Dataset::rows)
      .def_prop_ro(
          "columns", &columns_of,
          nb::sig(
              "def columns(self) -> list[tuple[str, str, tuple[int, ...], str, str, int, bool]]"))
      .def_prop_ro("file_count", &Dataset::file_count)
      .def_prop_ro("nbytes", &Dataset::bytes)
      .def(
          "locate",
          [](const Dataset& self, uint64_t row) {
            const Dataset::Location location = self.locate(row);
            return std::pair(location.file, location.row);
          },
          "row"_a)
      .def(
          "file_with_index",
          [](const Dataset& self, size_t column, uint64_t row) {
            return file_with_part(self, row, column, ColumnPart::kIndices);
          },
          "column"_a, "row"_a, "The file with the indices of a row of csr; empty in memory.")
      .def("check_files",
           [](const Handle& self) {
             const GilRelease unlocked;
             self->check_files();
           })
      .def("fingerprint",
           [](const Handle& self) {
             wake_remotes(*self);
             const GilRelease unlocked;
             return fingerprint(self);
           })
      .def(
          "value_fingerprint",
          [](const Handle& self) -> std::optional<uint64_t> {
            if (self->is_transient()) {
              return std::nullopt;
            }
            const GilRelease unlocked;
            return fingerprint(self, FingerprintOf::kValues);
          },
          "The fingerprint of the values alone; none where they would have to be downloaded.");
}

}  // namespace

void bind_data(nb::module_& module) {
  bind_arrays(module);
  DatasetClass dataset(module, "Dataset", "An immutable table of rows in memory or in files.");
  bind_sources(dataset);
  bind_views(dataset);
  bind_rows(dataset);
  bind_reading(dataset);
  bind_layouts(dataset);
  bind_numeric(module, dataset);
  bind_stored(module, dataset);
}

}  // namespace headrace::python
