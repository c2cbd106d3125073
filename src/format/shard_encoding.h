#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace headrace {

// How the bodies of a shard's record batches are stored.
enum class ShardEncoding : uint8_t {
  kPlain,  // as they are mapped
  kZstd,   // each buffer by itself as a zstd frame: Arrow's own compression of bodies
};

// The name of `encoding` in a manifest: "none" or "zstd".
std::string_view encoding_name(ShardEncoding encoding) noexcept;

// The encoding of that name; nothing for a name that this version does not know.
std::optional<ShardEncoding> parse_encoding(std::string_view name) noexcept;

}  // namespace headrace
