#pragma once

#include <string>

#include <nanobind/nanobind.h>

#include "dataset/source.h"
#include "python/row_arrays.h"

namespace headrace::python {

// "auto", "mmap" or "pread". Throws kInvalid for anything else.
Io io_from_name(const std::string& name);

// Binds the datasets of files that say themselves what they hold: from_arrow_files,
// from_safetensors and from_directory; those of files as they are: from_whole_files; which shards
// the rows of a dataset lie in: shard_rows; and its units for a shard shuffle: shuffle_units.
void bind_stored(nanobind::module_& module, DatasetClass& dataset);

}  // namespace headrace::python
