#pragma once

#include <cstdint>

// Loops over numbers, compiled for the vector instructions of several processors; which of them
// runs is decided where it runs, so that one build serves all.
namespace headrace {

// Instructions that kernels are compiled for; of each set a processor also has those before it.
enum class VectorSet : uint8_t { kBaseline, kAvx2, kAvx512 };

// The last set that this processor and its operating system have.
VectorSet vector_set() noexcept;

// A kernel for each set. It is a type with `static void run(Arguments...) noexcept` that is
// gnu::always_inline, since a function has the instructions of what it is inlined into.
template <typename Kernel, typename Run = decltype(&Kernel::run)>
struct KernelVariants;

template <typename Kernel, typename... Arguments>
struct KernelVariants<Kernel, void (*)(Arguments...) noexcept> {
  using Run = void (*)(Arguments...) noexcept;

  static void baseline(Arguments... arguments) noexcept { Kernel::run(arguments...); }
#ifdef __x86_64__
  [[gnu::target("avx2")]] static void avx2(Arguments... arguments) noexcept {
    Kernel::run(arguments...);
  }
  [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] static void avx512(
      Arguments... arguments) noexcept {
    Kernel::run(arguments...);
  }
#endif
};

// Kernel::run compiled for `set`. All sets give the same bits: they do the same operations, each
// rounded by itself (the build has no contraction to fused ones). Requires: the processor has it.
template <typename Kernel>
auto kernel_for(VectorSet set) noexcept -> typename KernelVariants<Kernel>::Run {
  switch (set) {
#ifdef __x86_64__
    case VectorSet::kAvx512:
      return &KernelVariants<Kernel>::avx512;
    case VectorSet::kAvx2:
      return &KernelVariants<Kernel>::avx2;
#endif
    default:
      return &KernelVariants<Kernel>::baseline;
  }
}

}  // namespace headrace
