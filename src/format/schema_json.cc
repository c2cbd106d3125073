#include "format/schema_json.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace headrace {
namespace {

using nlohmann::json;

constexpr size_t kMaxDimensions = 64;
constexpr std::array<std::string_view, 7> kKeys = {"name",        "kind",  "dtype", "shape",
                                                   "index_dtype", "width", "binary"};

json column_json(const Field& field) {
  json column = {{"name", field.name}, {"kind", kind_name(field.kind)}};
  if (field.kind != ColumnKind::kBytes && field.kind != ColumnKind::kText) {
    column["dtype"] = dtype_name(field.dtype);
  }
  if (field.kind == ColumnKind::kTensor || field.kind == ColumnKind::kRagged) {
    column["shape"] = field.row_shape;
  }
  if (field.kind == ColumnKind::kCsr) {
    column["index_dtype"] = dtype_name(field.index_dtype);
    column["width"] = field.width;
    column["binary"] = field.binary;
  }
  return column;
}

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
  throw Error(ErrorCode::kCorrupt, file + " has no valid schema: " + what,
              {.file = file, .column = ""});
}

// The value of `key`, of the type that `is` tests.
const json& value_of(const json& column, const char* key, bool (json::*is)() const noexcept,
                     const std::string& file) {
  const auto found = column.find(key);
  if (found == column.end() || !((*found).*is)()) {
    refuse(file, std::string(key) + " of a column is missing or of another type");
  }
  return *found;
}

std::string text_of(const json& column, const char* key, const std::string& file) {
  return value_of(column, key, &json::is_string, file).get<std::string>();
}

std::vector<uint64_t> shape_of(const json& column, const std::string& file) {
  const json& list = value_of(column, "shape", &json::is_array, file);
  std::vector<uint64_t> shape;
  for (const json& extent : list) {
    if (!extent.is_number_unsigned() || shape.size() == kMaxDimensions) {
      refuse(file, "the shape of a column is a list of at most " + std::to_string(kMaxDimensions) +
                       " extents");
    }
    shape.push_back(extent.get<uint64_t>());
  }
  return shape;
}

Field parse_column(const json& column, const std::string& file) {
  if (!column.is_object()) {
    refuse(file, "a column is an object");
  }
  for (const auto& item : column.items()) {
    if (std::find(kKeys.begin(), kKeys.end(), item.key()) == kKeys.end()) {
      refuse(file, "a column has the unknown property " + item.key().substr(0, 100));
    }
  }
  Field field{.name = text_of(column, "name", file),
              .kind = kind_from_name(text_of(column, "kind", file))};
  if (field.kind != ColumnKind::kBytes && field.kind != ColumnKind::kText) {
    field.dtype = dtype_from_name(text_of(column, "dtype", file));
  }
  if (field.kind == ColumnKind::kTensor || field.kind == ColumnKind::kRagged) {
    field.row_shape = shape_of(column, file);
  }
  if (field.kind == ColumnKind::kCsr) {
    field.index_dtype = dtype_from_name(text_of(column, "index_dtype", file));
    field.width = value_of(column, "width", &json::is_number_unsigned, file).get<uint64_t>();
    field.binary = value_of(column, "binary", &json::is_boolean, file).get<bool>();
  }
  check_field(field);
  return field;
}

}  // namespace

json schema_json(const Schema& schema) {
  json list = json::array();
  for (const Field& field : schema) {
    list.push_back(column_json(field));
  }
  return list;
}

Schema parse_schema(const json& list, const std::string& file) {
  if (!list.is_array() || list.empty()) {
    refuse(file, "it is a list of at least one column");
  }
  Schema schema;
  std::set<std::string> names;
  for (const json& column : list) {
    try {
      schema.push_back(parse_column(column, file));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCorrupt) {
        throw;
      }
      refuse(file, error.what());  // what check_field() or a name that is not known says
    }
    if (!names.insert(schema.back().name).second) {
      refuse(file, "two columns are called " + schema.back().name);
    }
  }
  return schema;
}

}  // namespace headrace
