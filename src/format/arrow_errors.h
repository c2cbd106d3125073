#pragma once

#include <string>

#include "base/error.h"

namespace headrace {

// The kCorrupt error for a file whose bytes contradict the format: `what` says what was found.
Error corrupt_arrow(const std::string& path, const std::string& what,
                    const std::string& column = "");

// The kUnsupported error for something that Arrow allows and that is not read in place: `what` is a
// clause, such as "column y is a dictionary". Says what to do.
Error unsupported_arrow(const std::string& path, const std::string& what,
                        const std::string& column = "");

// The kUnsupported error for a shard of ours whose rows are compressed, where they are to be read
// in place. Says what to do.
Error compressed_shard(const std::string& path);

}  // namespace headrace
