#include "base/uuid.h"

#include <array>
#include <cerrno>
#include <sys/random.h>

#include "base/error.h"

namespace headrace {
namespace {

constexpr int kMostTries = 1000;
constexpr char kDigits[] = "0123456789abcdef";

// Whether a dash stands in the text before byte `i`.
constexpr bool dash_before(size_t i) noexcept { return i == 4 || i == 6 || i == 8 || i == 10; }

// The value of a digit by its code; kNoDigit of others. A table, since random digits make a
// processor guess wrong about branches, and a manifest has millions of ids.
constexpr uint8_t kNoDigit = 0xFF;
constexpr auto kValues = [] {
  std::array<uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (uint8_t value = 0; value < 16; ++value) {
    values[static_cast<uint8_t>(kDigits[value])] = value;
  }
  return values;
}();

constexpr uint8_t digit_value(char digit) noexcept { return kValues[static_cast<uint8_t>(digit)]; }

}  // namespace

Uuid make_uuid() {
  Uuid uuid{};
  // So few bytes come whole; only before the generator is seeded at boot can a signal interrupt.
  ssize_t got = -1;
  for (int tries = 0; tries < kMostTries && got < 0; ++tries) {
    got = ::getrandom(uuid.data(), uuid.size(), 0);
    if (got < 0 && errno != EINTR) {
      break;
    }
  }
  if (got != static_cast<ssize_t>(uuid.size())) {
    throw system_error("random bytes are not to be had", "getrandom", got < 0 ? errno : EIO);
  }
  uuid[6] = static_cast<uint8_t>((uuid[6] & 0x0F) | 0x40);  // version 4
  uuid[8] = static_cast<uint8_t>((uuid[8] & 0x3F) | 0x80);  // variant 1
  return uuid;
}

std::string uuid_text(const Uuid& uuid) {
  std::string text;
  text.reserve(kUuidLength);
  for (size_t i = 0; i < uuid.size(); ++i) {
    if (dash_before(i)) {
      text += '-';
    }
    text += kDigits[uuid[i] >> 4];
    text += kDigits[uuid[i] & 0x0F];
  }
  return text;
}

std::optional<Uuid> parse_uuid(std::string_view text) noexcept {
  if (text.size() != kUuidLength) {
    return std::nullopt;
  }
  Uuid uuid{};
  size_t at = 0;
  uint8_t any = 0;
  for (size_t i = 0; i < uuid.size(); ++i) {
    if (dash_before(i) && text[at++] != '-') {
      return std::nullopt;
    }
    const uint8_t high = digit_value(text[at++]);
    const uint8_t low = digit_value(text[at++]);
    any |= high | low;
    uuid[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return any < 16 ? std::optional(uuid) : std::nullopt;
}

bool is_uuid(std::string_view text) noexcept { return parse_uuid(text).has_value(); }

}  // namespace headrace
