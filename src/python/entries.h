#pragma once

#include <string>

#include <nanobind/nanobind.h>

#include "format/manifest.h"
#include "format/shard_encoding.h"

namespace headrace::python {

// A shard's entry as Python sees it: a dict with the names of ShardEntry.
nanobind::dict entry_dict(const ShardEntry& entry);

// The reverse: throws kInvalid for missing and unknown keys and values of another type; what the
// values mean is checked where they are committed.
ShardEntry entry_from(const nanobind::dict& dict);

// The encoding of that name. Throws kInvalid for another one.
ShardEncoding encoding_from(const std::string& name);

}  // namespace headrace::python
