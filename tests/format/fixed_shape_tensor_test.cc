#include "format/fixed_shape_tensor.h"

#include <string>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(FixedShape, IsReadFromTheTextThatPyarrowWrites) {
  const auto fixed = parse_fixed_shape(R"({"shape":[2,3,4]})");
  ASSERT_TRUE(fixed);
  EXPECT_EQ(fixed->shape, (std::vector<uint64_t>{2, 3, 4}));
  EXPECT_EQ(fixed->elements, 24U);
  EXPECT_FALSE(fixed->permuted);
}

TEST(FixedShape, KnowsAPermutationFromTheIdentity) {
  EXPECT_FALSE(parse_fixed_shape(R"({"shape":[2,3],"permutation":[0,1]})")->permuted);
  EXPECT_FALSE(parse_fixed_shape(R"({"shape":[2,3],"permutation":null})")->permuted);
  EXPECT_TRUE(parse_fixed_shape(R"({"shape":[2,3],"permutation":[1,0]})")->permuted);
  EXPECT_TRUE(
      parse_fixed_shape(R"({"shape":[2,3],"dim_names":["a","b"],"permutation":[1,0]})")->permuted);
}

TEST(FixedShape, IsNothingForATextOfAnotherForm) {
  for (const std::string& text :
       {std::string(R"()"), std::string(R"({)"), std::string(R"([])"), std::string(R"({})"),
        std::string(R"({"shape":3})"), std::string(R"({"shape":[-1]})"),
        std::string(R"({"shape":[1.5]})"), std::string(R"({"shape":["2"]})"),
        std::string(R"({"shape":[2],"permutation":[0,1]})"),
        std::string(R"({"shape":[2],"permutation":7})"),
        std::string(R"({"shape":[4294967296,4294967296]})"),
        std::string(R"({"shape":[18446744073709551616]})"), std::string(5000, '[')}) {
    EXPECT_FALSE(parse_fixed_shape(text)) << text;
  }
}

}  // namespace
}  // namespace headrace
