#include "base/error.h"

#include <cerrno>
#include <exception>
#include <stdexcept>
#include <type_traits>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(Error, KeepsCodeMessageAndContext) {
  const Error error(ErrorCode::kTruncated, "x is too short",
                    {.file = "x", .column = "y", .row = 3, .offset = 12});
  EXPECT_EQ(error.code(), ErrorCode::kTruncated);
  EXPECT_STREQ(error.what(), "x is too short");
  EXPECT_EQ(error.context().file, "x");
  EXPECT_EQ(error.context().column, "y");
  EXPECT_EQ(error.context().row, 3U);
  EXPECT_EQ(error.context().offset, 12U);
}

TEST(Error, HasAnEmptyContextUnlessGivenOne) {
  const Error error(ErrorCode::kInvalid, "wrong");
  EXPECT_EQ(error.context().file, "");
  EXPECT_EQ(error.context().column, "");
  EXPECT_FALSE(error.context().row.has_value());
  EXPECT_FALSE(error.context().offset.has_value());
}

TEST(Error, EveryCodeHasANameThatIsItsOwn) {
  for (auto number = uint8_t{0}; number <= static_cast<uint8_t>(ErrorCode::kChanged); ++number) {
    const auto code = static_cast<ErrorCode>(number);
    EXPECT_EQ(error_code_from_name(error_code_name(code)), code);
  }
  EXPECT_EQ(error_code_from_name("what"), ErrorCode::kIo);
}

TEST(Error, IsAStandardExceptionThatCanBeStoredAndThrownAgain) {
  static_assert(std::is_base_of_v<std::runtime_error, Error>);
  const std::exception_ptr stored =
      std::make_exception_ptr(Error(ErrorCode::kIo, "no", {.file = "f", .column = ""}));
  try {
    std::rethrow_exception(stored);
  } catch (const Error& error) {
    EXPECT_EQ(error.context().file, "f");
  }
}

TEST(Error, CodesHaveTheNamesOfThePythonFace) {
  EXPECT_STREQ(error_code_name(ErrorCode::kNotFound), "not_found");
  EXPECT_STREQ(error_code_name(ErrorCode::kCorrupt), "corrupt");
  EXPECT_STREQ(error_code_name(ErrorCode::kTruncated), "truncated");
  EXPECT_STREQ(error_code_name(ErrorCode::kInvalid), "invalid");
  EXPECT_STREQ(error_code_name(ErrorCode::kIo), "io");
  EXPECT_STREQ(error_code_name(ErrorCode::kUnsupported), "unsupported");
  EXPECT_STREQ(error_code_name(ErrorCode::kCancelled), "cancelled");
  EXPECT_STREQ(error_code_name(ErrorCode::kIndex), "index");
  EXPECT_STREQ(error_code_name(ErrorCode::kTransform), "transform");
}

TEST(SystemError, OfAMissingFileIsNotFound) {
  const Error error = system_error("cannot be opened", "/data/x", ENOENT);
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_EQ(error.context().file, "/data/x");
  EXPECT_STREQ(error.what(), "/data/x: cannot be opened: No such file or directory");
}

TEST(SystemError, OfAnythingElseIsIo) {
  for (const int number : {EACCES, EIO, EMFILE, ENOTDIR, EISDIR, ENOMEM}) {
    const Error error = system_error("cannot be read", "f", number);
    EXPECT_EQ(error.code(), ErrorCode::kIo) << number;
    EXPECT_EQ(error.context().file, "f");
  }
}

}  // namespace
}  // namespace headrace
