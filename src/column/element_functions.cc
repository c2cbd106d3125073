#include "column/element_functions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

#include "base/hash.h"
#include "column/elements.h"
#include "column/logarithm.h"

namespace headrace {
namespace {

// In the loops of this file `ivdep` spares the checks that what is read and written does not
// overlap, which take as long as a row.

template <typename T>
class StandardizeRow {
 public:
  [[gnu::always_inline]] explicit StandardizeRow(const ElementFunction& function) noexcept
      : means_(std::get_if<Standardize>(&function)->means.data()),
        factors_(std::get_if<Standardize>(&function)->factors.data()),
        period_(std::get_if<Standardize>(&function)->means.size()) {}

  [[gnu::always_inline]] void operator()(const std::byte* from, std::byte* to, uint64_t elements,
                                         uint64_t position) const noexcept {
    if (period_ == 1) {
      return all_alike(from, to, elements);
    }
    uint64_t at = position < period_ ? position : position % period_;  // a division takes longer
    for (uint64_t done = 0; done < elements;) {
      const uint64_t count = std::min(period_ - at, elements - done);
      each(from + done * sizeof(T), to + done * sizeof(T), count, at);
      done += count;
      at = 0;
    }
  }

 private:
  // Numbers that have a mean and a factor each, from `at` on.
  [[gnu::always_inline]] void each(const std::byte* from, std::byte* to, uint64_t count,
                                   uint64_t at) const noexcept {
    const double* means = means_ + at;
    const double* factors = factors_ + at;
#pragma GCC ivdep
    for (uint64_t i = 0; i < count; ++i) {
      const auto x = static_cast<double>(load_element<T>(from, i));
      store_element(to, i, static_cast<T>((x - means[i]) * factors[i]));
    }
  }

  [[gnu::always_inline]] void all_alike(const std::byte* from, std::byte* to,
                                        uint64_t count) const noexcept {
    const double mean = means_[0];
    const double factor = factors_[0];
#pragma GCC ivdep
    for (uint64_t i = 0; i < count; ++i) {
      const auto x = static_cast<double>(load_element<T>(from, i));
      store_element(to, i, static_cast<T>((x - mean) * factor));
    }
  }

  const double* means_;
  const double* factors_;
  uint64_t period_;
};

template <typename T>
class ClipRow {
 public:
  [[gnu::always_inline]] explicit ClipRow(const ElementFunction& function) noexcept
      : low_(static_cast<T>(std::get_if<Clip>(&function)->low)),
        high_(static_cast<T>(std::get_if<Clip>(&function)->high)) {}

  [[gnu::always_inline]] void operator()(const std::byte* from, std::byte* to, uint64_t elements,
                                         uint64_t /*position*/) const noexcept {
#pragma GCC ivdep
    for (uint64_t i = 0; i < elements; ++i) {
      const T x = load_element<T>(from, i);
      const T above = x < low_ ? low_ : x;
      store_element(to, i, above > high_ ? high_ : above);
    }
  }

 private:
  T low_;
  T high_;
};

template <typename T>
class Log1pRow {
 public:
  [[gnu::always_inline]] explicit Log1pRow(const ElementFunction& /*function*/) noexcept {}

  [[gnu::always_inline]] void operator()(const std::byte* from, std::byte* to, uint64_t elements,
                                         uint64_t /*position*/) const noexcept {
#pragma GCC ivdep
    for (uint64_t i = 0; i < elements; ++i) {
      const T x = load_element<T>(from, i);
      if constexpr (std::is_same_v<T, float>) {
        store_element(to, i, log1p_of(x));
      } else {
        store_element(to, i, std::log1p(x));
      }
    }
  }
};

template <typename T>
class BucketizeRow {
 public:
  explicit BucketizeRow(const ElementFunction& function) noexcept
      : function_(*std::get_if<Bucketize>(&function)) {}

  void operator()(const std::byte* from, std::byte* to, uint64_t elements,
                  uint64_t /*position*/) const noexcept {
    const std::vector<double>& edges = function_.edges;
    const bool right = function_.right;
    for (uint64_t i = 0; i < elements; ++i) {
      const auto x = static_cast<double>(load_element<T>(from, i));
      // Written so that NaN is above every edge.
      const auto edge = right ? std::partition_point(edges.begin(), edges.end(),
                                                     [x](double e) { return !(e > x); })
                              : std::partition_point(edges.begin(), edges.end(),
                                                     [x](double e) { return !(e >= x); });
      store_element<int64_t>(to, i, edge - edges.begin());
    }
  }

 private:
  const Bucketize& function_;
};

// Integers that double does not hold.
template <typename T>
class BucketizeWholeRow {
 public:
  explicit BucketizeWholeRow(const ElementFunction& function) noexcept
      : starts_(starts_of(*std::get_if<Bucketize>(&function))) {}

  void operator()(const std::byte* from, std::byte* to, uint64_t elements,
                  uint64_t /*position*/) const noexcept {
    for (uint64_t i = 0; i < elements; ++i) {
      const auto bucket =
          std::upper_bound(starts_.begin(), starts_.end(), load_element<T>(from, i));
      store_element<int64_t>(to, i, bucket - starts_.begin());
    }
  }

 private:
  static const std::vector<T>& starts_of(const Bucketize& function) noexcept {
    if constexpr (std::is_signed_v<T>) {
      return function.signed_starts;
    } else {
      return function.unsigned_starts;
    }
  }

  const std::vector<T>& starts_;
};

class HashCategoryRow {
 public:
  explicit HashCategoryRow(const ElementFunction& function) noexcept
      : function_(*std::get_if<HashCategory>(&function)) {}

  void operator()(const std::byte* from, std::byte* to, uint64_t elements,
                  uint64_t /*position*/) const noexcept {
    for (uint64_t i = 0; i < elements; ++i) {
      const auto category = load_element<uint64_t>(from, i);
      store_element(to, i, hash_words({function_.seed, category}) % function_.buckets);
    }
  }

 private:
  HashCategory function_;
};

template <typename Row>
using FunctionKernel = RowKernel<Row, const ElementFunction&>;

template <template <typename> typename Row>
ElementKernel for_floats(DType argument, VectorSet set) noexcept {
  return argument == DType::kFloat32 ? kernel_for<FunctionKernel<Row<float>>>(set)
                                     : kernel_for<FunctionKernel<Row<double>>>(set);
}

ElementKernel bucketize_kernel(DType argument) noexcept {
  switch (argument) {
    case DType::kInt64:
      return &FunctionKernel<BucketizeWholeRow<int64_t>>::baseline;
    case DType::kUint64:
      return &FunctionKernel<BucketizeWholeRow<uint64_t>>::baseline;
    case DType::kFloat32:
      return &FunctionKernel<BucketizeRow<float>>::baseline;
    default:
      return &FunctionKernel<BucketizeRow<double>>::baseline;
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
  const bool is_long = dtype == DType::kInt64 || dtype == DType::kUint64;
  if (is_long && std::holds_alternative<Bucketize>(function)) {
    return dtype;
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

Error sparse_error(const ElementFunction& function, const Field& field) {
  const std::string name = function_name(function);
  return Error(ErrorCode::kUnsupported,
               "column " + field.name + " is " + describe(field) + ", and " + name +
                   " is for tensors and ragged rows; rows of csr are computed with by their "
                   "layouts, ds.with_layout(" +
                   field.name +
                   "=hr.Dense(total=, scale=, log1p=True)), and batches that are dense by hr." +
                   name + "(...) in Loader(transform=)",
               {.file = "", .column = field.name});
}

void check_function(const ElementFunction& function, const Field& field) {
  if (field.kind == ColumnKind::kText || field.kind == ColumnKind::kBytes) {
    throw Error(ErrorCode::kUnsupported,
                "column " + field.name + " is " + describe(field) + ", and " +
                    function_name(function) +
                    " is for numbers; Dataset.encode_labels makes class numbers of text, and "
                    "hr.text.Hasher rows of features",
                {.file = "", .column = field.name});
  }
  if (field.kind == ColumnKind::kCsr) {
    throw sparse_error(function, field);
  }
  if (!field.is_tensor() && field.kind != ColumnKind::kRagged) {
    throw Error(ErrorCode::kUnsupported,
                "column " + field.name + " is " + describe(field) + ", and " +
                    function_name(function) + " is for tensors and ragged rows of numbers",
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
  if (std::holds_alternative<Standardize>(function)) {
    return for_floats<StandardizeRow>(argument, set);
  }
  if (std::holds_alternative<Clip>(function)) {
    return for_floats<ClipRow>(argument, set);
  }
  if (std::holds_alternative<Log1p>(function)) {
    return for_floats<Log1pRow>(argument, set);
  }
  if (std::holds_alternative<Bucketize>(function)) {
    return bucketize_kernel(argument);
  }
  return &FunctionKernel<HashCategoryRow>::baseline;
}

}  // namespace headrace
