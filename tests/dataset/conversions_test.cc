#include "dataset/conversions.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(Conversions, AreMadeOnceAndStayWhereTheyAre) {
  Conversions conversions;
  const Conversion* wrapped = &conversions.of({DType::kInt64, DType::kInt8, DType::kInt64});
  for (const DType dtype : {DType::kInt8, DType::kInt16, DType::kFloat32, DType::kFloat64}) {
    EXPECT_NE(&conversions.of({dtype, DType::kInt64}), wrapped);
  }
  EXPECT_EQ(&conversions.of({DType::kInt64, DType::kInt8, DType::kInt64}), wrapped);
  const int64_t number = 257;
  int64_t found = 0;
  wrapped->apply(reinterpret_cast<const std::byte*>(&number), reinterpret_cast<std::byte*>(&found),
                 1);
  EXPECT_EQ(found, 1);
}

}  // namespace
}  // namespace headrace
