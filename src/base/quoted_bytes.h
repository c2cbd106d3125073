#pragma once

#include <string>
#include <string_view>

namespace headrace {

// Bytes of a file as a message shows them: in quotes, no more than 40 of them. What would not be
// seen is written out, as \x00: control characters, a byte order mark, what is no UTF-8.
std::string quoted_bytes(std::string_view bytes);

// `text` with each NUL written as \x00: what() of an exception would end there.
std::string without_nuls(std::string text);

}  // namespace headrace
