#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace headrace {

namespace {

struct Named {
  ErrorCode code;
  const char* name;
};

constexpr Named kNames[] = {
    {ErrorCode::kNotFound, "not_found"},
    {ErrorCode::kCorrupt, "corrupt"},
    {ErrorCode::kTruncated, "truncated"},
    {ErrorCode::kInvalid, "invalid"},
    {ErrorCode::kIo, "io"},
    {ErrorCode::kUnsupported, "unsupported"},
    {ErrorCode::kCancelled, "cancelled"},
    {ErrorCode::kIndex, "index"},
    {ErrorCode::kTransform, "transform"},
    {ErrorCode::kPermissionDenied, "permission_denied"},
    {ErrorCode::kTimeout, "timeout"},
    {ErrorCode::kChanged, "changed"},
};

}  // namespace

const char* error_code_name(ErrorCode code) noexcept {
  for (const Named& named : kNames) {
    if (named.code == code) {
      return named.name;
    }
  }
  return "io";
}

ErrorCode error_code_from_name(std::string_view name) noexcept {
  for (const Named& named : kNames) {
    if (named.name == name) {
      return named.code;
    }
  }
  return ErrorCode::kIo;
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
