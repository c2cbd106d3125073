#include "format/json_text.h"

#include <string>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(JsonNestsWithin, CountsOpenArraysAndObjects) {
  EXPECT_TRUE(json_nests_within("1", 0));
  EXPECT_TRUE(json_nests_within("[]", 1));
  EXPECT_FALSE(json_nests_within("[]", 0));
  EXPECT_TRUE(json_nests_within(R"([[1], {"a": [2]}, []])", 3));
  EXPECT_FALSE(json_nests_within(R"([[1], {"a": [2]}, []])", 2));
  EXPECT_FALSE(json_nests_within(std::string(1'000'000, '['), 64));
  EXPECT_FALSE(json_nests_within(std::string(64, ']') + std::string(65, '['), 64));
}

TEST(JsonNestsWithin, LeavesStringsOut) {
  EXPECT_TRUE(json_nests_within(R"({"a[[[[": "{{{{"})", 1));
  EXPECT_TRUE(json_nests_within(R"(["\"[[[["])", 1));
  EXPECT_FALSE(json_nests_within(R"(["\\", [[]]])", 2));
  EXPECT_TRUE(json_nests_within("\"\\", 0)) << "a text that ends in an escape";
}

}  // namespace
}  // namespace headrace
