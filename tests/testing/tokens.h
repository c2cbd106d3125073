#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "transform/tokens.h"

namespace headrace {

// The text of each token.
inline std::vector<std::string> texts_of(const TokenBuffer& buffer) {
  std::vector<std::string> texts;
  for (const Token& token : buffer.tokens()) {
    texts.emplace_back(buffer.text() + token.begin, buffer.text() + token.end);
  }
  return texts;
}

// Adds texts as tokens, with `between` behind each.
inline void add_tokens(TokenBuffer& buffer, const std::vector<std::string>& texts,
                       const std::string& between) {
  for (const std::string& text : texts) {
    char* const begin = buffer.room(text.size() + between.size());
    char* const end = std::copy(text.begin(), text.end(), begin);
    buffer.add(begin, end);
    char* const behind = std::copy(between.begin(), between.end(), end);
    buffer.finish(behind, behind);
  }
}

}  // namespace headrace
