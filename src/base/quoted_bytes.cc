#include "base/quoted_bytes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/utf8.h"

namespace headrace {
namespace {

constexpr size_t kMostShown = 40;
constexpr char32_t kByteOrderMark = 0xFEFF;

void append_escape(std::string& to, char byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto value = static_cast<uint8_t>(byte);
  to += "\\x";
  to += kDigits[value >> 4];
  to += kDigits[value & 0x0F];
}

bool is_seen(char32_t code) noexcept {
  const bool is_control = code < 0x20 || (code >= 0x7F && code < 0xA0);
  return !is_control && code != kByteOrderMark;
}

// How many bytes the character at the front has; 0 where it would not be seen.
size_t seen_bytes(std::string_view bytes) noexcept {
  const auto lead = static_cast<uint8_t>(bytes.front());
  const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const std::string_view first = bytes.substr(0, length);
  if (!is_utf8(std::as_bytes(std::span(first)))) {
    return 0;
  }
  const char* at = first.data();
  return is_seen(decode_utf8(at)) ? length : 0;
}

}  // namespace

std::string quoted_bytes(std::string_view bytes) {
  std::string shown = "'";
  std::string_view rest = bytes.substr(0, kMostShown);
  while (!rest.empty()) {
    const size_t seen = seen_bytes(rest);
    if (seen > 0) {
      shown += rest.substr(0, seen);
    } else {
      append_escape(shown, rest.front());
    }
    rest.remove_prefix(std::max<size_t>(seen, 1));
  }
  shown += bytes.size() > kMostShown ? "'..." : "'";
  return shown;
}

std::string without_nuls(std::string text) {
  for (size_t at = 0; (at = text.find('\0', at)) != std::string::npos;) {
    text.replace(at, 1, "\\x00");
  }
  return text;
}

}  // namespace headrace
