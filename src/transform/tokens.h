#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace headrace {

// A word or a character: bytes [begin, end) of a text.
struct Token {
  uint32_t begin;
  uint32_t end;
};

// Tokens in a row, with what joins them in n-grams between them in the text, so that an n-gram is
// one range of bytes. A reader adds tokens at the end; those that are done with are dropped in
// front. Memory stays for the next document.
class TokenBuffer {
 public:
  const std::vector<Token>& tokens() const noexcept { return tokens_; }

  // Behind the end of each token Murmur3Prefixes::kReadBehind bytes may be read.
  const char* text() const noexcept { return text_.data(); }

  // No tokens and no text.
  void clear() noexcept;

  // Where text behind what is there goes, with room for `bytes` bytes. Addresses of before no
  // longer hold. Requires: less than 2^32 bytes in all.
  char* room(size_t bytes);

  // Says that `begin`, which room() gave or which lies behind it, to `end` is a token.
  void add(const char* begin, const char* end) { tokens_.push_back({offset(begin), offset(end)}); }

  // Says that text ends at `end`, and that what follows the last token begins at `open`: the
  // beginning of a token that is not whole yet, or `end`.
  void finish(const char* open, const char* end) noexcept;

  // How long the text behind the last token is that finish() named.
  size_t open_bytes() const noexcept { return used_ - open_; }

  // Forgets the first `count` tokens and their text. Requires: count <= tokens().size().
  void drop_front(size_t count) noexcept;

 private:
  uint32_t offset(const char* at) const noexcept {
    return static_cast<uint32_t>(at - text_.data());
  }

  std::vector<char> text_;  // as much as there is room for
  size_t used_ = 0;
  size_t open_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace headrace
