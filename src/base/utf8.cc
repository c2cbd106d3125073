#include "base/utf8.h"

#include <cstdint>
#include <cstring>

namespace headrace {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080;

// What may follow a lead byte: `count` continuation bytes, the first of them in [low, high].
struct Followers {
  uint8_t count;  // 0: no lead byte
  uint8_t low;
  uint8_t high;
};

constexpr Followers followers_of(uint8_t lead) noexcept {
  if (lead >= 0xC2 && lead <= 0xDF) {
    return {1, 0x80, 0xBF};
  }
  if (lead >= 0xE0 && lead <= 0xEF) {
    const uint8_t low = lead == 0xE0 ? 0xA0 : 0x80;   // no overlong forms
    const uint8_t high = lead == 0xED ? 0x9F : 0xBF;  // no surrogates
    return {2, low, high};
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const uint8_t low = lead == 0xF0 ? 0x90 : 0x80;   // no overlong forms
    const uint8_t high = lead == 0xF4 ? 0x8F : 0xBF;  // nothing above U+10FFFF
    return {3, low, high};
  }
  return {0, 0, 0};
}

// The byte after the ASCII characters from `at` on.
const uint8_t* skip_ascii(const uint8_t* at, const uint8_t* end) noexcept {
  while (end - at >= 8) {
    uint64_t eight = 0;
    std::memcpy(&eight, at, sizeof(eight));
    if ((eight & kHighBits) != 0) {
      break;
    }
    at += sizeof(eight);
  }
  while (at != end && *at < 0x80) {
    ++at;
  }
  return at;
}

}  // namespace

bool is_utf8(std::span<const std::byte> bytes) noexcept { return !find_utf8_fault(bytes); }

std::optional<Utf8Fault> find_utf8_fault(std::span<const std::byte> bytes) noexcept {
  const auto* const begin = reinterpret_cast<const uint8_t*>(bytes.data());
  const uint8_t* const end = begin + bytes.size();
  const uint8_t* at = begin;
  while ((at = skip_ascii(at, end)) != end) {
    const uint8_t* const first = at;
    const Followers followers = followers_of(*at++);
    const uint8_t* const behind = at + followers.count;
    bool well = followers.count != 0 && at != end && *at >= followers.low && *at <= followers.high;
    at += well ? 1 : 0;
    while (well && at != behind) {
      well = at != end && (*at & 0xC0) == 0x80;
      at += well ? 1 : 0;
    }
    if (!well) {
      return Utf8Fault{.offset = static_cast<uint64_t>(first - begin),
                       .length = static_cast<uint64_t>(at - first)};
    }
  }
  return std::nullopt;
}

}  // namespace headrace
