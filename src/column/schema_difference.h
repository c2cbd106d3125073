#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "column/schema.h"

namespace headrace {

// Whether rows of `found` can be read as rows of `wanted`: the fields are equal, but that a csr row
// may be narrower.
bool reads_as(const Field& found, const Field& wanted);

// The first place at which rows of one schema are none of another.
struct SchemaDifference {
  size_t number = 0;                           // of the column
  std::optional<Field> wanted = std::nullopt;  // absent: the wanted schema ends before it
  std::optional<Field> found = std::nullopt;   // absent: the found schema does

  // The name that an error is about: of the found column, where there is one.
  const std::string& column() const noexcept;

  // Whether the found column would fit if the wanted one, of csr, were wider.
  bool only_wider() const;
};

// Nothing where every column of `found` reads as the one of `wanted` in its place.
std::optional<SchemaDifference> find_difference(const Schema& found, const Schema& wanted);

// "column 1 is y: float32 in `found` and y: int64 in `wanted`", or "missing in" one of them.
std::string describe(const SchemaDifference& difference, const std::string& found,
                     const std::string& wanted);

}  // namespace headrace
