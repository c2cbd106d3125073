#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <vector>

// Loops over numbers, compiled for the vector instructions of several processors; which of them
// runs is decided where it runs, so that one build serves all.
namespace headrace {

// Instructions that kernels are compiled for; of each set a processor also has those before it. The
// later two are AVX2 and AVX-512 (F, BW, DQ, VL), both with FMA.
enum class VectorSet : uint8_t { kBaseline, kAvx2, kAvx512 };

// The last set that this processor and its operating system have.
VectorSet vector_set() noexcept;

// Memory from a 64-byte boundary on: the longest vectors of numbers that each row needs then never
// lie in two cache lines, which would take twice as long.
template <typename T>
struct VectorAligned {
  using value_type = T;  // NOLINT(readability-identifier-naming): as the standard wants it

  VectorAligned() = default;
  template <typename U>
  // NOLINTNEXTLINE(google-explicit-constructor): the same
  VectorAligned(const VectorAligned<U>& /*of_other_values*/) noexcept {}

  T* allocate(size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{64}));
  }
  void deallocate(T* memory, size_t /*count*/) noexcept {
    ::operator delete(memory, std::align_val_t{64});
  }
  bool operator==(const VectorAligned&) const = default;
};

using AlignedDoubles = std::vector<double, VectorAligned<double>>;

// Numbers of one row, and where what becomes of them goes: in bytes, which need no alignment and do
// not overlap unless they are the same. `ahead` is a row that is wanted soon, and whose cache lines
// are asked for meanwhile.
struct RowPair {
  const std::byte* from;
  std::byte* to;
  const std::byte* ahead;
};

// Which bytes of a row ahead are asked for: one in each of `lines` cache lines, the last at
// `last_offset`.
struct RowAhead {
  uint64_t lines = 0;  // at most 16; 0: `ahead` is not looked at
  uint64_t last_offset = 0;

  [[gnu::always_inline]] void prefetch(const std::byte* row) const noexcept;
};

// Rows that a kernel takes at once: what comes before its loop takes as long as a row of 64
// numbers. `elements` numbers of each, the first of which is number `position` of a row of a
// column.
struct KernelRows {
  std::span<const RowPair> rows;
  uint64_t elements = 0;
  uint64_t position = 0;
  RowAhead ahead = {};
};

// One jump: a loop of a few rounds before each row takes 3 ns, a sixth of the whole gather of a
// row.
inline void RowAhead::prefetch(const std::byte* row) const noexcept {
  constexpr uint64_t kCacheLine = 64;
  switch (lines) {
    case 16:
      __builtin_prefetch(row + 14 * kCacheLine);
      [[fallthrough]];
    case 15:
      __builtin_prefetch(row + 13 * kCacheLine);
      [[fallthrough]];
    case 14:
      __builtin_prefetch(row + 12 * kCacheLine);
      [[fallthrough]];
    case 13:
      __builtin_prefetch(row + 11 * kCacheLine);
      [[fallthrough]];
    case 12:
      __builtin_prefetch(row + 10 * kCacheLine);
      [[fallthrough]];
    case 11:
      __builtin_prefetch(row + 9 * kCacheLine);
      [[fallthrough]];
    case 10:
      __builtin_prefetch(row + 8 * kCacheLine);
      [[fallthrough]];
    case 9:
      __builtin_prefetch(row + 7 * kCacheLine);
      [[fallthrough]];
    case 8:
      __builtin_prefetch(row + 6 * kCacheLine);
      [[fallthrough]];
    case 7:
      __builtin_prefetch(row + 5 * kCacheLine);
      [[fallthrough]];
    case 6:
      __builtin_prefetch(row + 4 * kCacheLine);
      [[fallthrough]];
    case 5:
      __builtin_prefetch(row + 3 * kCacheLine);
      [[fallthrough]];
    case 4:
      __builtin_prefetch(row + 2 * kCacheLine);
      [[fallthrough]];
    case 3:
      __builtin_prefetch(row + 1 * kCacheLine);
      [[fallthrough]];
    case 2:
      __builtin_prefetch(row + 0 * kCacheLine);
      [[fallthrough]];
    case 1:
      __builtin_prefetch(row + last_offset);
      break;
    default:
      break;
  }
}

// A kernel of rows: `Row` is made of the arguments, once, and called for each row with its numbers
// and position. Its constructor and its call are gnu::always_inline: code has the instructions of
// what it is inlined into.
template <typename Row, typename... Arguments>
struct RowKernel {
  using Run = void (*)(const KernelRows& rows, Arguments... arguments) noexcept;

  [[gnu::always_inline]] static void run(const KernelRows& rows, Arguments... arguments) noexcept {
    const Row row(arguments...);
    const auto [pairs, elements, position, ahead] = rows;
    // By reference: g++ would copy a pair in one load, which waits until the two stores that wrote
    // it have left for the cache, behind all rows that were stored before.
    for (const RowPair& pair : pairs) {
      // A request for each row and not for all at first: so they overlap with what is computed.
      ahead.prefetch(pair.ahead);
      row(pair.from, pair.to, elements, position);
    }
  }

  static void baseline(const KernelRows& rows, Arguments... arguments) noexcept {
    run(rows, arguments...);
  }
#ifdef __x86_64__
  [[gnu::target("avx2,fma")]] static void avx2(const KernelRows& rows,
                                               Arguments... arguments) noexcept {
    run(rows, arguments...);
  }
  [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,fma")]] static void avx512(
      const KernelRows& rows, Arguments... arguments) noexcept {
    run(rows, arguments...);
  }
#endif
};

// The kernel compiled for `set`. All sets give the same bits: they do the same operations, each
// rounded by itself (the build contracts none to a fused one; std::fma() is one everywhere).
// Requires: the processor has it.
template <typename Kernel>
typename Kernel::Run kernel_for(VectorSet set) noexcept {
  switch (set) {
#ifdef __x86_64__
    case VectorSet::kAvx512:
      return &Kernel::avx512;
    case VectorSet::kAvx2:
      return &Kernel::avx2;
#endif
    default:
      return &Kernel::baseline;
  }
}

}  // namespace headrace
