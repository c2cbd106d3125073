#include "format/arrow_metadata.h"

#include <vector>

#include "format/arrow_errors.h"

namespace headrace {

flatbuffers::Offset<KeyValues> build_metadata(flatbuffers::FlatBufferBuilder& builder,
                                              const Metadata& metadata) {
  if (metadata.empty()) {
    return 0;
  }
  std::vector<flatbuffers::Offset<flatbuf::KeyValue>> entries;
  entries.reserve(metadata.size());
  for (const auto& [key, value] : metadata) {
    const auto key_at = builder.CreateString(key);
    entries.push_back(flatbuf::CreateKeyValue(builder, key_at, builder.CreateString(value)));
  }
  return builder.CreateVector(entries);
}

const flatbuffers::String* value_of(const KeyValues* metadata, std::string_view key,
                                    const std::string& path) {
  const flatbuffers::String* value = nullptr;
  if (metadata == nullptr) {
    return value;
  }
  for (const flatbuf::KeyValue* entry : *metadata) {
    if (text_of(entry->key()) != key) {
      continue;
    }
    if (value != nullptr || entry->value() == nullptr) {
      throw corrupt_arrow(path, "its metadata has no value or two for " + std::string(key));
    }
    value = entry->value();
  }
  return value;
}

std::string_view text_of(const flatbuffers::String* text) noexcept {
  return text == nullptr ? std::string_view() : std::string_view(text->c_str(), text->size());
}

}  // namespace headrace
