#include "base/growing_bytes.h"

#include <cstring>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace headrace {
namespace {

void add(GrowingBytes& bytes, const std::string& text) {
  std::memcpy(bytes.extend(text.size()), text.data(), text.size());
}

std::string text_of(const GrowingBytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(GrowingBytes, KeepWhatIsThereWhileTheyGrow) {
  GrowingBytes bytes;
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const std::string text(static_cast<size_t>(i % 7), static_cast<char>('a' + i % 26));
    add(bytes, text);
    expected += text;
    ASSERT_EQ(text_of(bytes), expected);
  }
}

TEST(GrowingBytes, ReserveOnlyWhatIsAskedFor) {
  GrowingBytes bytes;
  add(bytes, "abc");
  bytes.reserve(1000);
  EXPECT_EQ(bytes.capacity(), 1000U);
  EXPECT_EQ(text_of(bytes), "abc");
  const std::byte* const data = bytes.data();
  add(bytes, std::string(997, 'd'));
  EXPECT_EQ(bytes.data(), data);
  bytes.reserve(10);
  EXPECT_EQ(bytes.capacity(), 1000U);
}

TEST(GrowingBytes, ForgetTheirEndAndKeepTheirMemory) {
  GrowingBytes bytes;
  add(bytes, "abcdef");
  const std::byte* const data = bytes.data();
  bytes.shrink(2);
  add(bytes, "xy");
  EXPECT_EQ(text_of(bytes), "abxy");
  EXPECT_EQ(bytes.data(), data);
}

TEST(GrowingBytes, AreEmptyOnceTheirMemoryIsGivenAway) {
  GrowingBytes bytes;
  add(bytes, "abc");
  const AlignedBytes memory = bytes.release();
  EXPECT_EQ(std::memcmp(memory.get(), "abc", 3), 0);
  EXPECT_EQ(bytes.size(), 0U);
  EXPECT_EQ(bytes.capacity(), 0U);
  add(bytes, "new");
  GrowingBytes other = std::move(bytes);
  EXPECT_EQ(text_of(other), "new");
}

TEST(GrowingBytes, RefuseSizesBeyondAllMemory) {
  GrowingBytes bytes;
  add(bytes, "abc");
  EXPECT_THROW(bytes.extend(UINT64_MAX - 1), std::bad_alloc);
  EXPECT_EQ(text_of(bytes), "abc");
}

}  // namespace
}  // namespace headrace
