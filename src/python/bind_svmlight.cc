#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "engine/svmlight_reader.h"
#include "python/arrays.h"
#include "python/bindings.h"
#include "python/gil.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

using PySpan = std::tuple<std::string, uint64_t, uint64_t>;

template <typename T>
nb::object to_array(GrowingArray<T> array, DType dtype) {
  array.reserve(1);  // numpy wants an address for no elements, too
  const uint64_t size = array.size();
  return to_numpy(array.release(), size, {.name = "rows", .dtype = dtype});
}

nb::dict to_dict(SvmlightReader::Rows part, const SvmlightFormat& format) {
  SvmlightRows& rows = part.rows;
  nb::dict dict;
  dict["span"] = part.span;
  dict["base"] = rows.base;
  dict["lowest_index"] = rows.lowest_index;
  dict["highest_index"] = rows.highest_index;
  if (rows.rows() == 0) {
    return dict;
  }
  dict["indptr"] = to_array(std::move(rows.indptr), DType::kInt64);
  dict["indices"] = to_array(std::move(rows.indices), DType::kInt32);
  dict["values"] = format.float32 ? to_array(std::move(rows.floats), DType::kFloat32)
                                  : to_array(std::move(rows.doubles), DType::kFloat64);
  dict["labels"] = to_array(std::move(rows.labels), DType::kFloat64);
  if (format.multilabel) {
    dict["label_offsets"] = to_array(std::move(rows.label_offsets), DType::kInt64);
  }
  if (format.query_id) {
    dict["query_ids"] = to_array(std::move(rows.query_ids), DType::kInt64);
  }
  return dict;
}

class PySvmlightReader {
 public:
  PySvmlightReader(const std::vector<PySpan>& spans, const SvmlightReader::Options& options)
      : format_(options.format) {
    std::vector<SvmlightReader::Span> found = spans_of(spans);
    const GilRelease unlocked;
    reader_.emplace(std::move(found), options);
  }

  // Its threads never want the GIL.
  ~PySvmlightReader() {
    const GilRelease unlocked;
    reader_.reset();
  }

  PySvmlightReader(const PySvmlightReader&) = delete;
  PySvmlightReader& operator=(const PySvmlightReader&) = delete;

  nb::object next() {
    auto rows = [&] {
      Interruptible work;
      return reader_->next([&work] { work.poll(); });
    }();
    if (!rows) {
      return nb::none();
    }
    return to_dict(*std::move(rows), format_);
  }

 private:
  static std::vector<SvmlightReader::Span> spans_of(const std::vector<PySpan>& spans) {
    std::vector<SvmlightReader::Span> found;
    found.reserve(spans.size());
    for (const auto& [path, begin, end] : spans) {
      found.push_back({path, begin, end});
    }
    return found;
  }

  SvmlightFormat format_;
  std::optional<SvmlightReader> reader_;
};

}  // namespace

void bind_svmlight(nb::module_& module) {
  nb::class_<PySvmlightReader>(module, "SvmlightReader",
                               "Rows of files in svmlight format, one part of them after another.")
      .def(
          "__init__",
          [](PySvmlightReader* self, const std::vector<PySpan>& spans, bool float32,
             bool multilabel, bool query_id, int32_t lowest_index, int32_t highest_index,
             int32_t base, bool guess_base, bool keep_rows, uint64_t threads, uint64_t part_bytes) {
            SvmlightReader::Options options;
            options.format = {float32, multilabel, query_id, lowest_index, highest_index, base};
            options.guess_base = guess_base;
            options.keep_rows = keep_rows;
            options.threads = threads;
            options.part_bytes = part_bytes;
            new (self) PySvmlightReader(spans, options);
          },
          "spans"_a, nb::kw_only(), "float32"_a, "multilabel"_a, "query_id"_a, "lowest_index"_a,
          "highest_index"_a, "base"_a, "guess_base"_a, "keep_rows"_a, "threads"_a,
          "part_bytes"_a = 0)
      .def("next", &PySvmlightReader::next,
           "The rows of the next part as arrays by name, without arrays if there is no row in it; "
           "None behind the last.",
           nb::sig("def next(self) -> dict[str, typing.Any] | None"));
}

}  // namespace headrace::python
