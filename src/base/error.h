#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace headrace {

enum class ErrorCode : uint8_t {
  kNotFound,          // a file or pattern does not exist
  kCorrupt,           // bytes contradict their own format
  kTruncated,         // a file is shorter than it was or says it is
  kInvalid,           // an argument is wrong
  kIo,                // the operating system failed
  kUnsupported,       // understood, but not offered
  kCancelled,         // closed or superseded while in use
  kIndex,             // a row outside the dataset
  kTransform,         // a user's native transform failed, or gave what is no columns
  kPermissionDenied,  // a store refuses the credentials
  kTimeout,           // a store does not answer
  kChanged,           // an object of a store is another than it was
};

// The name of `code` as the Python face spells it, such as "not_found".
const char* error_code_name(ErrorCode code) noexcept;

// The code of that name; kIo for a name that is none.
ErrorCode error_code_from_name(std::string_view name) noexcept;

// Where an error happened; empty or absent fields are unknown.
struct ErrorContext {
  std::string file;
  std::string column;
  std::optional<uint64_t> row = std::nullopt;  // of the file or of the dataset, as the message says
  std::optional<uint64_t> offset = std::nullopt;  // byte offset in `file`
};

// The one exception type of the core. Thrown once, where the fact is known.
// The message says what was wrong, what was found and what to do.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, ErrorContext context = {})
      : std::runtime_error(message), code_(code), context_(std::move(context)) {}

  ErrorCode code() const noexcept { return code_; }
  const ErrorContext& context() const noexcept { return context_; }

 private:
  ErrorCode code_;
  ErrorContext context_;
};

// The Error for a failed system call: `what` failed on `file` with `error_number` (an errno).
// ENOENT is kNotFound, everything else kIo.
Error system_error(const std::string& what, const std::string& file, int error_number);

// The Error for a file with fewer bytes than its rows need; both in bytes.
Error truncated_error(const std::string& file, uint64_t expected, uint64_t found);

}  // namespace headrace
