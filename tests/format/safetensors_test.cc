#include "format/safetensors.h"

#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

std::vector<StoredTensor> parse(const std::string& json, uint64_t data_bytes) {
  return parse_safetensors_header(json, 100, data_bytes, "a.safetensors");
}

std::string tensor(const std::string& dtype, const std::string& shape, const std::string& place) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + place + "}";
}

TEST(Safetensors, TensorsAreColumnsInTheOrderOfTheHeader) {
  const auto found =
      parse(R"({"__metadata__":{"format":"pt"},"y":)" + tensor("I64", "[2]", "[24,40]") +
                R"(,"x":)" + tensor("F32", "[2,3]", "[0,24]") + "}   ",
            40);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].field, (Field{.name = "y", .dtype = DType::kInt64}));
  EXPECT_EQ(found[0].offset, 124U);
  EXPECT_EQ(found[1].field, (Field{.name = "x", .dtype = DType::kFloat32, .row_shape = {3}}));
  EXPECT_EQ(found[1].rows, 2U);
  EXPECT_EQ(found[1].offset, 100U);
}

TEST(Safetensors, AHeaderThatContradictsItselfIsCorrupt) {
  const auto one = [](const std::string& text) { return R"({"x":)" + text + "}"; };
  struct Case {
    std::string json;
    uint64_t data_bytes;
    std::string word;
  };
  const std::string huge = "18446744073709551615";
  for (const Case& bad : {
           Case{"", 0, "JSON"},
           Case{"[1]", 0, "JSON"},
           Case{R"({"x":)", 0, "JSON"},
           Case{one("3"), 0, "dtype, shape and data_offsets"},
           Case{one(R"({"dtype":"F32","shape":[1],"other":[0,4]})"), 4, "data_offsets"},
           Case{one(R"({"dtype":3,"shape":[1],"data_offsets":[0,4]})"), 4, "dtype"},
           Case{one(tensor("F32", "[-1]", "[0,4]")), 4, "shape"},
           Case{one(tensor("F32", "[1.0]", "[0,4]")), 4, "shape"},
           Case{one(tensor("F32", "[1]", "[0,4,4]")), 4, "data_offsets"},
           Case{one(tensor("F32", "[1]", "[4,0]")), 4, "data_offsets"},
           Case{one(tensor("F32", "[1]", "[0,8]")), 4, "data_offsets"},
           Case{one(tensor("F32", "[1]", "[0," + huge + "]")), 4, "data_offsets"},
           Case{one(tensor("F32", "[2]", "[0,4]")), 4, "2 rows"},
           Case{one(tensor("F32", "[1]", "[4,8]")), 8, "begins at byte 4"},
           Case{one(tensor("F32", "[1]", "[0,4]")), 5, "the file has 5"},
           Case{R"({"x":)" + tensor("F32", "[1]", "[0,4]") + R"(,"y":)" +
                    tensor("F32", "[1]", "[0,4]") + "}",
                4, "begins at byte 0"},
           Case{R"({"x":)" + tensor("F32", "[1]", "[0,4]") + R"(,"x":)" +
                    tensor("F32", "[1]", "[4,8]") + "}",
                8, "two tensors x"},
           Case{std::string(100000, '['), 0, "deeply"},
       }) {
    expect_error(ErrorCode::kCorrupt, {"a.safetensors", bad.word},
                 [&] { parse(bad.json, bad.data_bytes); });
  }
}

TEST(Safetensors, WhatIsNoColumnIsSaidSo) {
  const auto one = [](const std::string& text) { return R"({"x":)" + text + "}"; };
  expect_error(ErrorCode::kUnsupported, {"tensor x", "F8_E4M3"},
               [&] { parse(one(tensor("F8_E4M3", "[4]", "[0,4]")), 4); });
  expect_error(ErrorCode::kUnsupported, {"tensor x", "0 dimensions"},
               [&] { parse(one(tensor("F32", "[]", "[0,4]")), 4); });
  expect_error(ErrorCode::kUnsupported, {"column x", "no elements"},
               [&] { parse(one(tensor("F32", "[4,0]", "[0,0]")), 0); });
  expect_error(ErrorCode::kInvalid, {"no tensors"}, [&] { parse("{}", 0); });
  expect_error(ErrorCode::kInvalid, {"x has 1", "y has 2"}, [&] {
    parse(
        R"({"x":)" + tensor("U8", "[1]", "[0,1]") + R"(,"y":)" + tensor("U8", "[2]", "[1,3]") + "}",
        3);
  });
  const std::string big = "4294967296";
  EXPECT_THROW(parse(one(tensor("U8", "[" + big + "," + big + "," + big + "]", "[0,0]")), 0),
               Error);
}

TEST(Safetensors, AFileIsNeverReadBeyondItsSize) {
  const TempDir dir;
  const auto file = [&](uint64_t length, const std::string& json) {
    std::vector<char> bytes(sizeof(length));
    std::memcpy(bytes.data(), &length, sizeof(length));
    bytes.insert(bytes.end(), json.begin(), json.end());
    return dir.write("a.safetensors", bytes);
  };
  const std::string json = R"({"x":)" + tensor("U8", "[2]", "[0,2]") + "}";
  EXPECT_EQ(read_safetensors_header(File(file(json.size(), json + "ab")))[0].offset,
            8 + json.size());
  expect_error(ErrorCode::kTruncated, {"a.safetensors"},
               [&] { read_safetensors_header(File(file(json.size() + 9, json))); });
  expect_error(ErrorCode::kCorrupt, {"a.safetensors"},
               [&] { read_safetensors_header(File(file(UINT64_MAX, json))); });
  expect_error(ErrorCode::kTruncated, {"a.safetensors"}, [&] {
    read_safetensors_header(File(dir.write("a.safetensors", std::vector<char>(7))));
  });
}

}  // namespace
}  // namespace headrace
