#include "storage/url_text.h"

#include <algorithm>
#include <cstddef>

namespace headrace {
namespace {

constexpr std::string_view kScheme = "://";
constexpr std::string_view kQuotes = " \t\r\n\"'<>()[]{}|\\^`";  // end a URL in a text
constexpr size_t kMostText = 2000;

size_t first_of(std::string_view text, std::string_view any, size_t from) {
  return std::min(text.find_first_of(any, from), text.size());
}

// Of "scheme://user:password@host" leaves "scheme://host", also within other URLs.
std::string without_users(std::string_view text) {
  std::string clean;
  size_t at = 0;
  for (size_t found = text.find(kScheme); found != std::string_view::npos;
       found = text.find(kScheme, at)) {
    const size_t begin = found + kScheme.size();
    clean += text.substr(at, begin - at);
    // A password may hold what ends a URL elsewhere: all up to the last @ before the path.
    const std::string_view authority =
        text.substr(begin, first_of(text, "/?# \t\r\n\"<>", begin) - begin);
    const size_t user_end = authority.rfind('@');
    at = begin + (user_end == std::string_view::npos ? 0 : user_end + 1);
  }
  return clean.append(text.substr(at));
}

// Of "scheme://host/path?query#fragment" leaves "scheme://host/path".
std::string without_queries(std::string_view text) {
  std::string clean;
  size_t at = 0;
  for (size_t found = text.find(kScheme); found != std::string_view::npos;
       found = text.find(kScheme, at)) {
    const size_t path_end =
        first_of(text, std::string("?#").append(kQuotes), found + kScheme.size());
    clean += text.substr(at, path_end - at);
    at = first_of(text, kQuotes, path_end);
  }
  return clean.append(text.substr(at));
}

}  // namespace

std::string without_url_secrets(std::string_view text) {
  // Cut last: half a password would not be told from a host.
  const std::string clean = without_queries(without_users(text));
  return clean.size() > kMostText ? clean.substr(0, kMostText) + "..." : clean;
}

}  // namespace headrace
