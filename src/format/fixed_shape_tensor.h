#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace headrace {

// Arrow's canonical extension for tensors of one shape: a FixedSizeList with the shape beside it.
inline constexpr std::string_view kFixedShapeTensor = "arrow.fixed_shape_tensor";

// What the JSON text of the extension says.
struct FixedShape {
  std::vector<uint64_t> shape;
  uint64_t elements = 1;  // the product of the shape
  bool permuted = false;  // the dimensions lie in another order than that of the shape
};

// Parses the metadata of the extension; nothing for a text that is not of its form, such as one
// with negative extents, or extents whose product does not fit.
std::optional<FixedShape> parse_fixed_shape(std::string_view json);

}  // namespace headrace
