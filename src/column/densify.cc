#include "column/densify.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "column/elements.h"
#include "column/elementwise.h"
#include "column/half.h"

namespace headrace {
namespace {

// Several batches of this size (one is filled while others are read or wait) still fit a last-level
// cache. Measured with one of 32 MiB: batches of 4 MiB are written at 60 GB/s with plain stores and
// 47 streamed, batches of 64 MiB at 16 and 38; with a reader after each batch, the order is the
// same.
constexpr uint64_t kCachedBytes = uint64_t{8} << 20;
// The longest row that stays in a second-level cache while it is built.
constexpr uint64_t kStreamedRowBytes = uint64_t{512} << 10;

int64_t index_at(DType dtype, const std::byte* indices, uint64_t i) noexcept {
  return with_index_type(dtype, [&](auto index) {
    return static_cast<int64_t>(load_element<decltype(index)>(indices, i));
  });
}

// The element types of sums; a sum of integers wraps the same with and without a sign.
struct Bool {
  uint8_t byte;
};

inline Bool add(Bool a, Bool b) noexcept {
  return {static_cast<uint8_t>((a.byte | b.byte) != 0 ? 1 : 0)};
}
inline Half add(Half a, Half b) noexcept { return to_half(to_float(a) + to_float(b)); }
inline Bfloat add(Bfloat a, Bfloat b) noexcept { return to_bfloat(to_float(a) + to_float(b)); }
template <typename T>
  requires std::is_arithmetic_v<T>
T add(T a, T b) noexcept {
  return static_cast<T>(a + b);
}

// What becomes of element `index` of a row where value `i` is put there.
template <typename T>
struct PutFirst {  // of binary rows, whose values are all the first
  static void put(const std::byte* values, uint64_t /*i*/, std::byte* row,
                  uint64_t index) noexcept {
    store_element(row, index, load_element<T>(values, 0));
  }
};

template <typename T>
struct PutLast {
  static void put(const std::byte* values, uint64_t i, std::byte* row, uint64_t index) noexcept {
    store_element(row, index, load_element<T>(values, i));
  }
};

template <typename T>
struct PutSum {
  static void put(const std::byte* values, uint64_t i, std::byte* row, uint64_t index) noexcept {
    store_element(row, index, add(load_element<T>(row, index), load_element<T>(values, i)));
  }
};

template <typename Index, typename Put>
uint64_t scatter(const std::byte* indices, const std::byte* values, uint64_t count, uint64_t width,
                 std::byte* row) noexcept {
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t index = load_index<Index>(indices, i);
    if (index >= width) {
      return i;
    }
    Put::put(values, i, row, index);
  }
  return count;
}

template <typename Index, typename T>
void clear(const std::byte* indices, uint64_t count, std::byte* row) noexcept {
  for (uint64_t i = 0; i < count; ++i) {
    store_element(row, load_index<Index>(indices, i), T{});
  }
}

// Calls `use` with a value of the unsigned type of `size` bytes.
template <typename Use>
auto with_word(uint64_t size, const Use& use) {
  switch (size) {
    case 1:
      return use(uint8_t{});
    case 2:
      return use(uint16_t{});
    case 4:
      return use(uint32_t{});
    default:
      return use(uint64_t{});
  }
}

// Calls `use` with a value of the type in which elements of `dtype` are added.
template <typename Use>
auto with_summand(DType dtype, const Use& use) {
  switch (dtype) {
    case DType::kBool:
      return use(Bool{});
    case DType::kFloat16:
      return use(Half{});
    case DType::kBfloat16:
      return use(Bfloat{});
    case DType::kFloat32:
      return use(float{});
    case DType::kFloat64:
      return use(double{});
    default:
      return with_word(dtype_size(dtype), use);
  }
}

// Copies `bytes` bytes to `out` past the cache.
void stream(const std::byte* from, std::byte* out, uint64_t bytes) noexcept {
#ifdef __SSE2__
  constexpr uint64_t kWord = sizeof(__m128i);
  const uint64_t head = std::min(bytes, (0 - reinterpret_cast<uintptr_t>(out)) % kWord);
  std::memcpy(out, from, head);
  uint64_t at = head;
  for (; at + kWord <= bytes; at += kWord) {
    const __m128i word = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at));
    _mm_stream_si128(reinterpret_cast<__m128i*>(out + at), word);
  }
  std::memcpy(out + at, from + at, bytes - at);
#else
  std::memcpy(out, from, bytes);
#endif
}

// Clears rows that stay in the cache. memset fills rows of some KiB with a string instruction,
// which leaves them in a farther cache than the one that the values are stored to next: this takes
// two thirds of the time for rows of 4 KiB.
void zero(std::byte* out, uint64_t bytes) noexcept {
  uint64_t at = 0;
#ifdef __SSE2__
  constexpr uint64_t kWord = sizeof(__m128i);
  const __m128i none = _mm_setzero_si128();
  for (; at + 4 * kWord <= bytes; at += 4 * kWord) {
    auto* line = reinterpret_cast<__m128i*>(out + at);
    _mm_storeu_si128(line, none);
    _mm_storeu_si128(line + 1, none);
    _mm_storeu_si128(line + 2, none);
    _mm_storeu_si128(line + 3, none);
  }
#endif
  std::memset(out + at, 0, bytes - at);
}

// Makes streamed stores visible before whatever this thread stores next.
void finish_streams() noexcept {
#ifdef __SSE2__
  _mm_sfence();
#endif
}

}  // namespace

DenseStores dense_stores(uint64_t rows, uint64_t row_bytes) noexcept {
  const bool large = row_bytes > 0 && rows > kCachedBytes / row_bytes;
  return large && row_bytes <= kStreamedRowBytes ? DenseStores::kStreamed : DenseStores::kCached;
}

Densifier::Densifier(const Field& field, DType dtype, Repeats repeats, DenseStores stores)
    : index_dtype_(field.index_dtype),
      index_size_(dtype_size(field.index_dtype)),
      value_size_(field.binary ? 0 : dtype_size(dtype)),
      width_(field.width),
      row_bytes_(field.width * dtype_size(dtype)) {
  with_index_type(field.index_dtype, [&](auto index) {
    using Index = decltype(index);
    with_word(dtype_size(dtype), [&](auto word) {
      using Word = decltype(word);
      clear_ = &clear<Index, Word>;
      scatter_ = field.binary ? &scatter<Index, PutFirst<Word>> : &scatter<Index, PutLast<Word>>;
    });
    if (!field.binary && repeats == Repeats::kSum) {
      with_summand(dtype,
                   [&](auto summand) { scatter_ = &scatter<Index, PutSum<decltype(summand)>>; });
    }
  });
  constexpr std::byte kOne{1};
  Conversion(std::array{DType::kUint8, dtype}).apply(&kOne, one_.data(), 1);
  if (stores == DenseStores::kStreamed) {
    buffer_.resize(row_bytes_);
  }
}

RowFault Densifier::operator()(const ColumnView& view, std::byte* out) noexcept {
  const bool streamed = !buffer_.empty();
  for (uint64_t row = 0; row < view.rows; ++row) {
    const auto begin = static_cast<uint64_t>(offset_at(view, row));
    const uint64_t count = static_cast<uint64_t>(offset_at(view, row + 1)) - begin;
    const std::byte* indices = view.indices + begin * index_size_;
    const std::byte* values = value_size_ == 0 ? one_.data() : view.values + begin * value_size_;
    std::byte* target = out + row * row_bytes_;
    std::byte* built = streamed ? buffer_.data() : target;
    if (!streamed) {
      zero(target, row_bytes_);
    }
    const uint64_t scattered = scatter_(indices, values, count, width_, built);
    if (streamed) {
      stream(built, target, row_bytes_);
      clear_(indices, scattered, built);
    }
    if (scattered < count) {
      return {RowFaultKind::kIndexOutside, row, index_at(index_dtype_, indices, scattered)};
    }
  }
  if (streamed) {
    finish_streams();
  }
  return {};
}

}  // namespace headrace
