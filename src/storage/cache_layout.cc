#include "storage/cache_layout.h"

#include <array>
#include <cerrno>
#include <span>

#include "base/error.h"
#include "base/hash_digits.h"
#include "storage/file.h"

namespace headrace {
namespace {

constexpr std::string_view kShardSuffix = ".shard";
constexpr std::string_view kPartSuffix = ".part";
constexpr char kBootId[] = "/proc/sys/kernel/random/boot_id";

// Takes "<uuid>." from the front of `text`.
std::optional<Uuid> take_uuid(std::string_view& text) noexcept {
  if (text.size() <= kUuidLength || text[kUuidLength] != '.') {
    return std::nullopt;
  }
  const auto uuid = parse_uuid(text.substr(0, kUuidLength));
  text.remove_prefix(kUuidLength + 1);
  return uuid;
}

}  // namespace

std::string cache_file_name(const CacheKey& key, CacheFileKind kind) {
  return uuid_text(key.dataset) + "." + uuid_text(key.shard) + "." + hash_digits(key.xxh3) +
         std::string(kind == CacheFileKind::kShard ? kShardSuffix : kPartSuffix);
}

std::optional<CacheFileName> parse_cache_file_name(std::string_view name) noexcept {
  const auto dataset = take_uuid(name);
  const auto shard = dataset ? take_uuid(name) : std::nullopt;
  if (!shard || name.size() < kHashDigits) {
    return std::nullopt;
  }
  const std::string_view suffix = name.substr(kHashDigits);
  if (suffix != kShardSuffix && suffix != kPartSuffix) {
    return std::nullopt;
  }
  const auto xxh3 = parse_hash_digits(name.substr(0, kHashDigits));
  if (!xxh3) {
    return std::nullopt;
  }
  return CacheFileName{
      .key = {.dataset = *dataset, .shard = *shard, .xxh3 = *xxh3},
      .kind = suffix == kShardSuffix ? CacheFileKind::kShard : CacheFileKind::kPart};
}

Uuid boot_id() {
  std::array<char, kUuidLength> text = {};
  const uint64_t bytes = read_file_head(kBootId, std::as_writable_bytes(std::span(text)));
  const auto boot = parse_uuid(std::string_view(text.data(), bytes));
  if (!boot) {
    throw system_error("does not say which start of the machine this is", kBootId, EIO);
  }
  return *boot;
}

uint64_t charged_bytes(uint64_t bytes) noexcept {
  constexpr uint64_t kBlock = 4096;
  return (bytes + kBlock - 1) / kBlock * kBlock;
}

}  // namespace headrace
