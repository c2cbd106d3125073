#include "format/arrow_errors.h"

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace headrace {
namespace {

TEST(CorruptArrow, NamesFileFindingAndWayOut) {
  const Error error =
      expect_error(ErrorCode::kCorrupt, {"a.arrow", "its footer is empty", "restore"},
                   [] { throw corrupt_arrow("a.arrow", "its footer is empty", "x"); });
  EXPECT_EQ(error.context().file, "a.arrow");
  EXPECT_EQ(error.context().column, "x");
}

TEST(UnsupportedArrow, SaysHowToConvertTheFile) {
  const Error error = expect_error(
      ErrorCode::kUnsupported, {"a.arrow", "column y is a dictionary", "headrace convert"},
      [] { throw unsupported_arrow("a.arrow", "column y is a dictionary", "y"); });
  EXPECT_EQ(error.context().column, "y");
}

}  // namespace
}  // namespace headrace
