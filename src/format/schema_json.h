#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "column/schema.h"

namespace headrace {

// A schema as JSON: a list of {name, kind, dtype, shape, index_dtype, width, binary}, of which
// stands what the kind has.
nlohmann::json schema_json(const Schema& schema);

// The reverse. Throws kCorrupt naming `file` for a column that check_field() refuses, values of
// another type or out of range, missing and unknown keys, no columns, and two of one name.
Schema parse_schema(const nlohmann::json& list, const std::string& file);

}  // namespace headrace
