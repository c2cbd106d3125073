#include "column/element_functions.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/hash.h"
#include "column/elements.h"
#include "column/logarithm.h"

namespace headrace {
namespace {

// One mean and factor for each number from the first on; no branch, so that it becomes vectors.
template <typename T>
[[gnu::always_inline]] inline void standardize_each(const std::byte* __restrict from,
                                                    std::byte* __restrict to, uint64_t count,
                                                    const double* __restrict means,
                                                    const double* __restrict factors) noexcept {
  for (uint64_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(load_element<T>(from, i));
    store_element(to, i, static_cast<T>((x - means[i]) * factors[i]));
  }
}

template <typename T>
[[gnu::always_inline]] inline void standardize_alike(const std::byte* __restrict from,
                                                     std::byte* __restrict to, uint64_t count,
                                                     double mean, double factor) noexcept {
  for (uint64_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(load_element<T>(from, i));
    store_element(to, i, static_cast<T>((x - mean) * factor));
  }
}

// Rows of means.size() numbers, from number `position` of one on.
template <typename T>
struct StandardizeKernel {
  [[gnu::always_inline]] static void run(const ElementFunction& function, const std::byte* from,
                                         std::byte* to, uint64_t elements,
                                         uint64_t position) noexcept {
    const auto& [means, factors] = *std::get_if<Standardize>(&function);
    const uint64_t period = means.size();
    if (period == 1) {
      return standardize_alike<T>(from, to, elements, means[0], factors[0]);
    }
    uint64_t at = position < period ? position : position % period;  // a division is 10 ns
    for (uint64_t done = 0; done < elements;) {
      const uint64_t count = std::min(period - at, elements - done);
      standardize_each<T>(from + done * sizeof(T), to + done * sizeof(T), count, means.data() + at,
                          factors.data() + at);
      done += count;
      at = 0;
    }
  }
};

template <typename T>
struct ClipKernel {
  [[gnu::always_inline]] static void run(const ElementFunction& function,
                                         const std::byte* __restrict from, std::byte* __restrict to,
                                         uint64_t elements, uint64_t /*position*/) noexcept {
    const auto& clip = *std::get_if<Clip>(&function);
    const auto low = static_cast<T>(clip.low);
    const auto high = static_cast<T>(clip.high);
    for (uint64_t i = 0; i < elements; ++i) {
      const T x = load_element<T>(from, i);
      const T above = x < low ? low : x;
      store_element(to, i, above > high ? high : above);
    }
  }
};

struct Log1pOfFloats {
  [[gnu::always_inline]] static void run(const ElementFunction& /*function*/,
                                         const std::byte* __restrict from, std::byte* __restrict to,
                                         uint64_t elements, uint64_t /*position*/) noexcept {
    for (uint64_t i = 0; i < elements; ++i) {
      store_element(to, i, log1p_of(load_element<float>(from, i)));
    }
  }
};

void log1p_of_doubles(const ElementFunction& /*function*/, const std::byte* from, std::byte* to,
                      uint64_t elements, uint64_t /*position*/) noexcept {
  for (uint64_t i = 0; i < elements; ++i) {
    store_element(to, i, std::log1p(load_element<double>(from, i)));
  }
}

template <typename T>
void bucketize(const ElementFunction& function, const std::byte* from, std::byte* to,
               uint64_t elements, uint64_t /*position*/) noexcept {
  const auto& [edges, right] = *std::get_if<Bucketize>(&function);
  for (uint64_t i = 0; i < elements; ++i) {
    const auto x = static_cast<double>(load_element<T>(from, i));
    // Written so that NaN is above every edge.
    const auto bucket =
        right
            ? std::partition_point(edges.begin(), edges.end(), [x](double e) { return !(e > x); })
            : std::partition_point(edges.begin(), edges.end(), [x](double e) { return !(e >= x); });
    store_element<int64_t>(to, i, bucket - edges.begin());
  }
}

void hash_categories(const ElementFunction& function, const std::byte* from, std::byte* to,
                     uint64_t elements, uint64_t /*position*/) noexcept {
  const auto& [buckets, seed] = *std::get_if<HashCategory>(&function);
  for (uint64_t i = 0; i < elements; ++i) {
    const auto category = load_element<uint64_t>(from, i);
    store_element(to, i, hash_words({seed, category}) % buckets);
  }
}

// What is wrong with the numbers of a function; empty for nothing.
std::string fault_of(const Standardize& function, const Field& field) {
  if (function.means.empty() || function.means.size() != function.factors.size()) {
    return "standardize needs a mean and a scale for each number of a row; found " +
           std::to_string(function.means.size()) + " and " +
           std::to_string(function.factors.size());
  }
  uint64_t last_axes = 1;
  bool fits = function.means.size() == 1;
  for (size_t axis = field.row_shape.size(); axis > 0 && !fits; --axis) {
    last_axes *= field.row_shape[axis - 1];
    fits = last_axes == function.means.size();
  }
  return fits ? ""
              : "standardize has statistics of " + std::to_string(function.means.size()) +
                    " numbers, which are not the last axes of " + describe(field) +
                    "; fit them on this column, before windows and stacks of it";
}

std::string fault_of(const Clip& function, const Field& /*field*/) {
  return function.low <= function.high
             ? ""
             : "clip needs low <= high; found " + std::to_string(function.low) + " and " +
                   std::to_string(function.high);
}

std::string fault_of(const Log1p& /*function*/, const Field& /*field*/) { return ""; }

std::string fault_of(const Bucketize& function, const Field& /*field*/) {
  for (size_t i = 0; i + 1 < function.edges.size(); ++i) {
    if (!(function.edges[i] <= function.edges[i + 1])) {
      return "the edges of bucketize ascend; edge " + std::to_string(i) + " is " +
             std::to_string(function.edges[i]) + " and the next " +
             std::to_string(function.edges[i + 1]);
    }
  }
  const bool is_nan = function.edges.size() == 1 && std::isnan(function.edges[0]);
  return is_nan ? "an edge of bucketize is NaN" : "";
}

std::string fault_of(const HashCategory& function, const Field& field) {
  if (is_float(field.dtype)) {
    return "hash_categories takes whole numbers, and the column is " + describe(field) +
           "; cast it to int64 if its numbers are whole";
  }
  return function.buckets > 0 ? "" : "hash_categories needs at least one column";
}

}  // namespace

const char* function_name(const ElementFunction& function) noexcept {
  static constexpr std::array<const char*, std::variant_size_v<ElementFunction>> kNames = {
      "standardize", "clip", "log1p", "bucketize", "hash_categories"};
  return kNames[function.index()];
}

DType argument_dtype(const ElementFunction& function, DType dtype) noexcept {
  if (std::holds_alternative<HashCategory>(function)) {
    return DType::kInt64;
  }
  switch (dtype) {
    case DType::kFloat64:
    case DType::kInt32:
    case DType::kInt64:
    case DType::kUint32:
    case DType::kUint64:
      return DType::kFloat64;
    default:
      return DType::kFloat32;
  }
}

DType result_dtype(const ElementFunction& function, DType argument) noexcept {
  return std::holds_alternative<Bucketize>(function) ? DType::kInt64 : argument;
}

void check_function(const ElementFunction& function, const Field& field) {
  if (!field.is_tensor() && field.kind != ColumnKind::kRagged) {
    throw Error(ErrorCode::kUnsupported,
                "column " + field.name + " is " + describe(field) + ", and " +
                    function_name(function) +
                    " is for tensors and ragged rows of numbers; layouts of csr have steps of "
                    "their own: hr.Dense(log1p=True)",
                {.file = "", .column = field.name});
  }
  const std::string fault =
      std::visit([&](const auto& one) { return fault_of(one, field); }, function);
  if (!fault.empty()) {
    throw Error(ErrorCode::kInvalid, "column " + field.name + ": " + fault,
                {.file = "", .column = field.name});
  }
}

ElementKernel kernel_of(const ElementFunction& function, DType argument, VectorSet set) noexcept {
  const bool is_float32 = argument == DType::kFloat32;
  if (std::holds_alternative<Standardize>(function)) {
    return is_float32 ? kernel_for<StandardizeKernel<float>>(set)
                      : kernel_for<StandardizeKernel<double>>(set);
  }
  if (std::holds_alternative<Clip>(function)) {
    return is_float32 ? kernel_for<ClipKernel<float>>(set) : kernel_for<ClipKernel<double>>(set);
  }
  if (std::holds_alternative<Log1p>(function)) {
    return is_float32 ? kernel_for<Log1pOfFloats>(set) : &log1p_of_doubles;
  }
  if (std::holds_alternative<Bucketize>(function)) {
    return is_float32 ? &bucketize<float> : &bucketize<double>;
  }
  return &hash_categories;
}

}  // namespace headrace
