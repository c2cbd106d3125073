#pragma once

#include <cstddef>
#include <span>

namespace headrace {

// Whether `bytes` are well-formed UTF-8, by table 3-7 of the Unicode Standard: no overlong forms,
// no surrogates, nothing above U+10FFFF. Reads nothing else, and some bytes twice: where they
// change meanwhile, the answer may be either. May run in guarded().
bool is_utf8(std::span<const std::byte> bytes) noexcept;

}  // namespace headrace
