#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "column/casts.h"
#include "column/element_functions.h"
#include "column/schema.h"

namespace headrace {

// One step on the way of numbers from where they are stored to a batch: another dtype, or a
// function of them whose argument_dtype() they have.
struct ValueStep {
  DType dtype;  // of the result
  std::shared_ptr<const ElementFunction> function = nullptr;

  // NOLINTNEXTLINE(google-explicit-constructor): a dtype alone is a step, and most are
  ValueStep(DType result) : dtype(result) {}
  ValueStep(DType result, std::shared_ptr<const ElementFunction> by)
      : dtype(result), function(std::move(by)) {}

  // By value of the function.
  bool operator==(const ValueStep& other) const noexcept;
};

// Converts elements of one dtype to another, through any dtypes and functions between them: the
// casts of cast_kernel() and the kernels of kernel_of(). Immutable; thread-safe.
class Conversion {
 public:
  // A plain copy of nothing; assign another before use.
  Conversion() = default;

  // Requires: at least one dtype. One alone is a plain copy.
  explicit Conversion(std::span<const DType> path);

  // The same with functions. Requires: none in the first step, which is what is stored.
  explicit Conversion(std::span<const ValueStep> path);

  uint64_t from_size() const noexcept { return from_size_; }  // bytes per element
  uint64_t to_size() const noexcept { return to_size_; }

  // The arrays need no alignment and do not overlap. The first element is the first of a row,
  // where rows matter to a function.
  void apply(const std::byte* from, std::byte* to, uint64_t elements) const noexcept {
    const RowPair row = {.from = from, .to = to, .ahead = nullptr};
    apply({&row, 1}, elements);
  }

  // The same for each of several rows of `elements` elements.
  void apply(std::span<const RowPair> rows, uint64_t elements, RowAhead ahead = {}) const noexcept;

 private:
  struct Step {
    CastKernel cast = nullptr;  // or null, and:
    ElementKernel kernel = nullptr;
    std::shared_ptr<const ElementFunction> function = nullptr;

    void apply(const KernelRows& rows) const noexcept;
  };

  static Step make_step(DType from, const ValueStep& step);
  void apply_steps(std::span<const RowPair> rows, uint64_t elements, RowAhead ahead) const noexcept;
  void apply_in_blocks(RowPair row, uint64_t elements) const noexcept;

  std::vector<Step> steps_;
  uint64_t from_size_ = 0;
  uint64_t to_size_ = 0;
};

// Multiplies each value by `factor`, in double; the product is rounded once.
void multiply(std::span<float> values, double factor) noexcept;
void multiply(std::span<double> values, double factor) noexcept;

}  // namespace headrace
