#include "column/schema_difference.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

Field number(const std::string& name, DType dtype = DType::kInt64) {
  return {.name = name, .dtype = dtype};
}

Field csr(uint64_t width) {
  return {.name = "c", .dtype = DType::kFloat32, .kind = ColumnKind::kCsr, .width = width};
}

std::string text(const Schema& found, const Schema& wanted) {
  const auto difference = find_difference(found, wanted);
  return difference ? describe(*difference, "b.arrow", "a.arrow") : "none";
}

TEST(ReadsAs, TakesNarrowerCsrAndNothingElseThatDiffers) {
  EXPECT_TRUE(reads_as(number("x"), number("x")));
  EXPECT_FALSE(reads_as(number("x"), number("y")));
  EXPECT_FALSE(reads_as(number("x"), number("x", DType::kInt32)));
  EXPECT_TRUE(reads_as(csr(10), csr(12)));
  EXPECT_FALSE(reads_as(csr(12), csr(10)));
}

TEST(FindDifference, FindsNoneBetweenSchemasThatReadAlike) {
  EXPECT_EQ(text({number("x"), csr(10)}, {number("x"), csr(12)}), "none");
  EXPECT_EQ(text({}, {}), "none");
}

TEST(FindDifference, NamesTheFirstColumnThatDiffersAndBothSidesOfIt) {
  EXPECT_EQ(text({number("x"), number("y", DType::kFloat32)}, {number("x"), number("y")}),
            "column 1 is y: float32 in b.arrow and y: int64 in a.arrow");
  EXPECT_EQ(text({number("x"), number("y")}, {number("y"), number("x")}),
            "column 0 is x: int64 in b.arrow and y: int64 in a.arrow");
}

TEST(FindDifference, NamesTheColumnThatOneOfThemLacks) {
  EXPECT_EQ(text({number("x")}, {number("x"), number("y")}),
            "column 1 is missing in b.arrow and y: int64 in a.arrow");
  EXPECT_EQ(text({number("x"), number("y")}, {number("x")}),
            "column 1 is y: int64 in b.arrow and missing in a.arrow");
  EXPECT_EQ(find_difference({}, {number("z")})->column(), "z");
  EXPECT_EQ(find_difference({number("x")}, {number("z")})->column(), "x");
}

TEST(FindDifference, SaysWhetherAWiderColumnWouldDo) {
  EXPECT_TRUE(find_difference({csr(12)}, {csr(10)})->only_wider());
  Field narrow_index = csr(12);
  narrow_index.index_dtype = DType::kInt32;
  EXPECT_FALSE(find_difference({narrow_index}, {csr(10)})->only_wider());
  EXPECT_FALSE(find_difference({number("x")}, {number("y")})->only_wider());
  EXPECT_FALSE(find_difference({csr(12)}, {})->only_wider());
}

}  // namespace
}  // namespace headrace
