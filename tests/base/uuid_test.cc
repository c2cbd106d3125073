#include "base/uuid.h"

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(Uuid, IsOfVersion4AndNeverTheSame) {
  std::set<Uuid> seen;
  std::array<uint8_t, 16> ones = {};
  std::array<uint8_t, 16> zeros = {};
  constexpr int kCount = 1000;
  for (int i = 0; i < kCount; ++i) {
    const Uuid uuid = make_uuid();
    EXPECT_EQ(uuid[6] >> 4, 4);
    EXPECT_EQ(uuid[8] >> 6, 2);
    seen.insert(uuid);
    for (size_t b = 0; b < uuid.size(); ++b) {
      ones[b] |= uuid[b];
      zeros[b] |= static_cast<uint8_t>(~uuid[b]);
    }
  }
  EXPECT_EQ(seen.size(), kCount);
  for (size_t b = 0; b < ones.size(); ++b) {
    EXPECT_EQ(ones[b] & zeros[b], b == 6 ? 0x0F : b == 8 ? 0x3F : 0xFF) << "byte " << b;
  }
}

TEST(Uuid, DiffersAfterAFork) {
  std::array<int, 2> ends = {};
  ASSERT_EQ(::pipe(ends.data()), 0);
  make_uuid();
  const pid_t child = ::fork();
  if (child == 0) {
    const Uuid uuid = make_uuid();
    const ssize_t n = ::write(ends[1], uuid.data(), uuid.size());
    ::_exit(n == 16 ? 0 : 1);
  }
  const Uuid own = make_uuid();
  Uuid other{};
  EXPECT_EQ(::read(ends[0], other.data(), other.size()), 16);
  EXPECT_NE(own, other);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Uuid, IsReadFromItsText) {
  const std::string text = "01234567-89ab-cdef-0123-456789abcdef";
  const auto uuid = parse_uuid(text);
  ASSERT_TRUE(uuid.has_value());
  EXPECT_EQ((*uuid)[0], 0x01);
  EXPECT_EQ((*uuid)[15], 0xEF);
  EXPECT_EQ(uuid_text(*uuid), text);
  for (int i = 0; i < 100; ++i) {
    const Uuid drawn = make_uuid();
    EXPECT_EQ(parse_uuid(uuid_text(drawn)), drawn);
  }
}

TEST(Uuid, HasOneSpellingAndNoneThatLeavesItsDirectory) {
  const std::string good = "01234567-89ab-4def-8123-456789abcdef";
  EXPECT_TRUE(is_uuid(good));
  const std::vector<std::string> bad = {
      "",
      "01234567-89AB-4def-8123-456789abcdef",
      "0123456789ab4def8123456789abcdef",
      "{01234567-89ab-4def-8123-456789abcdef}",
      good + "0",
      good.substr(1),
      "../../../../../../../../../etc/passwd",
      "01234567-89ab-4def-8123-456789abcd/f",
      "01234567-89ab-4def-8123-456789abcd.f",
      "01234567 89ab 4def 8123 456789abcdef",
      "-1234567-89ab-4def-8123-456789abcdef",
      "01234567-89ab-4def-81234-56789abcdef",
      "g1234567-89ab-4def-8123-456789abcdef",
      std::string(36, '-'),
      std::string(36, '\0'),
      std::string("01234567-89ab-4def-8123-456789abcde\0", 36),
      "01234567-89ab-4def-8123-456789abcd\xC3\xA9",
  };
  for (const std::string& text : bad) {
    EXPECT_FALSE(is_uuid(text)) << text;
  }
  for (size_t i = 0; i < good.size(); ++i) {
    for (const char wrong : {'/', '\\', '.', '\0', 'A', '~', '%'}) {
      std::string text = good;
      text[i] = wrong;
      EXPECT_FALSE(is_uuid(text)) << text;
    }
  }
}

}  // namespace
}  // namespace headrace
