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

Error compressed_shard(const std::string& path) {
  return Error(ErrorCode::kUnsupported,
               path +
                   ": its rows are compressed, as those of shards for object stores may be, and "
                   "rows are read in place only as they are; write the dataset without "
                   "compression once: in Python hr.expand(dataset, directory), in a shell "
                   "headrace expand DATASET DIR",
               {.file = path, .column = ""});
}

}  // namespace headrace
