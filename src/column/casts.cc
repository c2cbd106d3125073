#include "column/casts.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "column/elements.h"
#include "column/half.h"

namespace headrace {
namespace {

// The C++ type of each DType, in its order.
template <DType>
struct ElementOf;
// clang-format off
template <> struct ElementOf<DType::kBool> { using Type = bool; };
template <> struct ElementOf<DType::kUint8> { using Type = uint8_t; };
template <> struct ElementOf<DType::kUint16> { using Type = uint16_t; };
template <> struct ElementOf<DType::kUint32> { using Type = uint32_t; };
template <> struct ElementOf<DType::kUint64> { using Type = uint64_t; };
template <> struct ElementOf<DType::kInt8> { using Type = int8_t; };
template <> struct ElementOf<DType::kInt16> { using Type = int16_t; };
template <> struct ElementOf<DType::kInt32> { using Type = int32_t; };
template <> struct ElementOf<DType::kInt64> { using Type = int64_t; };
template <> struct ElementOf<DType::kFloat16> { using Type = Half; };
template <> struct ElementOf<DType::kBfloat16> { using Type = Bfloat; };
template <> struct ElementOf<DType::kFloat32> { using Type = float; };
template <> struct ElementOf<DType::kFloat64> { using Type = double; };
// clang-format on

template <typename T>
constexpr bool kIsSmallFloat = std::is_same_v<T, Half> || std::is_same_v<T, Bfloat>;

// A float's whole part, kept inside the range of To.
template <typename To, typename From>
[[gnu::always_inline]] inline To to_integer(From value) noexcept {
  // 2^digits is a float exactly, unlike the largest integer.
  const From limit = std::ldexp(From{1}, std::numeric_limits<To>::digits);
  if (value >= limit) {
    return std::numeric_limits<To>::max();
  }
  const From lowest = std::is_signed_v<To> ? -limit : From{0};
  if (value > lowest) {
    return static_cast<To>(value);
  }
  return value <= lowest ? std::numeric_limits<To>::min() : To{0};  // 0 for NaN
}

// An integer as a double that every small float format rounds as it would round the integer: bits
// that a double has no room for leave a trace in its last one ("round to odd").
template <typename From>
[[gnu::always_inline]] inline double to_sticky_double(From value) noexcept {
  constexpr uint64_t kLow = 0x7FF;  // what 53 of 64 bits leave out
  const bool negative = value < From{0};
  const auto bits = static_cast<uint64_t>(value);
  uint64_t magnitude = negative ? 0 - bits : bits;
  if (magnitude >> 53 != 0) {
    magnitude = (magnitude & ~kLow) | ((magnitude & kLow) != 0 ? kLow + 1 : 0);
  }
  const auto result = static_cast<double>(magnitude);
  return negative ? -result : result;
}

template <typename To, typename From>
[[gnu::always_inline]] inline To convert(From value) noexcept {
  if constexpr (std::is_same_v<From, To>) {
    return value;
  } else if constexpr (kIsSmallFloat<From>) {
    return convert<To>(to_float(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From{0};
  } else if constexpr (std::is_same_v<To, Half>) {
    if constexpr (std::is_same_v<From, float>) {
      return to_half(value);
    } else {
      return to_half(static_cast<double>(value));
    }
  } else if constexpr (std::is_same_v<To, Bfloat>) {
    if constexpr (std::is_same_v<From, float>) {
      return to_bfloat(value);
    } else if constexpr (std::is_integral_v<From> && sizeof(From) == sizeof(uint64_t)) {
      return to_bfloat(to_sticky_double(value));
    } else {
      return to_bfloat(static_cast<double>(value));
    }
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    return to_integer<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

template <DType from, DType to>
struct Cast {
  using From = typename ElementOf<from>::Type;
  using To = typename ElementOf<to>::Type;

  [[gnu::always_inline]] void operator()(const std::byte* source, std::byte* target,
                                         uint64_t elements, uint64_t /*position*/) const noexcept {
    if constexpr (from == to) {
      std::memcpy(target, source, elements * sizeof(To));
      return;
    }
#pragma GCC ivdep  // no checks for overlaps, which take as long as a row
    for (uint64_t i = 0; i < elements; ++i) {
      // A byte of a bool column that is neither 0 nor 1 must not become a bool unread.
      if constexpr (std::is_same_v<From, bool>) {
        store_element(target, i, convert<To>(load_element<uint8_t>(source, i) != 0));
      } else {
        store_element(target, i, convert<To>(load_element<From>(source, i)));
      }
    }
  }
};

// The casts of training; all of them for each set would be half a megabyte.
template <DType from, DType to>
constexpr bool kForEachSet = from != to && (from == DType::kFloat32 || to == DType::kFloat32);

template <DType from, DType to>
CastKernel kernel(VectorSet set) noexcept {
  using Kernel = RowKernel<Cast<from, to>>;
  if constexpr (kForEachSet<from, to>) {
    return kernel_for<Kernel>(set);
  } else {
    return &Kernel::baseline;
  }
}

using KernelOf = CastKernel (*)(VectorSet) noexcept;
using Table = std::array<std::array<KernelOf, kDTypeCount>, kDTypeCount>;

template <size_t from, size_t... to>
constexpr std::array<KernelOf, kDTypeCount> row(std::index_sequence<to...> /*all*/) noexcept {
  return {&kernel<static_cast<DType>(from), static_cast<DType>(to)>...};
}

template <size_t... from>
constexpr Table table(std::index_sequence<from...> all) noexcept {
  return {row<from>(all)...};
}

constexpr Table kKernels = table(std::make_index_sequence<kDTypeCount>());

}  // namespace

CastKernel cast_kernel(DType from, DType to, VectorSet set) noexcept {
  return kKernels[static_cast<size_t>(from)][static_cast<size_t>(to)](set);
}

}  // namespace headrace
