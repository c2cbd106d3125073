#include "python/numeric.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/error.h"
#include "column/element_functions.h"
#include "column/moments.h"
#include "dataset/column_views.h"
#include "engine/column_moments.h"
#include "python/bindings.h"
#include "python/gil.h"
#include "python/remotes.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

using Handle = std::shared_ptr<Dataset>;
using Doubles = std::vector<double>;
using Lists = nb::tuple;  // counts, means, squares, lows, highs

// The function in (name, argument, ...), as headrace.numeric makes it.
ElementFunction function_from(const nb::tuple& given) {
  const auto name = nb::cast<std::string>(given[0]);
  if (name == "standardize") {
    const auto means = nb::cast<Doubles>(given[1]);
    const auto factors = nb::cast<Doubles>(given[2]);
    return Standardize{{means.begin(), means.end()}, {factors.begin(), factors.end()}};
  }
  if (name == "clip") {
    return Clip{nb::cast<double>(given[1]), nb::cast<double>(given[2])};
  }
  if (name == "log1p") {
    return Log1p{};
  }
  if (name == "bucketize") {
    return Bucketize{nb::cast<Doubles>(given[1]), nb::cast<bool>(given[2]),
                     nb::cast<std::vector<int64_t>>(given[3]),
                     nb::cast<std::vector<uint64_t>>(given[4])};
  }
  if (name == "hash_categories") {
    return HashCategory{nb::cast<uint64_t>(given[1]), nb::cast<uint64_t>(given[2])};
  }
  throw Error(ErrorCode::kUnsupported, "there is no function " + name + " of numbers");
}

Lists lists_of(const Moments& moments) {
  return nb::make_tuple(moments.counts(), moments.means(), moments.squares(), moments.lows(),
                        moments.highs());
}

Moments moments_from(const Lists& lists) {
  return Moments(nb::cast<std::vector<uint64_t>>(lists[0]), nb::cast<Doubles>(lists[1]),
                 nb::cast<Doubles>(lists[2]), nb::cast<Doubles>(lists[3]),
                 nb::cast<Doubles>(lists[4]));
}

Lists moments_of(const Handle& dataset, size_t column, uint64_t threads) {
  Moments moments(0);
  wake_remotes(*dataset);
  {
    Interruptible work;
    moments = column_moments(dataset, column, threads, [&work] { work.poll(); });
  }
  return lists_of(moments);
}

Lists merge_moments(const Lists& first, const Lists& second) {
  Moments merged = moments_from(first);
  merged.merge(moments_from(second));
  return lists_of(merged);
}

}  // namespace

void bind_numeric(nb::module_& module, DatasetClass& dataset) {
  dataset.def(
      "map_values",
      [](const Handle& self, size_t column, const nb::tuple& function) {
        return std::const_pointer_cast<Dataset>(map_values(self, column, function_from(function)));
      },
      "column"_a, "function"_a,
      nb::sig("def map_values(self, column: int, function: tuple[typing.Any, ...]) -> Dataset"));
  dataset.def("moments", &moments_of, "column"_a, "threads"_a,
              nb::sig("def moments(self, column: int, threads: int) -> tuple[list[typing.Any], "
                      "...]"));
  module.def("merge_moments", &merge_moments, "first"_a, "second"_a, "Moments of the rows of both.",
             nb::sig("def merge_moments(first: tuple[list[typing.Any], ...], second: "
                     "tuple[list[typing.Any], ...]) -> tuple[list[typing.Any], ...]"));
}

}  // namespace headrace::python
