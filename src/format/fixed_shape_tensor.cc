#include "format/fixed_shape_tensor.h"

#include <nlohmann/json.hpp>

#include "base/checked.h"

namespace headrace {
namespace {

using nlohmann::json;

// Far more than any tensor needs; parsed JSON takes many times its text.
constexpr size_t kMaxText = 4096;

std::optional<std::vector<uint64_t>> numbers_of(const json& list) {
  if (!list.is_array()) {
    return std::nullopt;
  }
  std::vector<uint64_t> numbers;
  for (const json& item : list) {
    if (!item.is_number_unsigned()) {
      return std::nullopt;
    }
    numbers.push_back(item.get<uint64_t>());
  }
  return numbers;
}

bool is_identity(const std::vector<uint64_t>& permutation) {
  for (size_t i = 0; i < permutation.size(); ++i) {
    if (permutation[i] != i) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::optional<FixedShape> parse_fixed_shape(std::string_view text) {
  if (text.size() > kMaxText) {
    return std::nullopt;
  }
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("shape")) {
    return std::nullopt;
  }
  auto shape = numbers_of(parsed["shape"]);
  if (!shape) {
    return std::nullopt;
  }
  FixedShape fixed{.shape = std::move(*shape)};
  for (const uint64_t extent : fixed.shape) {
    fixed.elements = saturating_mul(fixed.elements, extent);
  }
  if (parsed.contains("permutation") && !parsed["permutation"].is_null()) {
    const auto permutation = numbers_of(parsed["permutation"]);
    if (!permutation || permutation->size() != fixed.shape.size()) {
      return std::nullopt;
    }
    fixed.permuted = !is_identity(*permutation);
  }
  return fixed.elements == UINT64_MAX ? std::nullopt : std::optional(std::move(fixed));
}

}  // namespace headrace
