#include "base/hash.h"

#define XXH_INLINE_ALL
#include <array>
#include <bit>
#include <new>

#include <xxhash.h>

namespace headrace {
namespace {

constexpr size_t kMaxWords = 8;

static_assert(std::endian::native == std::endian::little, "headrace hashes little-endian words");

}  // namespace

uint64_t hash_bytes(std::span<const std::byte> bytes) noexcept {
  return XXH3_64bits(bytes.data(), bytes.size());
}

uint64_t hash_words(std::initializer_list<uint64_t> values) noexcept {
  std::array<uint64_t, kMaxWords> words{};
  size_t count = 0;
  for (const uint64_t value : values) {
    words[count++] = value;
  }
  return XXH3_64bits(words.data(), count * sizeof(uint64_t));
}

Hasher::Hasher() : state_(XXH3_createState()) {
  if (state_ == nullptr) {
    throw std::bad_alloc();
  }
  XXH3_64bits_reset(static_cast<XXH3_state_t*>(state_));
}

Hasher::~Hasher() { XXH3_freeState(static_cast<XXH3_state_t*>(state_)); }

void Hasher::update(std::span<const std::byte> bytes) noexcept {
  XXH3_64bits_update(static_cast<XXH3_state_t*>(state_), bytes.data(), bytes.size());
}

void Hasher::update(uint64_t word) noexcept {
  update(std::as_bytes(std::span<const uint64_t, 1>(&word, 1)));
}

uint64_t Hasher::digest() const noexcept {
  return XXH3_64bits_digest(static_cast<const XXH3_state_t*>(state_));
}

}  // namespace headrace
