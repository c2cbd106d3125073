#include "column/vector_kernels.h"

namespace headrace {

VectorSet vector_set() noexcept {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return VectorSet::kAvx512;
  }
  if (__builtin_cpu_supports("avx2")) {
    return VectorSet::kAvx2;
  }
#endif
  return VectorSet::kBaseline;
}

}  // namespace headrace
