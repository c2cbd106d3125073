#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headrace {

// A 64-bit hash as files write it: 16 lower-case hexadecimal digits.
inline constexpr size_t kHashDigits = 16;

std::string hash_digits(uint64_t hash);

// The hash that `digits` stand for; nothing for a text of another form.
std::optional<uint64_t> parse_hash_digits(std::string_view digits) noexcept;

}  // namespace headrace
