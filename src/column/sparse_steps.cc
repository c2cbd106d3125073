#include "column/sparse_steps.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "column/logarithm.h"

namespace headrace {
namespace {

uint64_t offset(const ColumnView& rows, uint64_t i) noexcept {
  return static_cast<uint64_t>(offset_at(rows, i));
}

template <typename T>
double sum(const T* values, uint64_t count) noexcept {
  double total = 0;
  for (uint64_t i = 0; i < count; ++i) {
    total += static_cast<double>(values[i]);
  }
  return total;
}

// The dtype in which values of `dtype` are computed with.
DType work_dtype(DType dtype, bool arithmetic) noexcept {
  if (!arithmetic) {
    return dtype;
  }
  return dtype == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
}

Field field_after(const Field& field, const Layout& layout) {
  Field after = field;
  const bool ones = field.binary || layout.steps.binary;
  after.dtype = layout.dtype;
  after.binary = false;
  if (layout.steps.selected != nullptr) {
    after.width = layout.steps.selected->width();
    after.index_dtype = DType::kInt32;
  }
  if (layout.kind == LayoutKind::kCsr) {
    after.index_dtype = layout.index_dtype;
  } else if (layout.kind == LayoutKind::kCoo) {
    after.index_dtype = DType::kInt64;
  } else if (ones && !layout.steps.arithmetic()) {
    after.binary = true;
    after.dtype = DType::kUint8;
  }
  return after;
}

}  // namespace

SparseTransform::SparseTransform(const Field& field, const Layout& layout)
    : stored_(field),
      field_(field_after(field, layout)),
      repeats_(field.binary || layout.steps.binary ? Repeats::kSet : Repeats::kSum),
      steps_(layout.steps),
      selected_(steps_.selected.get()),
      ones_(field.binary || layout.steps.binary),
      checks_(layout.kind != LayoutKind::kDense),
      work_dtype_(work_dtype(layout.dtype, steps_.arithmetic())),
      cast_(std::array{ones_ ? DType::kUint8 : field.dtype, work_dtype_}),
      round_(std::array{work_dtype_, layout.dtype}) {}

// `given`, or memory of `own` for as many bytes.
std::byte* SparseTransform::memory(std::byte* given, std::vector<double>& own, uint64_t bytes) {
  if (given != nullptr) {
    return given;
  }
  own.resize(std::max<uint64_t>(own.size(), (bytes + sizeof(double) - 1) / sizeof(double)));
  return reinterpret_cast<std::byte*>(own.data());
}

// Makes the offsets of `result` begin at 0.
void SparseTransform::rebase(const ColumnView& rows, const Elements& elements, ColumnView& result) {
  if (elements.first == 0 && selected_ == nullptr) {
    return;
  }
  offsets_.resize(rows.rows + 1);
  for (uint64_t i = 0; i <= rows.rows; ++i) {
    offsets_[i] = static_cast<int64_t>(offset(rows, i) - elements.first);
  }
  result.offsets = reinterpret_cast<const std::byte*>(offsets_.data());
}

// Gives `result` its values as work_dtype_. Returns where they may be changed; nullptr if they need
// not be.
std::byte* SparseTransform::place_values(const ColumnView& rows, const Elements& elements,
                                         const SparseMemory& out, ColumnView& result) {
  result.values = nullptr;
  if (field_.binary) {
    return nullptr;
  }
  const bool unchanged = !ones_ && !steps_.arithmetic() && selected_ == nullptr &&
                         stored_.dtype == field_.dtype && out.values == nullptr;
  if (unchanged) {
    result.values = rows.values + elements.first * cast_.from_size();
    return nullptr;
  }
  std::byte* work = memory(work_dtype_ == field_.dtype ? out.values : nullptr, work_,
                           elements.count * cast_.to_size());
  cast(rows, elements, work);
  result.values = work;
  return work;
}

// Gives `result` its indices and drops what is not selected of them and of its values, `work`.
RowFault SparseTransform::place_indices(const ColumnView& rows, const Elements& elements,
                                        const SparseMemory& out, std::byte* work,
                                        ColumnView& result) {
  if (selected_ == nullptr && !checks_) {
    result.indices = rows.indices + elements.first * dtype_size(stored_.index_dtype);
    return {};
  }
  std::byte* indices =
      memory(out.indices, indices_, elements.count * dtype_size(field_.index_dtype));
  result.indices = indices;
  if (selected_ == nullptr) {
    return copy_indices(stored_, rows, field_.index_dtype, indices);
  }
  const RowFault fault = keep_selected(stored_, rows, *selected_,
                                       {.index_dtype = field_.index_dtype,
                                        .indices = indices,
                                        .value_bytes = work == nullptr ? 0 : cast_.to_size(),
                                        .values = work,
                                        .offsets = offsets_.data()});
  result.elements = static_cast<uint64_t>(offsets_.back());
  return fault;
}

void SparseTransform::cast(const ColumnView& rows, const Elements& elements, std::byte* to) const {
  if (!ones_) {
    const std::byte* from = rows.values + elements.first * cast_.from_size();
    if (from != to) {
      cast_.apply(from, to, elements.count);
    }
    return;
  }
  std::array<std::byte, 8> one = {};
  constexpr std::byte kOne{1};
  cast_.apply(&kOne, one.data(), 1);
  const uint64_t bytes = elements.count * cast_.to_size();
  if (bytes == 0) {
    return;
  }
  std::memcpy(to, one.data(), cast_.to_size());
  for (uint64_t done = cast_.to_size(); done < bytes; done *= 2) {
    std::memcpy(to + done, to, std::min(done, bytes - done));
  }
}

// What each row is multiplied by. Requires: offsets that begin at 0.
void SparseTransform::find_factors(const ColumnView& rows, const std::byte* values) {
  factors_.assign(rows.rows, steps_.scale);
  for (uint64_t row = 0; steps_.total.has_value() && row < rows.rows; ++row) {
    const uint64_t begin = offset(rows, row);
    const uint64_t count = offset(rows, row + 1) - begin;
    const double row_sum = work_dtype_ == DType::kFloat64
                               ? sum(reinterpret_cast<const double*>(values) + begin, count)
                               : sum(reinterpret_cast<const float*>(values) + begin, count);
    if (row_sum != 0) {
      factors_[row] = *steps_.total / row_sum * steps_.scale;
    }
  }
}

void SparseTransform::compute(const ColumnView& rows, std::byte* values) const noexcept {
  const auto in = [&](auto* typed) {
    const bool scaled = steps_.total.has_value() || steps_.scale != 1;
    for (uint64_t row = 0; scaled && row < rows.rows; ++row) {
      const uint64_t begin = offset(rows, row);
      multiply(std::span(typed + begin, offset(rows, row + 1) - begin), factors_[row]);
    }
    if (steps_.log1p) {
      log1p(std::span(typed, rows.elements));
    }
  };
  if (work_dtype_ == DType::kFloat64) {
    in(reinterpret_cast<double*>(values));
  } else {
    in(reinterpret_cast<float*>(values));
  }
}

RowFault SparseTransform::apply(const ColumnView& rows, const SparseMemory& out,
                                ColumnView& result) {
  result = rows;
  if (rows.rows == 0) {
    offsets_.assign(1, 0);
    result.offsets = reinterpret_cast<const std::byte*>(offsets_.data());
    result.elements = 0;
    return {};
  }
  const Elements elements = {offset(rows, 0), offset(rows, rows.rows) - offset(rows, 0)};
  result.elements = elements.count;
  rebase(rows, elements, result);
  std::byte* work = place_values(rows, elements, out, result);
  if (steps_.total.has_value() || steps_.scale != 1) {
    find_factors(result, work);
  }
  if (const RowFault fault = place_indices(rows, elements, out, work, result)) {
    return fault;
  }
  if (steps_.arithmetic()) {
    compute(result, work);
  }
  if (work_dtype_ != field_.dtype && !field_.binary) {
    std::byte* rounded = memory(out.values, values_, elements.count * round_.to_size());
    round_.apply(work, rounded, result.elements);
    result.values = rounded;
  }
  return {};
}

}  // namespace headrace
