#include "format/arrow_errors.h"

namespace headrace {

Error corrupt_arrow(const std::string& path, const std::string& what, const std::string& column) {
  return Error(
      ErrorCode::kCorrupt,
      path + " is damaged or no Arrow file: " + what + "; restore it from a copy or write it again",
      {.file = path, .column = column});
}

Error unsupported_arrow(const std::string& path, const std::string& what,
                        const std::string& column) {
  return Error(ErrorCode::kUnsupported,
               path + ": " + what +
                   ", which is not read in place; headrace convert reads such files through "
                   "pyarrow and writes shards",
               {.file = path, .column = column});
}

}  // namespace headrace
