#include "format/metadata.h"

namespace headrace {

std::optional<std::string_view> find_value(const Metadata& metadata,
                                           std::string_view key) noexcept {
  for (const auto& [name, value] : metadata) {
    if (name == key) {
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace headrace
