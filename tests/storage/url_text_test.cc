#include "storage/url_text.h"

#include <string>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(UrlText, LosesQueriesFragmentsAndUsers) {
  EXPECT_EQ(without_url_secrets("GET https://host/a/b?X-Amz-Signature=SECRET failed: 403"),
            "GET https://host/a/b failed: 403");
  EXPECT_EQ(without_url_secrets("s3://key:SECRET@bucket/a"), "s3://bucket/a");
  EXPECT_EQ(without_url_secrets("<a href='https://h/#SECRET'>"), "<a href='https://h/'>");
  EXPECT_EQ(without_url_secrets("https://u:S:E@C@host?sig=SECRET&x=1,https://h2/b?token=SECRET"),
            "https://host");
  EXPECT_EQ(without_url_secrets("two: http://a/?SECRET http://b/c?SECRET."),
            "two: http://a/ http://b/c");
  EXPECT_EQ(without_url_secrets("https://proxy/https://u:SECRET@host/p?SECRET"),
            "https://proxy/https://host/p");
}

TEST(UrlText, LeavesOtherTextAlone) {
  for (const char* text : {"", "what is this?", "user@host", "s3://bucket/key", "a://", "://",
                           "https://host/a@b/c and more?"}) {
    EXPECT_EQ(without_url_secrets(text), text);
  }
}

TEST(UrlText, NoSecretIsLeftWhereverItStands) {
  for (const std::string before : {"", "x ", "\"", "http://z/?", "(", "https://a@b/"}) {
    for (const std::string url :
         {"https://SECRET@h/p", "https://u:SECRET@h", "https://h?SECRET", "https://h/p?a=b&SECRET",
          "https://h/p#SECRET", "gs://h/p?q=http://SECRET@x/", "https://h?SECRET?SECRET#SECRET"}) {
      for (const std::string after : {"", " y", "\"", ")", "\n", "'"}) {
        const std::string clean = without_url_secrets(before + url + after);
        EXPECT_EQ(clean.find("SECRET"), std::string::npos) << before + url + after << ": " << clean;
      }
    }
  }
}

TEST(UrlText, IsCut) {
  EXPECT_EQ(without_url_secrets(std::string(5000, 'x')), std::string(2000, 'x') + "...");
  for (size_t before = 1980; before < 2000; ++before) {
    const std::string cut =
        without_url_secrets(std::string(before, 'x') + "https://user:SECRET@host/");
    EXPECT_EQ(cut.find("SECRET"), std::string::npos) << cut;
  }
}

}  // namespace
}  // namespace headrace
