#include "column/element_functions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <span>

#include "base/error.h"
#include "base/hash.h"
#include "column/elements.h"
#include "column/elementwise.h"

namespace headrace {
namespace {

// Numbers in bytes, and where what becomes of them goes. Passed by value: bytes that are written
// might be those of a reference, which no loop could then become vectors for.
struct Elements {
  const std::byte* from;
  std::byte* to;
  uint64_t count;
};

// One mean and factor for each number from the first on; no branch, so that it becomes vectors.
template <typename T>
[[gnu::always_inline]] inline void standardize_each(Elements elements, const double* means,
                                                    const double* factors) noexcept {
  const auto [from, to, count] = elements;
  for (uint64_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(load_element<T>(from, i));
    store_element(to, i, static_cast<T>((x - means[i]) * factors[i]));
  }
}

template <typename T>
[[gnu::always_inline]] inline void standardize_alike(Elements elements, double mean,
                                                     double factor) noexcept {
  const auto [from, to, count] = elements;
  for (uint64_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(load_element<T>(from, i));
    store_element(to, i, static_cast<T>((x - mean) * factor));
  }
}

// Rows of means.size() numbers, from number `position` of one on.
template <typename T>
[[gnu::always_inline]] inline void apply_here(const Standardize& function, Elements elements,
                                              uint64_t position) noexcept {
  const uint64_t period = function.means.size();
  if (period == 1) {
    return standardize_alike<T>(elements, function.means[0], function.factors[0]);
  }
  uint64_t at = position % period;
  for (uint64_t done = 0; done < elements.count;) {
    const uint64_t count = std::min(period - at, elements.count - done);
    standardize_each<T>({elements.from + done * sizeof(T), elements.to + done * sizeof(T), count},
                        function.means.data() + at, function.factors.data() + at);
    done += count;
    at = 0;
  }
}

template <typename T>
[[gnu::always_inline]] inline void apply_here(const Clip& function, Elements elements,
                                              uint64_t /*position*/) noexcept {
  const auto low = static_cast<T>(function.low);
  const auto high = static_cast<T>(function.high);
  for (uint64_t i = 0; i < elements.count; ++i) {
    const T x = load_element<T>(elements.from, i);
    const T above = x < low ? low : x;
    store_element(elements.to, i, above > high ? high : above);
  }
}

#ifdef __x86_64__
// The same operations, so the same results: AVX2 alone has none that multiplies and adds at once.
template <typename T, typename Function>
[[gnu::target("avx2")]] void apply_with_avx2(const Function& function, Elements elements,
                                             uint64_t position) noexcept {
  apply_here<T>(function, elements, position);
}
#endif

// For functions that are a few instructions a number.
template <typename T, typename Function>
void apply(const Function& function, Elements elements, uint64_t position) noexcept {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) {
    return apply_with_avx2<T>(function, elements, position);
  }
#endif
  apply_here<T>(function, elements, position);
}

template <typename T>
void apply(const Log1p& /*function*/, Elements elements, uint64_t /*position*/) noexcept {
  std::array<T, 256> block;  // aligned, unlike what is given
  for (uint64_t done = 0; done < elements.count; done += block.size()) {
    const uint64_t count = std::min<uint64_t>(block.size(), elements.count - done);
    std::memcpy(block.data(), elements.from + done * sizeof(T), count * sizeof(T));
    log1p(std::span(block).first(count));
    std::memcpy(elements.to + done * sizeof(T), block.data(), count * sizeof(T));
  }
}

template <typename T>
void apply(const Bucketize& function, Elements elements, uint64_t /*position*/) noexcept {
  const std::vector<double>& edges = function.edges;
  for (uint64_t i = 0; i < elements.count; ++i) {
    const auto x = static_cast<double>(load_element<T>(elements.from, i));
    // Written so that NaN is above every edge.
    const auto bucket =
        function.right
            ? std::partition_point(edges.begin(), edges.end(), [x](double e) { return !(e > x); })
            : std::partition_point(edges.begin(), edges.end(), [x](double e) { return !(e >= x); });
    store_element<int64_t>(elements.to, i, bucket - edges.begin());
  }
}

void apply_hash(const HashCategory& function, Elements elements) noexcept {
  for (uint64_t i = 0; i < elements.count; ++i) {
    const auto category = load_element<uint64_t>(elements.from, i);
    store_element(elements.to, i, hash_words({function.seed, category}) % function.buckets);
  }
}

template <typename T>
void apply_to(const ElementFunction& function, Elements elements, uint64_t position) noexcept {
  if (const auto* hash = std::get_if<HashCategory>(&function)) {
    return apply_hash(*hash, elements);
  }
  if (const auto* standardize = std::get_if<Standardize>(&function)) {
    return apply<T>(*standardize, elements, position);
  }
  if (const auto* clip = std::get_if<Clip>(&function)) {
    return apply<T>(*clip, elements, position);
  }
  if (const auto* buckets = std::get_if<Bucketize>(&function)) {
    return apply<T>(*buckets, elements, position);
  }
  apply<T>(Log1p{}, elements, position);
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

void apply_function(const ElementFunction& function, DType argument, const std::byte* from,
                    std::byte* to, uint64_t elements, uint64_t position) noexcept {
  if (argument == DType::kFloat32) {
    apply_to<float>(function, {from, to, elements}, position);
  } else {
    apply_to<double>(function, {from, to, elements}, position);
  }
}

}  // namespace headrace
