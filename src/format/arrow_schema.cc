#include "format/arrow_schema.h"

#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "format/arrow_errors.h"
#include "format/arrow_metadata.h"
#include "format/field_reader.h"
#include "format/field_writer.h"

namespace headrace {
namespace {

using flatbuf::Endianness;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

// Bounds what is copied: pieces of a flatbuffer may overlap, so that a small one can stand for any
// amount of text.
class CopyBudget {
 public:
  CopyBudget(uint64_t bytes, const std::string& path) : left_(bytes), path_(path) {}

  std::string copy(std::string_view text) {
    if (text.size() > left_) {
      throw corrupt_arrow(path_, "its schema holds more text than its metadata has bytes");
    }
    left_ -= text.size();
    return std::string(text);
  }

 private:
  uint64_t left_;
  const std::string& path_;
};

Metadata read_metadata(const KeyValues* entries, CopyBudget& budget) {
  Metadata metadata;
  if (entries != nullptr) {
    for (const flatbuf::KeyValue* entry : *entries) {
      std::string key = budget.copy(text_of(entry->key()));
      metadata.emplace_back(std::move(key), budget.copy(text_of(entry->value())));
    }
  }
  return metadata;
}

}  // namespace

Offset<flatbuf::Schema> build_schema(FlatBufferBuilder& builder, const Schema& schema,
                                     const Metadata& metadata) {
  std::vector<Offset<flatbuf::Field>> fields;
  fields.reserve(schema.size());
  for (const Field& field : schema) {
    fields.push_back(build_field(builder, field));
  }
  const auto fields_at = builder.CreateVector(fields);
  const auto metadata_at = build_metadata(builder, metadata);
  return flatbuf::CreateSchema(builder, Endianness::Little, fields_at, metadata_at);
}

ArrowSchema read_schema(const flatbuf::Schema& schema, uint64_t metadata_bytes,
                        const std::string& path) {
  if (schema.endianness() != Endianness::Little) {
    throw unsupported_arrow(path, "its values are big endian");
  }
  if (schema.fields() == nullptr || schema.fields()->size() == 0) {
    throw unsupported_arrow(path, "it has no columns");
  }
  CopyBudget budget(metadata_bytes, path);
  ArrowSchema result;
  std::set<std::string_view> names;
  for (const flatbuf::Field* field : *schema.fields()) {
    const std::string_view name = text_of(field->name());
    if (!is_utf8(std::as_bytes(std::span(name)))) {
      throw corrupt_arrow(path, "the name of column number " +
                                    std::to_string(result.columns.size()) + " is not UTF-8");
    }
    if (!names.insert(name).second) {
      throw unsupported_arrow(path, "two columns are called " + std::string(name),
                              std::string(name));
    }
    result.columns.push_back(read_field(*field, budget.copy(name), path));
  }
  result.metadata = read_metadata(schema.custom_metadata(), budget);
  return result;
}

}  // namespace headrace
