#include "column/vector_kernels.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "column/elements.h"

namespace headrace {
namespace {

// x * x - y: one rounding for the product and one for the difference, which a fused instruction
// would not have.
class SquareLess {
 public:
  [[gnu::always_inline]] explicit SquareLess(float y) noexcept : y_(y) {}

  [[gnu::always_inline]] void operator()(const std::byte* from, std::byte* to, uint64_t elements,
                                         uint64_t position) const noexcept {
    for (uint64_t i = 0; i < elements; ++i) {
      const auto x = load_element<float>(from, i);
      store_element(to, i, x * x - y_ + static_cast<float>(position));
    }
  }

 private:
  float y_;
};

using Kernel = RowKernel<SquareLess, float>;

TEST(VectorKernels, GiveTheSameBitsForEverySet) {
  const float x = 1.0F + 0x1p-23F;
  for (uint8_t set = 0; set <= static_cast<uint8_t>(vector_set()); ++set) {
    for (const size_t count : {size_t{1}, size_t{15}, size_t{64}, size_t{101}}) {
      const std::vector<float> numbers(count, x);
      std::vector<float> results(count);
      const RowPair row = {.from = reinterpret_cast<const std::byte*>(numbers.data()),
                           .to = reinterpret_cast<std::byte*>(results.data()),
                           .ahead = nullptr};
      kernel_for<Kernel>(static_cast<VectorSet>(set))({.rows = {&row, 1}, .elements = count}, 1);
      // Fused it would be 2^-22 + 2^-46.
      EXPECT_EQ(results, std::vector(count, 0x1p-22F)) << int{set};
    }
  }
}

TEST(VectorKernels, TakeEachRowWithItsPositionAndRowsAhead) {
  const std::vector<float> numbers = {1, 2, 3, 4, 5, 6};
  std::vector<float> results(6);
  const auto row = [&](size_t i) {
    return RowPair{.from = reinterpret_cast<const std::byte*>(&numbers[i]),
                   .to = reinterpret_cast<std::byte*>(&results[i]),
                   .ahead = reinterpret_cast<const std::byte*>(&numbers[i])};
  };
  const std::array rows = {row(4), row(0)};
  for (const uint64_t lines : {0, 1, 2}) {
    kernel_for<Kernel>(vector_set())(
        {.rows = rows, .elements = 2, .position = lines, .ahead = {lines, 7}}, 0);
    const auto p = static_cast<float>(lines);
    EXPECT_EQ(results, (std::vector<float>{1 + p, 4 + p, 0, 0, 25 + p, 36 + p}));
  }
}

TEST(VectorKernels, AreThoseOfTheSetThatIsAskedFor) {
  EXPECT_EQ(kernel_for<Kernel>(VectorSet::kBaseline), &Kernel::baseline);
#ifdef __x86_64__
  EXPECT_EQ(kernel_for<Kernel>(VectorSet::kAvx2), &Kernel::avx2);
  EXPECT_EQ(kernel_for<Kernel>(VectorSet::kAvx512), &Kernel::avx512);
#endif
}

TEST(VectorAligned, MemoryBeginsWithACacheLine) {
  for (const size_t count : {1, 3, 64, 1000}) {
    const AlignedDoubles numbers(count);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(numbers.data()) % 64, 0U) << count;
  }
}

}  // namespace
}  // namespace headrace
