#include "format/schema_json.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace headrace {
namespace {

using nlohmann::json;

Schema every_kind() {
  return {
      {.name = "scalar", .dtype = DType::kBool},
      {.name = "tensor", .dtype = DType::kBfloat16, .row_shape = {3, 1, 5}},
      {.name = "ragged", .dtype = DType::kFloat64, .row_shape = {2}, .kind = ColumnKind::kRagged},
      {.name = "bytes", .kind = ColumnKind::kBytes},
      {.name = "text \"quoted\" \xC3\xA9", .kind = ColumnKind::kText},
      {.name = "csr",
       .dtype = DType::kFloat32,
       .kind = ColumnKind::kCsr,
       .index_dtype = DType::kInt64,
       .width = std::numeric_limits<int64_t>::max()},
      {.name = "",
       .kind = ColumnKind::kCsr,
       .index_dtype = DType::kUint16,
       .width = 65536,
       .binary = true},
  };
}

TEST(SchemaJson, KeepsEverythingOfEveryField) {
  const json list = json::parse(schema_json(every_kind()).dump());
  EXPECT_EQ(parse_schema(list, "file"), every_kind());
}

TEST(SchemaJson, SaysWhatTheKindHas) {
  EXPECT_EQ(schema_json(every_kind())[0].dump(),
            R"({"dtype":"bool","kind":"tensor","name":"scalar","shape":[]})");
  EXPECT_EQ(schema_json(every_kind())[3].dump(), R"({"kind":"bytes","name":"bytes"})");
}

TEST(SchemaJson, RefusesWhatIsNoSchema) {
  const std::vector<std::string> bad = {
      "[]",
      "{}",
      "null",
      "[1]",
      "[{}]",
      R"([{"name": "x"}])",
      R"([{"name": 1, "kind": "text"}])",
      R"([{"name": "x", "kind": 0}])",
      R"([{"name": "x", "kind": "unknown"}])",
      R"([{"name": "x", "kind": "text", "unknown": 1}])",
      R"([{"name": "x", "kind": "text"}, {"name": "x", "kind": "bytes"}])",
      R"([{"name": "x", "kind": "tensor", "dtype": "int8"}])",
      R"([{"name": "x", "kind": "tensor", "dtype": "int7", "shape": []}])",
      R"([{"name": "x", "kind": "tensor", "dtype": "int8", "shape": [-1]}])",
      R"([{"name": "x", "kind": "tensor", "dtype": "int8", "shape": [0]}])",
      R"([{"name": "x", "kind": "tensor", "dtype": "int8", "shape": [1.5]}])",
      R"([{"name": "x", "kind": "tensor", "dtype": "int8", "shape": [4294967296, 4294967296]}])",
      R"([{"name": "x", "kind": "tensor", "dtype": "int8", "shape": "3"}])",
      R"([{"name": "x", "kind": "csr", "dtype": "int8", "index_dtype": "int8", "width": 5,
           "binary": false}])",
      R"([{"name": "x", "kind": "csr", "dtype": "int8", "index_dtype": "int32", "width": 0,
           "binary": false}])",
      R"([{"name": "x", "kind": "csr", "dtype": "int8", "index_dtype": "int32", "width": -1,
           "binary": false}])",
      R"([{"name": "x", "kind": "csr", "dtype": "int8", "index_dtype": "int32",
           "width": 18446744073709551615, "binary": false}])",
      R"([{"name": "x", "kind": "csr", "dtype": "int8", "index_dtype": "int32", "width": 5,
           "binary": 0}])",
  };
  for (const std::string& text : bad) {
    expect_error(ErrorCode::kCorrupt, {"the file"},
                 [&] { parse_schema(json::parse(text), "the file"); });
  }
  json deep = {{"name", "x"}, {"kind", "tensor"}, {"dtype", "int8"}};
  deep["shape"] = std::vector<int>(65, 1);
  expect_error(ErrorCode::kCorrupt, {"at most 64"},
               [&] { parse_schema(json::array({deep}), "the file"); });
}

}  // namespace
}  // namespace headrace
