#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace headrace {

const char* error_code_name(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kTruncated:
      return "truncated";
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kIndex:
      return "index";
    case ErrorCode::kTransform:
      return "transform";
  }
  return "io";
}

Error system_error(const std::string& what, const std::string& file, int error_number) {
  const ErrorCode code = error_number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return Error(code, file + ": " + what + ": " + std::generic_category().message(error_number),
               {.file = file, .column = ""});
}

Error truncated_error(const std::string& file, uint64_t expected, uint64_t found) {
  return Error(ErrorCode::kTruncated,
               file + " is truncated: expected at least " + std::to_string(expected) +
                   " bytes, found " + std::to_string(found) +
                   "; restore the file or open the dataset again without it",
               {.file = file, .column = "", .row = std::nullopt, .offset = found});
}

}  // namespace headrace
