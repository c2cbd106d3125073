#pragma once

#include <arrow_generated.h>
#include <string>
#include <string_view>

#include "format/metadata.h"

namespace headrace {

using KeyValues = flatbuffers::Vector<flatbuffers::Offset<flatbuf::KeyValue>>;

// Adds `metadata` to `builder`; no offset where it is empty.
flatbuffers::Offset<KeyValues> build_metadata(flatbuffers::FlatBufferBuilder& builder,
                                              const Metadata& metadata);

// The value of `key` in a verified flatbuffer of `path`; null where there is none, or no metadata.
// Throws kCorrupt where there are two, or a key without a value.
const flatbuffers::String* value_of(const KeyValues* metadata, std::string_view key,
                                    const std::string& path);

// The text, empty where it is absent.
std::string_view text_of(const flatbuffers::String* text) noexcept;

}  // namespace headrace
