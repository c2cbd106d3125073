#include "column/vector_kernels.h"

namespace headrace {

VectorSet vector_set() noexcept {
#ifdef __x86_64__
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    return VectorSet::kBaseline;
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return VectorSet::kAvx512;
  }
  return VectorSet::kAvx2;
#else
  return VectorSet::kBaseline;
#endif
}

}  // namespace headrace
