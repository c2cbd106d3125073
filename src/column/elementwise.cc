#include "column/elementwise.h"

#include <algorithm>
#include <array>

namespace headrace {
namespace {

// Numbers that fit a buffer between steps; two of them stay in the first-level cache.
constexpr uint64_t kBlock = 512;
constexpr uint64_t kRows = 16;  // rows whose numbers share one
using Block = std::array<std::byte, kBlock * sizeof(double)>;

template <typename T>
void multiply_all(std::span<T> values, double factor) noexcept {
  for (T& value : values) {
    value = static_cast<T>(static_cast<double>(value) * factor);
  }
}

}  // namespace

bool ValueStep::operator==(const ValueStep& other) const noexcept {
  const bool same_function =
      function == other.function ||
      (function != nullptr && other.function != nullptr && *function == *other.function);
  return dtype == other.dtype && same_function;
}

Conversion::Conversion(std::span<const DType> path)
    : Conversion(std::vector<ValueStep>(path.begin(), path.end())) {}

Conversion::Conversion(std::span<const ValueStep> path)
    : from_size_(dtype_size(path.front().dtype)), to_size_(dtype_size(path.back().dtype)) {
  if (path.size() == 1) {
    steps_.push_back(make_step(path[0].dtype, path[0]));
  }
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    steps_.push_back(make_step(path[i].dtype, path[i + 1]));
  }
}

Conversion::Step Conversion::make_step(DType from, const ValueStep& step) {
  if (step.function == nullptr) {
    return {.cast = cast_kernel(from, step.dtype)};
  }
  return {.kernel = kernel_of(*step.function, from), .function = step.function};
}

void Conversion::Step::apply(const KernelRows& rows) const noexcept {
  if (cast != nullptr) {
    cast(rows);
  } else {
    kernel(rows, *function);
  }
}

void Conversion::apply(std::span<const RowPair> rows, uint64_t elements,
                       RowAhead ahead) const noexcept {
  if (elements == 0) {  // of which there may be no memory
    return;
  }
  if (steps_.size() == 1) {
    return steps_.front().apply({.rows = rows, .elements = elements, .ahead = ahead});
  }
  if (elements > kBlock) {
    for (const RowPair row : rows) {
      apply_in_blocks(row, elements);
    }
    return;
  }
  const uint64_t at_once = std::min<uint64_t>(kBlock / elements, kRows);
  for (size_t done = 0; done < rows.size(); done += at_once) {
    apply_steps(rows.subspan(done, std::min(at_once, rows.size() - done)), elements, ahead);
  }
}

// Through dtypes between: all rows, which one small buffer has room for, from there to another.
void Conversion::apply_steps(std::span<const RowPair> rows, uint64_t elements,
                             RowAhead ahead) const noexcept {
  std::array<Block, 2> between;
  std::array<RowPair, kRows> pairs;
  std::copy(rows.begin(), rows.end(), pairs.begin());
  for (size_t step = 0; step < steps_.size(); ++step) {
    const bool last = step + 1 == steps_.size();
    for (size_t row = 0; row < rows.size(); ++row) {
      pairs[row].from = step == 0 ? rows[row].from : pairs[row].to;
      pairs[row].to =
          last ? rows[row].to : between[step % 2].data() + row * elements * sizeof(double);
    }
    steps_[step].apply({.rows = std::span(pairs).first(rows.size()),
                        .elements = elements,
                        .ahead = step == 0 ? ahead : RowAhead()});
  }
}

// The same for one row of many elements: block by block.
void Conversion::apply_in_blocks(RowPair row, uint64_t elements) const noexcept {
  std::array<Block, 2> between;
  for (uint64_t done = 0; done < elements; done += kBlock) {
    const uint64_t count = std::min(kBlock, elements - done);
    RowPair pair = {.from = row.from + done * from_size_, .to = nullptr, .ahead = nullptr};
    for (size_t step = 0; step < steps_.size(); ++step) {
      const bool last = step + 1 == steps_.size();
      pair.to = last ? row.to + done * to_size_ : between[step % 2].data();
      steps_[step].apply({.rows = {&pair, 1}, .elements = count, .position = done});
      pair.from = pair.to;
    }
  }
}

void multiply(std::span<float> values, double factor) noexcept { multiply_all(values, factor); }
void multiply(std::span<double> values, double factor) noexcept { multiply_all(values, factor); }

}  // namespace headrace
