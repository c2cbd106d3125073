#include "storage/url_text.h"

#include <algorithm>
#include <cstddef>

namespace headrace {
namespace {

constexpr std::string_view kScheme = "://";
constexpr std::string_view kEnds = " \t\r\n\"'<>()[]{}|\\^`,;";
constexpr size_t kMostText = 2000;

size_t first_of(std::string_view text, std::string_view any, size_t from) {
  return std::min(text.find_first_of(any, from), text.size());
}

}  // namespace

std::string without_url_secrets(std::string_view text) {
  const bool cut = text.size() > kMostText;
  text = text.substr(0, kMostText);
  std::string clean;
  size_t at = 0;
  for (size_t found = text.find(kScheme); found != std::string_view::npos;
       found = text.find(kScheme, at)) {
    const size_t host = found + kScheme.size();
    clean += text.substr(at, host - at);
    // A password may hold what ends a URL elsewhere: up to the last @ before the path it is one.
    const size_t authority_end = first_of(text, "/?# \t\r\n\"<>", host);
    const size_t user_end = text.substr(0, authority_end).rfind('@');
    const size_t begin =
        user_end == std::string_view::npos || user_end < host ? host : user_end + 1;
    const size_t path_end = first_of(text, "?#" + std::string(kEnds), begin);
    clean += text.substr(begin, path_end - begin);
    const bool more = path_end < text.size() && (text[path_end] == '?' || text[path_end] == '#');
    at = more ? first_of(text, " \t\r\n\"'<>()[]{}|\\^`", path_end) : path_end;
  }
  clean += text.substr(at);
  return cut ? clean + "..." : clean;
}

}  // namespace headrace
