// The transform that all C++ entries of this task run, over whatever takes its results.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

// Words are runs of ASCII letters and digits and of bytes beyond ASCII, in lower case, hashed by
// FNV-1a to kWidth columns, and so are pairs of words that follow each other; lines are counted
// with their end.
inline constexpr uint32_t kWidth = 1 << 18;

// What becomes of each byte: of letters and digits themselves, in lower case, of others 0.
inline constexpr std::array<uint8_t, 256> kFolded = [] {
  std::array<uint8_t, 256> folded{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool word = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
    folded[c] = static_cast<uint8_t>(upper ? c + ('a' - 'A') : word ? c : 0);
  }
  return folded;
}();

// Calls on_word(column) and on_line(bytes) in order; writes bytes, words and lines to `totals`.
template <typename OnWord, typename OnLine>
void text_features(std::string_view text, float* totals, OnWord&& on_word, OnLine&& on_line) {
  constexpr uint32_t kBasis = 2166136261;
  uint32_t hash = kBasis;
  uint32_t before = 0;  // the hash of the last word
  int32_t line = 0;
  uint32_t words = 0;
  uint32_t lines = 0;
  const auto end_word = [&] {
    on_word(static_cast<int32_t>(hash % kWidth));
    if (before != 0) {
      on_word(static_cast<int32_t>((before * 31 + hash) % kWidth));
    }
    before = hash;
    ++words;
  };
  for (const char c : text) {
    if (const uint8_t letter = kFolded[static_cast<unsigned char>(c)]; letter != 0) {
      hash = (hash ^ letter) * 16777619;
    } else if (hash != kBasis) {
      end_word();
      hash = kBasis;
    }
    ++line;
    if (c == '\n') {
      on_line(line);
      ++lines;
      line = 0;
    }
  }
  if (hash != kBasis) {
    end_word();
  }
  totals[0] = static_cast<float>(text.size());
  totals[1] = static_cast<float>(words);
  totals[2] = static_cast<float>(lines);
}
