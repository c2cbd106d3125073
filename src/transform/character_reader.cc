#include "transform/character_reader.h"

#include "base/utf8.h"
#include "transform/characters.h"

namespace headrace {
namespace {

constexpr size_t kPart = size_t{64} << 10;

}  // namespace

CharacterRules::CharacterRules(bool lower) : lowercase(lower) {
  const Characters& characters = Characters::table();
  for (uint32_t byte = 0; byte < kept.size(); ++byte) {
    const char32_t character = lowercase ? characters.lower(byte) : byte;
    kept[byte] = byte >= 0x80                ? kWide
                 : characters.is_space(byte) ? kSpace
                                             : static_cast<uint8_t>(character);
  }
}

struct CharacterReader::Writer {
  TokenBuffer& out;
  char* to;

  void put(char32_t character) {
    char* const behind = encode_utf8(character, to);
    out.add(to, behind);
    to = behind;
  }
};

bool CharacterReader::skip_space() noexcept {
  const uint8_t kept = rules_.kept[static_cast<uint8_t>(*at_)];
  if (kept < CharacterRules::kWide) {
    return false;
  }
  const char* behind = at_;
  const char32_t character = decode_utf8(behind);
  if (!Characters::table().is_space(character)) {
    return false;
  }
  space_ = spaces_ == 0 ? character : U' ';
  ++spaces_;
  at_ = behind;
  return true;
}

void CharacterReader::write_space(Writer& writer) {
  if (spaces_ != 0) {
    writer.put(space_);
    spaces_ = 0;
  }
}

void CharacterReader::read(Writer& writer) {
  const uint8_t kept = rules_.kept[static_cast<uint8_t>(*at_)];
  if (kept < CharacterRules::kWide) {
    writer.put(kept);
    ++at_;
    return;
  }
  const auto begin = static_cast<size_t>(at_ - text_.data());
  const char32_t character = decode_utf8(at_);
  if (!rules_.lowercase) {
    writer.put(character);
    return;
  }
  Characters::table().put_lower(text_, begin, character,
                                [&](char32_t lower) { writer.put(lower); });
}

bool CharacterReader::fill(TokenBuffer& out) {
  const char* const end = text_.data() + text_.size();
  const char* const stop = static_cast<size_t>(end - at_) > kPart ? at_ + kPart : end;
  // Lower case takes up to half as much again; white space may be of the part before.
  Writer writer{out, out.room(2 * static_cast<size_t>(stop - at_) + 4 * kLongestUtf8)};
  while (at_ < stop) {
    if (!skip_space()) {
      write_space(writer);
      read(writer);
    }
  }
  if (at_ == end) {
    write_space(writer);
  }
  out.finish(writer.to, writer.to);
  return at_ != end;
}

bool CharacterReader::next_word(TokenBuffer& out) {
  out.clear();
  const char* const end = text_.data() + text_.size();
  while (at_ != end && skip_space()) {
  }
  if (at_ == end) {
    return false;
  }
  const char* behind = at_;
  while (behind != end) {
    const char* next = behind;
    if (Characters::table().is_space(decode_utf8(next))) {
      break;
    }
    behind = next;
  }
  Writer writer{out, out.room(2 * static_cast<size_t>(behind - at_) + 4 * kLongestUtf8)};
  writer.put(U' ');
  while (at_ != behind) {
    read(writer);
  }
  writer.put(U' ');
  out.finish(writer.to, writer.to);
  return true;
}

}  // namespace headrace
