#include "transform/word_reader.h"

#include <bit>
#include <cstddef>
#include <utility>

#include "base/utf8.h"
#include "transform/ascii_block.h"

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

  // A word of two bytes and more. kCopied bytes behind it may be read and written.
  void add_ascii(const char* word, size_t bytes, bool lowercase) {
    for (size_t at = 0; at < bytes; at += kCopied) {
      copy_ascii(word + at, to + at, lowercase);
    }
    to += bytes;
    if (!stop_words.empty() && stop_words.contains({begin, bytes})) {
      to = begin;
      return;
    }
    out.add(begin, to);
    *to++ = ' ';
    begin = to;
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
  // Lower case takes up to half as much again, the last word a space, and words are copied with
  // what is behind them.
  const size_t open = out.open_bytes();
  char* const to = out.room(2 * static_cast<size_t>(stop - at_) + 4 * kLongestUtf8 + kCopied);
  Writer writer{out, rules_.stop_words, to - open, to, extra_};
  while (at_ < stop) {
    if (writer.begin != writer.to || !read_block(writer, end)) {
      read_character(writer);
    }
  }
  if (at_ == end) {
    writer.end_word();
  }
  extra_ = writer.extra;
  out.finish(writer.begin, writer.to);
  return at_ != end;
}

// Words of ASCII that end in the next 64 bytes, all at once; false where none of these bytes is
// done with. The caller sees to it that no word is open.
bool WordReader::read_block(Writer& writer, const char* end) {
  if (static_cast<size_t>(end - at_) < AsciiBlock::kBytes + kCopied) {
    return false;
  }
  const AsciiBlock block = read_ascii_block(at_);
  const int ascii = std::countr_zero(block.wide);
  const uint64_t seen = ascii == 64 ? ~uint64_t{0} : (uint64_t{1} << ascii) - 1;
  const uint64_t word = block.word & seen;
  uint64_t starts = word & ~(word << 1);
  uint64_t ends = ~word & word << 1 & seen;
  int done = ascii;
  if (word != 0 && std::countl_zero(word) == 64 - ascii) {  // the last word may go on
    done = 63 - std::countl_zero(starts);
    starts &= ~(uint64_t{1} << done);
  }
  const uint64_t single = starts & ends >> 1;
  starts &= ~single;
  ends &= ~(single << 1);
  for (; starts != 0; starts &= starts - 1, ends &= ends - 1) {
    const int first = std::countr_zero(starts);
    writer.add_ascii(at_ + first, static_cast<size_t>(std::countr_zero(ends) - first),
                     rules_.lowercase);
  }
  at_ += done;
  return done != 0;
}

void WordReader::read_character(Writer& writer) {
  const uint8_t kept = rules_.kept[static_cast<uint8_t>(*at_)];
  if (kept == WordRules::kWide) {
    read_wide(writer);
    return;
  }
  if (kept == WordRules::kNoWord) {
    writer.end_word();
  } else {
    *writer.to++ = static_cast<char>(kept);
  }
  ++at_;
}

void WordReader::read_wide(Writer& writer) {
  const auto begin = static_cast<size_t>(at_ - text_.data());
  const char32_t character = decode_utf8(at_);
  if (!rules_.lowercase) {
    writer.put(character);
    return;
  }
  Characters::table().put_lower(text_, begin, character,
                                [&](char32_t lower) { writer.put(lower); });
}

}  // namespace headrace
