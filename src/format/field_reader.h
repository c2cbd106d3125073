#pragma once

#include <arrow_generated.h>
#include <string>

#include "format/batch_layout.h"

namespace headrace {

// The column called `name` that a verified Arrow field of `path` describes. Throws kCorrupt for
// what contradicts itself, kUnsupported for types that are not read in place.
ColumnLayout read_field(const flatbuf::Field& field, std::string name, const std::string& path);

}  // namespace headrace
