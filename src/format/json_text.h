#pragma once

#include <cstdint>
#include <string_view>

namespace headrace {

// Whether JSON text nests no deeper than `depth` arrays and objects. Looked at before text from a
// file is parsed, since what parses or walks it may need stack for each level.
bool json_nests_within(std::string_view text, uint64_t depth) noexcept;

}  // namespace headrace
