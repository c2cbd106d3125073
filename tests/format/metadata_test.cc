#include "format/metadata.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(FindValue, GivesTheFirstValueOfAKey) {
  const Metadata metadata = {{"a", "1"}, {"b", ""}, {"a", "2"}};
  EXPECT_EQ(find_value(metadata, "a"), "1");
  EXPECT_EQ(find_value(metadata, "b"), "");
  EXPECT_EQ(find_value(metadata, "c"), std::nullopt);
  EXPECT_EQ(find_value({}, ""), std::nullopt);
}

}  // namespace
}  // namespace headrace
