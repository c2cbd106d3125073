#include "storage/cache_layout.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "base/error.h"
#include "base/hash_digits.h"
#include "storage/file.h"

namespace headrace {
namespace {

constexpr std::string_view kExpanded = ".expanded";
constexpr std::string_view kMade = ".made";

// In the order of the enum.
constexpr std::array<std::string_view, 3> kSuffixes = {".shard", ".part", ".stored"};

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

// Takes `word` from the front of `text`, if it stands there.
bool take_word(std::string_view& text, std::string_view word) noexcept {
  const bool found = text.starts_with(word);
  text.remove_prefix(found ? word.size() : 0);
  return found;
}

std::string_view form_of(const CacheKey& key) noexcept {
  return key.expanded ? kExpanded : key.made ? kMade : std::string_view();
}

std::string_view suffix_of(CacheFileKind kind) noexcept {
  return kSuffixes[static_cast<size_t>(kind)];
}

std::optional<CacheFileKind> kind_of(std::string_view suffix) noexcept {
  const auto found = std::ranges::find(kSuffixes, suffix);
  if (found == kSuffixes.end()) {
    return std::nullopt;
  }
  return static_cast<CacheFileKind>(found - kSuffixes.begin());
}

}  // namespace

std::string cache_file_name(const CacheKey& key, CacheFileKind kind) {
  return uuid_text(key.dataset) + "." + uuid_text(key.shard) + "." + hash_digits(key.xxh3) +
         std::string(form_of(key)) + std::string(suffix_of(kind));
}

std::optional<CacheFileName> parse_cache_file_name(std::string_view name) noexcept {
  const auto dataset = take_uuid(name);
  const auto shard = dataset ? take_uuid(name) : std::nullopt;
  if (!dataset || !shard || name.size() < kHashDigits) {
    return std::nullopt;
  }
  const auto xxh3 = parse_hash_digits(name.substr(0, kHashDigits));
  std::string_view suffix = name.substr(kHashDigits);
  const bool expanded = take_word(suffix, kExpanded);
  const bool made = !expanded && take_word(suffix, kMade);
  const auto kind = kind_of(suffix);
  if (!xxh3 || !kind || (kind == CacheFileKind::kStored && !expanded)) {
    return std::nullopt;
  }
  return CacheFileName{.key = {.dataset = *dataset,
                               .shard = *shard,
                               .xxh3 = *xxh3,
                               .expanded = expanded,
                               .made = made},
                       .kind = *kind};
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
