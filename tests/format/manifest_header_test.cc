#include "format/manifest_header.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace headrace {
namespace {

using nlohmann::json;

ManifestHeader append_header() {
  return {.version = 7,
          .dataset = *parse_uuid("01234567-89ab-4def-8123-456789abcdef"),
          .commit = *parse_uuid("11234567-89ab-4def-8123-456789abcdef"),
          .kind = ManifestKind::kAppend,
          .base = 3,
          .parent_xxh3 = 0xFEDCBA9876543210U,
          .schema = {{.name = "x", .dtype = DType::kInt64}},
          .rows = 1000,
          .shards = 10,
          .first_row = 5,
          .metadata = R"({"a":[1,{"b":null}],"z":"text"})"};
}

TEST(ManifestHeader, IsReadAsItWasWritten) {
  const ManifestHeader header = append_header();
  EXPECT_EQ(parse_manifest_header(manifest_header_json(header), "file"), header);
  ManifestHeader first = header;
  first.version = 1;
  first.kind = ManifestKind::kSnapshot;
  first.base = 0;
  first.parent_xxh3 = std::nullopt;
  first.rows = std::numeric_limits<int64_t>::max() - 5;
  EXPECT_EQ(parse_manifest_header(manifest_header_json(first), "file"), first);
  first.kind = ManifestKind::kTombstone;
  EXPECT_EQ(parse_manifest_header(manifest_header_json(first), "file"), first);
}

TEST(ManifestHeader, IsReadableText) {
  EXPECT_EQ(manifest_header_json(append_header()),
            R"({"base":3,"commit":"11234567-89ab-4def-8123-456789abcdef",)"
            R"("dataset":"01234567-89ab-4def-8123-456789abcdef","first_row":5,"kind":"append",)"
            R"("metadata":{"a":[1,{"b":null}],"z":"text"},"parent_xxh3":"fedcba9876543210",)"
            R"("profile":1,"rows":1000,)"
            R"("schema":[{"dtype":"int64","kind":"tensor","name":"x","shape":[]}],)"
            R"("shards":10,"version":7})");
}

// Every value that one key may be given by a hostile file.
TEST(ManifestHeader, ChecksEveryValueForTypeAndRange) {
  const json good = json::parse(manifest_header_json(append_header()));
  const std::vector<json> numbers = {-1,
                                     1.5,
                                     "1",
                                     nullptr,
                                     true,
                                     {},
                                     json::array(),
                                     uint64_t{1} << 63,
                                     1e300,
                                     std::numeric_limits<uint64_t>::max()};
  for (const char* key : {"version", "base", "rows", "shards", "first_row", "profile"}) {
    for (const json& value : numbers) {
      json changed = good;
      changed[key] = value;
      expect_error(ErrorCode::kCorrupt, {"the file", key},
                   [&] { parse_manifest_header(changed.dump(), "the file"); });
    }
  }
  const std::vector<json> texts = {1,
                                   "",
                                   nullptr,
                                   json::array(),
                                   json::object(),
                                   "../",
                                   std::string(36, '-'),
                                   "01234567-89AB-4def-8123-456789abcdef"};
  for (const char* key : {"commit", "dataset", "kind", "parent_xxh3"}) {
    for (const json& value : texts) {
      json changed = good;
      changed[key] = value;
      expect_error(ErrorCode::kCorrupt, {"the file"},
                   [&] { parse_manifest_header(changed.dump(), "the file"); });
    }
  }
  for (const auto& item : good.items()) {
    json changed = good;
    changed.erase(item.key());
    expect_error(ErrorCode::kCorrupt, {"the file"},
                 [&] { parse_manifest_header(changed.dump(), "the file"); });
  }
}

TEST(ManifestHeader, ChecksWhatMustHoldBetweenValues) {
  const json good = json::parse(manifest_header_json(append_header()));
  const std::vector<std::pair<const char*, json>> wrong = {
      {"version", 0},
      {"version", 3},
      {"base", 0},
      {"base", 7},
      {"base", 8},
      {"kind", "snapshot"},
      {"kind", "tombstone"},
      {"shards", 1001},
      {"metadata", json::array()},
      {"metadata", "{}"},
      {"schema", json::array()},
      {"first_row", (uint64_t{1} << 63) - 1000},
  };
  for (const auto& [key, value] : wrong) {
    json changed = good;
    changed[key] = value;
    expect_error(ErrorCode::kCorrupt, {"the file"},
                 [&] { parse_manifest_header(changed.dump(), "the file"); });
  }
}

TEST(ManifestHeader, OfALaterProfileSaysToUpdate) {
  json later = json::parse(manifest_header_json(append_header()));
  later["profile"] = 2;
  expect_error(ErrorCode::kUnsupported, {"later headrace", "profile 2", "update"},
               [&] { parse_manifest_header(later.dump(), "file"); });
}

TEST(ManifestHeader, LeavesKeysThatItDoesNotKnowAlone) {
  json more = json::parse(manifest_header_json(append_header()));
  more["comment"] = "of somebody else";
  EXPECT_EQ(parse_manifest_header(more.dump(), "file"), append_header());
}

TEST(ManifestHeader, RefusesTextThatIsNoJsonOrTooMuchOfIt) {
  const std::string good = manifest_header_json(append_header());
  for (size_t size = 0; size < good.size(); ++size) {
    expect_error(ErrorCode::kCorrupt, {"file"},
                 [&] { parse_manifest_header(good.substr(0, size), "file"); });
  }
  const std::vector<std::string> bad = {
      "[]",
      "\xFF",
      R"({"profile": 1e400})",
      std::string(1'000'000, '['),
      "{" + std::string(3'000'000, ' ') + "}",
  };
  for (const std::string& text : bad) {
    expect_error(ErrorCode::kCorrupt, {"file"}, [&] { parse_manifest_header(text, "file"); });
  }
}

TEST(UserMetadata, IsMergedByKey) {
  EXPECT_EQ(merge_user_metadata("{}", "{}"), "{}");
  EXPECT_EQ(merge_user_metadata(R"({"a": 1, "b": {"c": 2}})", R"({"b": 3, "d": [4]})"),
            R"({"a":1,"b":3,"d":[4]})");
  EXPECT_EQ(merge_user_metadata(R"({"a": 1, "b": 2})", R"({"a": null, "x": null})"), R"({"b":2})");
}

TEST(UserMetadata, IsAnObjectOfBoundedSize) {
  const std::string large = R"({"a": ")" + std::string(kMaxUserMetadata, 'x') + R"("})";
  for (const std::string& text :
       {std::string(""), std::string("[]"), std::string("{"), std::string("{\"a\": \"\xFF\"}"),
        large, R"({"a": )" + std::string(40, '[') + std::string(40, ']') + "}"}) {
    expect_error(ErrorCode::kInvalid, {"JSON object"}, [&] { merge_user_metadata("{}", text); });
    ManifestHeader header = append_header();
    header.metadata = text;
    expect_error(ErrorCode::kInvalid, {"JSON object"}, [&] { manifest_header_json(header); });
  }
  const std::string half = std::string(kMaxUserMetadata / 2 + 100, 'x');
  expect_error(ErrorCode::kInvalid, {"JSON object"}, [&] {
    merge_user_metadata(R"({"a": ")" + half + R"("})", R"({"b": ")" + half + R"("})");
  });
}

TEST(ManifestHeader, RefusesNamesThatAreNoText) {
  ManifestHeader header = append_header();
  header.schema[0].name = "\xFF";
  expect_error(ErrorCode::kInvalid, {"not UTF-8"}, [&] { manifest_header_json(header); });
  header.schema[0].name = std::string(3'000'000, 'x');
  expect_error(ErrorCode::kInvalid, {"fewer columns"}, [&] { manifest_header_json(header); });
}

}  // namespace
}  // namespace headrace
