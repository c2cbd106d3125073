#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headrace {

// The 16 bytes of a UUID in the order of its text.
using Uuid = std::array<uint8_t, 16>;

// Characters of a UUID's text.
inline constexpr size_t kUuidLength = 36;

// A fresh random UUID (RFC 9562, version 4), from the kernel's generator, so that processes that
// were forked never draw the same. Throws kIo.
Uuid make_uuid();

// The text of `uuid`: "8-4-4-4-12" digits in lower case.
std::string uuid_text(const Uuid& uuid);

// The UUID of exactly that form, of any version; nothing for other text. Upper case is refused:
// a UUID that names a file has one spelling.
std::optional<Uuid> parse_uuid(std::string_view text) noexcept;

// Whether parse_uuid() takes `text`; such text is safe as the name of a file.
bool is_uuid(std::string_view text) noexcept;

}  // namespace headrace
