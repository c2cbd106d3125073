#include "column/vector_kernels.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

// One rounding for the product and one for the sum, which a fused instruction would not have.
struct MultiplyAndAdd {
  [[gnu::always_inline]] static void run(const float* x, float* y, size_t count) noexcept {
    for (size_t i = 0; i < count; ++i) {
      y[i] = x[i] * x[i] - 1.0F;
    }
  }
};

TEST(VectorKernels, GiveTheSameBitsForEverySet) {
  const float x = 1.0F + 0x1p-23F;
  for (uint8_t set = 0; set <= static_cast<uint8_t>(vector_set()); ++set) {
    for (const size_t count : {size_t{1}, size_t{15}, size_t{64}, size_t{101}}) {
      std::vector<float> results(count);
      kernel_for<MultiplyAndAdd>(static_cast<VectorSet>(set))(std::vector(count, x).data(),
                                                              results.data(), count);
      // Fused it would be 2^-22 + 2^-46.
      EXPECT_EQ(results, std::vector(count, 0x1p-22F)) << int{set};
    }
  }
}

TEST(VectorKernels, AreThoseOfTheSetThatIsAskedFor) {
  using Variants = KernelVariants<MultiplyAndAdd>;
  EXPECT_EQ(kernel_for<MultiplyAndAdd>(VectorSet::kBaseline), &Variants::baseline);
#ifdef __x86_64__
  EXPECT_EQ(kernel_for<MultiplyAndAdd>(VectorSet::kAvx2), &Variants::avx2);
  EXPECT_EQ(kernel_for<MultiplyAndAdd>(VectorSet::kAvx512), &Variants::avx512);
#endif
}

}  // namespace
}  // namespace headrace
