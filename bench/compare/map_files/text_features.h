// The transform that all C++ entries of this task run, over whatever takes its results.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

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

// All bits for the bytes of words: by a table, since compilers make a branch of a comparison.
inline constexpr std::array<uint32_t, 256> kInWord = [] {
  std::array<uint32_t, 256> masks{};
  for (unsigned c = 0; c < 256; ++c) {
    masks[c] = kFolded[c] != 0 ? UINT32_MAX : 0;
  }
  return masks;
}();

inline constexpr uint32_t kBasis = 2166136261;  // the hash of no letter

// Hashes words letter by letter. No branch depends on where they end, which processors guess wrong
// for every other word.
struct WordHashes {
  uint32_t* end = nullptr;  // of the hashes of words that have ended; needs room for one more
  uint32_t hash = kBasis;

  void step(char c) {
    const uint32_t letter = kFolded[static_cast<unsigned char>(c)];
    const uint32_t in_word = kInWord[static_cast<unsigned char>(c)];
    *end = hash;
    end += ~in_word & (hash != kBasis ? 1 : 0);
    hash = (((hash ^ letter) * 16777619) & in_word) | (kBasis & ~in_word);
  }
};

// Calls on_word(hash) for each word. A letter waits for the hash of those before it, so several
// parts of the text are hashed side by side. `hashes` is memory that is used again.
template <typename OnWord>
void hash_words(std::string_view text, std::vector<uint32_t>& hashes, OnWord&& on_word) {
  constexpr size_t kParts = 4;
  std::array<std::string_view, kParts> parts;
  std::array<WordHashes, kParts> found;
  hashes.resize(std::max(hashes.size(), text.size() / 2 + 2 * kParts));
  uint32_t* room = hashes.data();
  size_t shortest = text.size();
  for (size_t k = 0, begin = 0; k < kParts; ++k) {
    size_t end = std::max(begin, text.size() * (k + 1) / kParts);
    while (end < text.size() && kFolded[static_cast<unsigned char>(text[end])] != 0) {
      ++end;
    }
    parts[k] = text.substr(begin, end - begin);
    shortest = std::min(shortest, parts[k].size());
    found[k].end = room;
    room += parts[k].size() / 2 + 2;
    begin = end;
  }
  for (size_t i = 0; i < shortest; ++i) {
    for (size_t k = 0; k < kParts; ++k) {
      found[k].step(parts[k][i]);
    }
  }
  const uint32_t* begin = hashes.data();
  for (size_t k = 0; k < kParts; ++k) {
    for (const char c : parts[k].substr(shortest)) {
      found[k].step(c);
    }
    found[k].step('\0');
    std::for_each(begin, static_cast<const uint32_t*>(found[k].end), on_word);
    begin += parts[k].size() / 2 + 2;
  }
}

// Calls on_word(column) and on_line(bytes) in order; writes bytes, words and lines to `totals`.
template <typename OnWord, typename OnLine>
void text_features(std::string_view text, std::vector<uint32_t>& hashes, float* totals,
                   OnWord&& on_word, OnLine&& on_line) {
  uint32_t before = 0;  // the hash of the last word
  uint32_t words = 0;
  hash_words(text, hashes, [&](uint32_t hash) {
    on_word(static_cast<int32_t>(hash % kWidth));
    if (before != 0) {
      on_word(static_cast<int32_t>((before * 31 + hash) % kWidth));
    }
    before = hash;
    ++words;
  });
  uint32_t lines = 0;
  size_t begin = 0;
  for (size_t end = text.find('\n'); end != text.npos; end = text.find('\n', begin)) {
    on_line(static_cast<int32_t>(end + 1 - begin));
    begin = end + 1;
    ++lines;
  }
  totals[0] = static_cast<float>(text.size());
  totals[1] = static_cast<float>(words);
  totals[2] = static_cast<float>(lines);
}
