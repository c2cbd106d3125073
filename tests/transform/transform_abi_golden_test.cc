// The layout of headrace/transform.h: libraries that users built keep working, or are refused by
// their version. What is found here never changes while HEADRACE_TRANSFORM_ABI is 1.

#include <cstddef>
#include <headrace/transform.h>

#include <gtest/gtest.h>

namespace {

static_assert(HEADRACE_TRANSFORM_ABI == 1);
static_assert(sizeof(void*) == 8, "the numbers below are those of 64-bit machines");

TEST(TransformAbi, KeepsTheLayoutOfTheTable) {
  EXPECT_EQ(sizeof(headrace_transform), 40U);
  EXPECT_EQ(offsetof(headrace_transform, abi_version), 0U);
  EXPECT_EQ(offsetof(headrace_transform, struct_size), 4U);
  EXPECT_EQ(offsetof(headrace_transform, name), 8U);
  EXPECT_EQ(offsetof(headrace_transform, open), 16U);
  EXPECT_EQ(offsetof(headrace_transform, process), 24U);
  EXPECT_EQ(offsetof(headrace_transform, close), 32U);
}

TEST(TransformAbi, KeepsTheLayoutOfAField) {
  EXPECT_EQ(sizeof(headrace_field), 40U);
  EXPECT_EQ(offsetof(headrace_field, name), 0U);
  EXPECT_EQ(offsetof(headrace_field, kind), 8U);
  EXPECT_EQ(offsetof(headrace_field, dtype), 12U);
  EXPECT_EQ(offsetof(headrace_field, index_dtype), 16U);
  EXPECT_EQ(offsetof(headrace_field, rank), 20U);
  EXPECT_EQ(offsetof(headrace_field, row_shape), 24U);
  EXPECT_EQ(offsetof(headrace_field, width), 32U);
}

TEST(TransformAbi, KeepsTheLayoutOfWhatPluginsAreGiven) {
  EXPECT_EQ(sizeof(headrace_setup), 32U);
  EXPECT_EQ(offsetof(headrace_setup, struct_size), 0U);
  EXPECT_EQ(offsetof(headrace_setup, context), 8U);
  EXPECT_EQ(offsetof(headrace_setup, field), 16U);
  EXPECT_EQ(offsetof(headrace_setup, error), 24U);

  EXPECT_EQ(sizeof(headrace_input), 32U);
  EXPECT_EQ(offsetof(headrace_input, struct_size), 0U);
  EXPECT_EQ(offsetof(headrace_input, seed), 8U);
  EXPECT_EQ(offsetof(headrace_input, epoch), 16U);
  EXPECT_EQ(offsetof(headrace_input, position), 24U);

  EXPECT_EQ(sizeof(headrace_room), 24U);
  EXPECT_EQ(offsetof(headrace_room, values), 0U);
  EXPECT_EQ(offsetof(headrace_room, ends), 8U);
  EXPECT_EQ(offsetof(headrace_room, indices), 16U);

  EXPECT_EQ(sizeof(headrace_builder), 40U);
  EXPECT_EQ(offsetof(headrace_builder, struct_size), 0U);
  EXPECT_EQ(offsetof(headrace_builder, context), 8U);
  EXPECT_EQ(offsetof(headrace_builder, reserve), 16U);
  EXPECT_EQ(offsetof(headrace_builder, commit), 24U);
  EXPECT_EQ(offsetof(headrace_builder, error), 32U);
}

TEST(TransformAbi, KeepsItsNumbers) {
  const int kinds[] = {HEADRACE_TENSOR, HEADRACE_RAGGED, HEADRACE_BYTES, HEADRACE_TEXT,
                       HEADRACE_CSR};
  const int dtypes[] = {HEADRACE_NONE,    HEADRACE_BOOL,   HEADRACE_UINT8,   HEADRACE_UINT16,
                        HEADRACE_UINT32,  HEADRACE_UINT64, HEADRACE_INT8,    HEADRACE_INT16,
                        HEADRACE_INT32,   HEADRACE_INT64,  HEADRACE_FLOAT16, HEADRACE_BFLOAT16,
                        HEADRACE_FLOAT32, HEADRACE_FLOAT64};
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(kinds[i], i + 1);
  }
  for (int i = 0; i < 14; ++i) {
    EXPECT_EQ(dtypes[i], i);
  }
}

}  // namespace
