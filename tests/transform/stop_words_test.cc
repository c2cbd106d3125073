#include "transform/stop_words.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(StopWords, AreFoundAsTheyAre) {
  const StopWords words({"the", "über", ""});
  EXPECT_FALSE(words.empty());
  EXPECT_TRUE(words.contains("the"));
  EXPECT_TRUE(words.contains("über"));
  EXPECT_FALSE(words.contains("The"));
  EXPECT_FALSE(words.contains("th"));
  EXPECT_FALSE(words.contains("there"));
}

TEST(StopWords, AreNoneByDefault) {
  EXPECT_TRUE(StopWords().empty());
  EXPECT_FALSE(StopWords().contains(""));
}

}  // namespace
}  // namespace headrace
