#include "transform/word_reader.h"

#include <cstddef>
#include <utility>

#include "base/utf8.h"

namespace headrace {
namespace {

constexpr ptrdiff_t kPart = ptrdiff_t{64} << 10;

}  // namespace

WordRules::WordRules(bool lower, StopWords words) : lowercase(lower), stop_words(std::move(words)) {
  const Characters& characters = Characters::table();
  for (uint32_t byte = 0; byte < kept.size(); ++byte) {
    const char32_t character = lowercase ? characters.lower(byte) : byte;
    kept[byte] = byte >= kWide              ? kWide
                 : characters.is_word(byte) ? static_cast<uint8_t>(character)
                                            : kNoWord;
  }
}

// Where text goes: `begin` to `to` is the word that is being read.
struct WordReader::Writer {
  TokenBuffer& out;
  const StopWords& stop_words;
  char* begin;
  char* to;
  size_t extra;

  void end_word() {
    const auto bytes = static_cast<size_t>(to - begin);
    if (bytes < 2 + extra || (!stop_words.empty() && stop_words.contains({begin, bytes}))) {
      to = begin;
    } else {
      out.add(begin, to);
      *to++ = ' ';
      begin = to;
    }
    extra = 0;
  }

  void put(char32_t character) {
    if (!Characters::table().is_word(character)) {
      end_word();
      return;
    }
    char* const behind = encode_utf8(character, to);
    extra += static_cast<size_t>(behind - to) - 1;
    to = behind;
  }
};

bool WordReader::fill(TokenBuffer& out) {
  const char* const end = text_.data() + text_.size();
  const char* const stop = end - at_ > kPart ? at_ + kPart : end;
  // Lower case takes up to half as much again, and the last word a space.
  const size_t open = out.open_bytes();
  char* const to = out.room(2 * static_cast<size_t>(stop - at_) + 4 * kLongestUtf8);
  Writer writer{out, rules_.stop_words, to - open, to, extra_};
  while (at_ < stop) {
    const uint8_t kept = rules_.kept[static_cast<uint8_t>(*at_)];
    if (kept == WordRules::kWide) {
      read_wide(writer);
      continue;
    }
    if (kept == WordRules::kNoWord) {
      writer.end_word();
    } else {
      *writer.to++ = static_cast<char>(kept);
    }
    ++at_;
  }
  if (at_ == end) {
    writer.end_word();
  }
  extra_ = writer.extra;
  out.finish(writer.begin, writer.to);
  return at_ != end;
}

void WordReader::read_wide(Writer& writer) {
  const auto begin = static_cast<size_t>(at_ - text_.data());
  const char32_t character = decode_utf8(at_);
  if (!rules_.lowercase) {
    writer.put(character);
  } else if (character == kCapitalSigma && Characters::table().is_final_sigma(text_, begin)) {
    writer.put(kFinalSigma);
  } else if (character == kDottedCapitalI) {
    writer.put('i');
    writer.put(kDotAbove);
  } else {
    writer.put(Characters::table().lower(character));
  }
}

}  // namespace headrace
