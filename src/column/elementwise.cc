#include "column/elementwise.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <type_traits>
#include <utility>

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
To to_integer(From value) noexcept {
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
double to_sticky_double(From value) noexcept {
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
To convert(From value) noexcept {
  if constexpr (std::is_same_v<From, To>) {
    return value;
  } else if constexpr (kIsSmallFloat<From>) {
    return convert<To>(to_float(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From{0};
  } else if constexpr (std::is_same_v<To, Half>) {
    return to_half(static_cast<double>(value));
  } else if constexpr (std::is_same_v<To, Bfloat>) {
    if constexpr (std::is_integral_v<From> && sizeof(From) == sizeof(uint64_t)) {
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
void apply(const std::byte* source, std::byte* target, uint64_t elements) noexcept {
  using From = typename ElementOf<from>::Type;
  using To = typename ElementOf<to>::Type;
  if constexpr (from == to) {
    std::memcpy(target, source, elements * sizeof(To));
  } else {
    for (uint64_t i = 0; i < elements; ++i) {
      // A byte of a bool column that is neither 0 nor 1 must not become a bool unread.
      using Stored = std::conditional_t<std::is_same_v<From, bool>, uint8_t, From>;
      Stored stored;
      std::memcpy(&stored, source + i * sizeof(Stored), sizeof(Stored));
      To value;
      if constexpr (std::is_same_v<From, bool>) {
        value = convert<To>(stored != 0);
      } else {
        value = convert<To>(stored);
      }
      std::memcpy(target + i * sizeof(To), &value, sizeof(To));
    }
  }
}

using Step = void (*)(const std::byte*, std::byte*, uint64_t) noexcept;
using Table = std::array<std::array<Step, kDTypeCount>, kDTypeCount>;

template <size_t from, size_t... to>
constexpr std::array<Step, kDTypeCount> steps_from(std::index_sequence<to...> /*all*/) noexcept {
  return {&apply<static_cast<DType>(from), static_cast<DType>(to)>...};
}

template <size_t... from>
constexpr Table all_steps(std::index_sequence<from...> all) noexcept {
  return {steps_from<from>(all)...};
}

constexpr Table kSteps = all_steps(std::make_index_sequence<kDTypeCount>());

template <typename T>
void multiply_all(std::span<T> values, double factor) noexcept {
  for (T& value : values) {
    value = static_cast<T>(static_cast<double>(value) * factor);
  }
}

// log(1 + x) of a finite x above -1, in double to about 35 bits. Nothing but arithmetic and
// selections, so that a loop of it becomes vector instructions.
//
// 1 + x, which is exact unless x is tiny, is 2^k * m with m from sqrt(1/2) to sqrt(2), and
// log(m) = 2 atanh(s) with s = (m - 1) / (m + 1), a series in s^2 <= 0.0295.
[[gnu::always_inline]] inline double log1p_of(double x) noexcept {
  constexpr uint64_t kOne = 0x3FF0000000000000;
  constexpr uint64_t kSqrtHalf = 0x3FE6A09E667F3BCD;
  constexpr uint64_t kTwo52 = 0x4330000000000000;  // the bits of 2^52, whose last bit counts ones
  const uint64_t bits = std::bit_cast<uint64_t>(1.0 + x);
  const uint64_t biased = (bits + (kOne - kSqrtHalf)) >> 52;  // k + 1023
  const double k = std::bit_cast<double>(biased | kTwo52) - (0x1p52 + 1023.0);
  const double m = std::bit_cast<double>(bits - (biased << 52) + kOne);
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  const double series =
      1.0 + z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * (1.0 / 9 + z * (1.0 / 11)))));
  return k * std::numbers::ln2 + 2.0 * s * series;
}

// Measured per value: 8 ns in the C library, 2.3 here, 1.1 with AVX2.
[[gnu::always_inline]] inline void log1p_floats(std::span<float> values) noexcept {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  for (float& value : values) {
    const float x = value;
    const auto logarithm = static_cast<float>(log1p_of(x));
    // x itself keeps -0 and what 1 + x has no bits for.
    const float small = x < 0x1p-29F && x > -0x1p-29F ? x : logarithm;
    const float limit = x == -1.0F ? -kInfinity : x == kInfinity ? kInfinity : kNaN;
    value = x > -1.0F && x < kInfinity ? small : limit;
  }
}

#ifdef __x86_64__
// The same operations, so the same results: AVX2 alone has none that multiplies and adds at once.
[[gnu::target("avx2")]] void log1p_with_avx2(std::span<float> values) noexcept {
  log1p_floats(values);
}
#endif

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
    add(path[0].dtype, path[0]);
  }
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    add(path[i].dtype, path[i + 1]);
  }
}

void Conversion::add(DType from, const ValueStep& step) {
  const Cast cast = kSteps[static_cast<size_t>(from)][static_cast<size_t>(step.dtype)];
  steps_.push_back({step.function == nullptr ? cast : nullptr, step.function, from});
}

void Conversion::Step::apply(const std::byte* from, std::byte* to, uint64_t elements,
                             uint64_t position) const noexcept {
  if (cast != nullptr) {
    cast(from, to, elements);
  } else {
    apply_function(*function, argument, from, to, elements, position);
  }
}

void Conversion::apply(const std::byte* from, std::byte* to, uint64_t elements) const noexcept {
  if (elements == 0) {  // of which there may be no memory
    return;
  }
  if (steps_.size() == 1) {
    steps_.front().apply(from, to, elements, 0);
    return;
  }
  // Through dtypes between: block by block, from one small buffer to the other.
  constexpr uint64_t kBlock = 128;
  std::array<std::array<std::byte, kBlock * sizeof(double)>, 2> between;
  for (uint64_t done = 0; done < elements; done += kBlock) {
    const uint64_t count = std::min(kBlock, elements - done);
    const std::byte* source = from + done * from_size_;
    for (size_t step = 0; step < steps_.size(); ++step) {
      const bool last = step + 1 == steps_.size();
      std::byte* target = last ? to + done * to_size_ : between[step % 2].data();
      steps_[step].apply(source, target, count, done);
      source = target;
    }
  }
}

void multiply(std::span<float> values, double factor) noexcept { multiply_all(values, factor); }
void multiply(std::span<double> values, double factor) noexcept { multiply_all(values, factor); }

void log1p(std::span<float> values) noexcept {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) {
    return log1p_with_avx2(values);
  }
#endif
  log1p_floats(values);
}

void log1p(std::span<double> values) noexcept {
  for (double& value : values) {
    value = std::log1p(value);
  }
}

}  // namespace headrace
