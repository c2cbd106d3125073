#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headrace {

// Keys and values of an Arrow schema, in the order of the file.
using Metadata = std::vector<std::pair<std::string, std::string>>;

// The value of the first `key`, if there is one.
std::optional<std::string_view> find_value(const Metadata& metadata, std::string_view key) noexcept;

}  // namespace headrace
