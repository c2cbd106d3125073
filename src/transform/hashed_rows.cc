#include "transform/hashed_rows.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <span>
#include <string>
#include <utility>

#include "base/error.h"
#include "transform/key_sort.h"

namespace headrace {
namespace {

// The sum of what `part` makes of each value, in four sums: sums of whole numbers are exact, so
// that their order does not matter, and the processor need not wait for each.
template <typename Value, typename Part>
double sum_of(std::span<const Value> values, Part part) noexcept {
  std::array<double, 4> sums{};
  size_t i = 0;
  for (; i + sums.size() <= values.size(); i += sums.size()) {
    for (size_t k = 0; k < sums.size(); ++k) {
      sums[k] += part(values[i + k]);
    }
  }
  for (; i < values.size(); ++i) {
    sums[0] += part(values[i]);
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

template <typename Value>
double size_of(std::span<const Value> values, RowNorm norm) noexcept {
  if (norm == RowNorm::kL1) {
    return sum_of(values, [](Value value) { return static_cast<double>(std::abs(value)); });
  }
  // The square is rounded to the dtype, as scikit-learn has it.
  return std::sqrt(sum_of(values, [](Value value) { return static_cast<double>(value * value); }));
}

template <typename Value>
void scale(std::span<Value> values, RowNorm norm) noexcept {
  const double size = size_of<Value>(values, norm);
  if (size == 0) {
    return;
  }
  for (Value& value : values) {
    value = static_cast<Value>(value / size);
  }
}

}  // namespace

void HashedRows::clear() noexcept {
  ends.clear();
  indices.clear();
  values.clear();
  features = 0;
}

HashedRowCounter::HashedRowCounter(const Options& options)
    : options_(options),
      columns_(static_cast<uint32_t>(options.columns)),
      sign_(options.alternate_sign ? 1 : 0) {
  if (options.columns == 0 || options.columns > INT32_MAX) {
    throw Error(ErrorCode::kInvalid, "n_features must lie between 1 and 2**31 - 1; found " +
                                         std::to_string(options.columns));
  }
  if (options.dtype != DType::kFloat32 && options.dtype != DType::kFloat64) {
    throw Error(ErrorCode::kInvalid, std::string("hashed features are float64 or float32, not ") +
                                         dtype_name(options.dtype) + "; cast what comes out");
  }
}

int HashedRowCounter::bits() const noexcept {
  return static_cast<int>(std::bit_width(columns_ - 1)) + 1;
}

void HashedRowCounter::fold(std::vector<uint32_t>& keys, std::vector<uint32_t>& scratch,
                            ColumnSums& sums) const {
  sort_keys(keys, scratch, bits());
  ColumnSums merged{.features = sums.features + keys.size()};
  size_t before = 0;  // of the old columns, those that are merged
  const auto take_before = [&](uint64_t column) {
    for (; before < sums.columns.size() && sums.columns[before] < column; ++before) {
      merged.columns.push_back(sums.columns[before]);
      merged.sums.push_back(sums.sums[before]);
    }
  };
  for (size_t i = 0; i < keys.size();) {
    const uint32_t column = keys[i] >> 1;
    take_before(column);
    int64_t sum = 0;
    if (before < sums.columns.size() && sums.columns[before] == column) {
      sum = sums.sums[before++];
    }
    for (; i < keys.size() && keys[i] >> 1 == column; ++i) {
      sum += 1 - static_cast<int64_t>(keys[i] & 1) * 2;
    }
    merged.columns.push_back(column);
    merged.sums.push_back(sum);
  }
  take_before(UINT64_MAX);
  sums = std::move(merged);
  keys.clear();
}

void HashedRowCounter::add_row(const ColumnSums& sums, HashedRows& out) const {
  out.features += sums.features;
  if (options_.dtype == DType::kFloat32) {
    add_row_of<float>(sums, out);
  } else {
    add_row_of<double>(sums, out);
  }
}

void HashedRowCounter::add_row(std::vector<uint32_t>& keys, std::vector<uint32_t>& scratch,
                               HashedRows& out) const {
  sort_keys(keys, scratch, bits());
  out.features += keys.size();
  if (options_.dtype == DType::kFloat32) {
    add_row_of<float>(keys, out);
  } else {
    add_row_of<double>(keys, out);
  }
}

template <typename Value>
void HashedRowCounter::add_row_of(const std::vector<uint32_t>& keys, HashedRows& out) const {
  const uint64_t first = out.indices.size();
  out.indices.reserve_more(keys.size());
  out.values.reserve_more(keys.size() * sizeof(Value));
  int32_t* const indices = out.indices.data() + first;
  auto* const values = reinterpret_cast<Value*>(out.values.data()) + first;
  size_t entries = 0;
  uint32_t column = UINT32_MAX;
  int64_t sum = 0;
  for (const uint32_t key : keys) {
    // Without a branch: whether a column comes again cannot be foreseen.
    const auto again = static_cast<int64_t>(key >> 1 == column);
    column = key >> 1;
    sum = (sum & -again) + 1 - static_cast<int64_t>(key & 1) * 2;
    entries += static_cast<size_t>(1 - again);
    indices[entries - 1] = static_cast<int32_t>(column);
    values[entries - 1] = static_cast<Value>(sum);
  }
  end_row<Value>(first, entries, out);
}

template <typename Value>
void HashedRowCounter::add_row_of(const ColumnSums& sums, HashedRows& out) const {
  const uint64_t first = out.indices.size();
  const size_t entries = sums.columns.size();
  out.indices.reserve_more(entries);
  out.values.reserve_more(entries * sizeof(Value));
  std::copy_n(sums.columns.data(), entries, out.indices.data() + first);
  std::transform(sums.sums.begin(), sums.sums.end(),
                 reinterpret_cast<Value*>(out.values.data()) + first,
                 [](int64_t sum) { return static_cast<Value>(sum); });
  end_row<Value>(first, entries, out);
}

// Ends the row of `entries` entries behind `first` others, whose values are sums.
template <typename Value>
void HashedRowCounter::end_row(uint64_t first, size_t entries, HashedRows& out) const {
  auto* const values = reinterpret_cast<Value*>(out.values.data()) + first;
  if (options_.binary) {
    std::fill_n(values, entries, Value{1});
  }
  if (options_.norm != RowNorm::kNone) {
    scale<Value>({values, entries}, options_.norm);
  }
  out.indices.set_size(first + entries);
  out.values.set_size((first + entries) * sizeof(Value));
  out.ends.push_back(first + entries);
}

}  // namespace headrace
