#pragma once

#include <string>
#include <utility>
#include <vector>

#include "testing/shards.h"

// The shards of tests/golden/v1: bytes that every later version of headrace reads.
namespace headrace {

inline constexpr uint64_t kGoldenRows = 11;
inline constexpr uint64_t kGoldenRowsPerBatch = 4;
inline const Metadata kGoldenMetadata = {{"made by", "tests/golden/v1/make_shards.cc"}};

// A column of every dtype.
inline std::vector<ShardColumn> columns_of_all_dtypes(const Field& field) {
  std::vector<ShardColumn> columns;
  for (size_t i = 0; i < kDTypeCount; ++i) {
    Field each = field;
    each.dtype = static_cast<DType>(i);
    each.name = dtype_name(each.dtype);
    columns.push_back(make_column(each, kGoldenRows, static_cast<uint32_t>(i)));
  }
  return columns;
}

// The name of each file, and its columns.
inline std::vector<std::pair<std::string, std::vector<ShardColumn>>> golden_shards() {
  std::vector<std::pair<std::string, std::vector<ShardColumn>>> shards;
  for (const Field& field : one_field_of_each_kind()) {
    shards.emplace_back(field.name + ".arrow", std::vector{make_column(field, kGoldenRows)});
  }
  shards.emplace_back("scalars_of_all_dtypes.arrow", columns_of_all_dtypes({.name = ""}));
  shards.emplace_back("tensors_of_all_dtypes.arrow",
                      columns_of_all_dtypes({.name = "", .row_shape = {3}}));
  return shards;
}

// A compressed shard, of a column of each kind. Another version of zstd may make other bytes of it;
// they expand to the same ones.
inline constexpr char kGoldenCompressed[] = "zstd/each_kind.arrow";
inline std::vector<ShardColumn> golden_compressed() {
  std::vector<ShardColumn> columns;
  for (const Field& field : one_field_of_each_kind()) {
    columns.push_back(make_column(field, kGoldenRows));
  }
  return columns;
}

}  // namespace headrace
