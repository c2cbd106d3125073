#include "dataset/safetensors_files.h"

#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "format/safetensors.h"

namespace headrace {
namespace {

Error other_columns(const std::string& path, const std::string& name, const std::string& what) {
  return Error(ErrorCode::kInvalid,
               "files of one dataset must have the same tensors, with rows of the same dtype and "
               "shape; " +
                   path + what,
               {.file = path, .column = name});
}

// Where the columns of `schema` are stored in the file at `path`.
std::vector<StoredRows> stored_columns(const Schema& schema,
                                       const std::vector<StoredTensor>& tensors,
                                       const SharedPath& path, const FileInfo& info) {
  if (tensors.size() != schema.size()) {
    throw other_columns(
        path, "",
        " has " + std::to_string(tensors.size()) + " and not " + std::to_string(schema.size()));
  }
  std::unordered_map<std::string_view, const StoredTensor*> by_name;
  for (const StoredTensor& tensor : tensors) {
    by_name.emplace(tensor.field.name, &tensor);
  }
  std::vector<StoredRows> columns;
  for (const Field& field : schema) {
    const auto found = by_name.find(field.name);
    if (found == by_name.end()) {
      throw other_columns(path, field.name, " has no " + field.name);
    }
    const StoredTensor& tensor = *found->second;
    if (tensor.field != field) {
      throw other_columns(
          path, field.name,
          " has " + field.name + ": " + describe(tensor.field) + " and not " + describe(field));
    }
    columns.push_back({.path = path,
                       .offset = tensor.offset,
                       .row_bytes = field.row_bytes(),
                       .dtype = field.dtype,
                       .info = info});
  }
  return columns;
}

}  // namespace

DatasetPtr dataset_from_safetensors(const std::vector<std::string>& paths, Io io) {
  Schema schema;
  std::vector<Piece> pieces;
  for (const std::string& path : paths) {
    const File file(path);
    const std::vector<StoredTensor> tensors = read_safetensors_header(file);
    if (schema.empty()) {
      for (const StoredTensor& tensor : tensors) {
        schema.push_back(tensor.field);
      }
    }
    const uint64_t rows = tensors.front().rows;
    pieces.push_back({.source = std::make_shared<FileSource>(
                          rows, stored_columns(schema, tensors, path, file.info()), io),
                      .first = 0,
                      .rows = rows,
                      .columns = nullptr});
  }
  std::vector<DatasetColumn> columns;
  for (uint32_t c = 0; c < schema.size(); ++c) {
    columns.push_back({.field = schema[c], .group = 0, .column = c, .casts = {}});
  }
  return std::make_shared<Dataset>(std::move(columns),
                                   std::vector{RowSpace::table(std::move(pieces))});
}

}  // namespace headrace
