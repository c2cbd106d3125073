#include "transform/tokens.h"

#include <algorithm>
#include <cstring>

#include "transform/murmur3.h"

namespace headrace {

void TokenBuffer::clear() noexcept {
  used_ = 0;
  open_ = 0;
  tokens_.clear();
}

char* TokenBuffer::room(size_t bytes) {
  const size_t needed = used_ + bytes + Murmur3Prefixes::kReadBehind;
  if (needed > text_.size()) {
    text_.resize(std::max(needed, text_.size() + text_.size() / 2));
  }
  return text_.data() + used_;
}

void TokenBuffer::finish(const char* open, const char* end) noexcept {
  open_ = offset(open);
  used_ = offset(end);
}

void TokenBuffer::drop_front(size_t count) noexcept {
  const uint32_t first =
      count < tokens_.size() ? tokens_[count].begin : static_cast<uint32_t>(open_);
  if (count == 0 && first == 0) {
    return;  // of long n-grams none may be whole for many parts
  }
  std::memmove(text_.data(), text_.data() + first, used_ - first);
  used_ -= first;
  open_ -= first;
  tokens_.erase(tokens_.begin(), tokens_.begin() + static_cast<ptrdiff_t>(count));
  for (Token& token : tokens_) {
    token.begin -= first;
    token.end -= first;
  }
}

}  // namespace headrace
