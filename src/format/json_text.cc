#include "format/json_text.h"

namespace headrace {

bool json_nests_within(std::string_view text, uint64_t depth) noexcept {
  uint64_t level = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      i += c == '\\' ? 1 : 0;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++level > depth) {
        return false;
      }
    } else if ((c == ']' || c == '}') && level > 0) {
      --level;
    }
  }
  return true;
}

}  // namespace headrace
