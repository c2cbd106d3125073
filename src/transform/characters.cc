#include "transform/characters.h"

#include <span>

#include "base/utf8.h"
#include "transform/unicode_tables.h"

namespace headrace {
namespace {

constexpr size_t kCodePoints = 0x110000;

void set(std::vector<uint8_t>& flags, std::span<const char32_t> changes, uint8_t flag) {
  for (size_t i = 0; i < changes.size(); i += 2) {
    const size_t end = i + 1 < changes.size() ? changes[i + 1] : kCodePoints;
    for (size_t code = changes[i]; code < end; ++code) {
      flags[code] |= flag;
    }
  }
}

}  // namespace

const Characters& Characters::table() {
  static const Characters kTable;
  return kTable;
}

Characters::Characters() : flags_(kCodePoints), pages_(kCodePoints >> kPageBits), deltas_(1) {
  set(flags_, unicode_tables::word(), kWord);
  set(flags_, unicode_tables::space(), kSpace);
  set(flags_, unicode_tables::cased(), kCased);
  set(flags_, unicode_tables::ignorable(), kIgnorable);
  for (const unicode_tables::LowerRun& run : unicode_tables::lower()) {
    for (char32_t code = run.first; code <= run.last; code += run.step) {
      uint8_t& page = pages_[code >> kPageBits];
      if (page == 0) {
        page = static_cast<uint8_t>(deltas_.size());
        deltas_.emplace_back();
      }
      deltas_[page][code & kPageMask] = run.delta;
    }
  }
}

bool Characters::is_final_sigma(std::string_view text, size_t begin) const noexcept {
  const auto flags_at = [&](const char* at) { return flags_[decode_utf8(at)]; };
  const char* const front = text.data();
  const char* at = front + begin;
  uint8_t flags = kIgnorable;
  while (at != front && (flags & kIgnorable) != 0) {
    at = previous_utf8(at);
    flags = flags_at(at);
  }
  if ((flags & kCased) == 0) {
    return false;
  }
  const char* const end = front + text.size();
  at = front + begin + 2;
  flags = kIgnorable;
  while (at != end && (flags & kIgnorable) != 0) {
    flags = flags_[decode_utf8(at)];
  }
  return (flags & kCased) == 0;
}

}  // namespace headrace
