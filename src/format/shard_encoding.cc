#include "format/shard_encoding.h"

#include <array>
#include <cstddef>

namespace headrace {
namespace {

constexpr std::array<std::string_view, 2> kNames = {"none", "zstd"};

}  // namespace

std::string_view encoding_name(ShardEncoding encoding) noexcept {
  return kNames[static_cast<size_t>(encoding)];
}

std::optional<ShardEncoding> parse_encoding(std::string_view name) noexcept {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) {
      return static_cast<ShardEncoding>(i);
    }
  }
  return std::nullopt;
}

}  // namespace headrace
