#pragma once

#include <arrow_generated.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "format/arrow_metadata.h"

// Arrow fields as other writers make them.
namespace headrace {

// The description of an Arrow field.
struct ArrowNode {
  flatbuf::Type type = flatbuf::Type::NONE;
  std::string name = "item";
  std::vector<ArrowNode> children = {};
  Metadata metadata = {};
  int32_t size = 0;  // bits of an Int, size of a FixedSizeList, Precision of a FloatingPoint
  bool is_signed = true;
  bool dictionary = false;
};

inline flatbuffers::Offset<void> build_type(flatbuffers::FlatBufferBuilder& builder,
                                            const ArrowNode& node) {
  switch (node.type) {
    case flatbuf::Type::NONE:
      return 0;
    case flatbuf::Type::Int:
      return flatbuf::CreateInt(builder, node.size, node.is_signed).Union();
    case flatbuf::Type::FloatingPoint:
      return flatbuf::CreateFloatingPoint(builder, static_cast<flatbuf::Precision>(node.size))
          .Union();
    case flatbuf::Type::FixedSizeList:
      return flatbuf::CreateFixedSizeList(builder, node.size).Union();
    default:
      // All other types are tables of which nothing is read.
      return flatbuf::CreateNull(builder).Union();
  }
}

inline flatbuffers::Offset<flatbuf::Field> build_node(flatbuffers::FlatBufferBuilder& builder,
                                                      const ArrowNode& node) {
  std::vector<flatbuffers::Offset<flatbuf::Field>> children;
  for (const ArrowNode& child : node.children) {
    children.push_back(build_node(builder, child));
  }
  const auto name = builder.CreateString(node.name);
  const auto type = build_type(builder, node);
  const auto children_at = builder.CreateVector(children);
  const auto metadata = build_metadata(builder, node.metadata);
  const auto dictionary = node.dictionary ? flatbuf::CreateDictionaryEncoding(builder)
                                          : flatbuffers::Offset<flatbuf::DictionaryEncoding>(0);
  return flatbuf::CreateField(builder, name, true, node.type, type, dictionary, children_at,
                              metadata);
}

inline ArrowNode int_node(int32_t bits = 32, bool is_signed = true, std::string name = "item") {
  return {
      .type = flatbuf::Type::Int, .name = std::move(name), .size = bits, .is_signed = is_signed};
}

inline ArrowNode list_node(flatbuf::Type type, ArrowNode child, int32_t size = 0,
                           Metadata metadata = {}) {
  return {
      .type = type, .children = {std::move(child)}, .metadata = std::move(metadata), .size = size};
}

}  // namespace headrace
