#pragma once

#include <arrow_generated.h>
#include <cstdint>
#include <string>
#include <vector>

#include "column/schema.h"
#include "format/batch_layout.h"
#include "format/metadata.h"

namespace headrace {

// What an Arrow schema says about rows.
struct ArrowSchema {
  std::vector<ColumnLayout> columns;
  Metadata metadata;

  bool operator==(const ArrowSchema&) const = default;
};

// Adds the Arrow schema of `schema`, as our profile writes it, to `builder`. What Arrow's type does
// not say stands in the metadata of a field: the dtype of bool and bfloat16 (headrace.dtype), and
// the width of csr (headrace.columns), which also tells binary csr from ragged.
flatbuffers::Offset<flatbuf::Schema> build_schema(flatbuffers::FlatBufferBuilder& builder,
                                                  const Schema& schema, const Metadata& metadata);

// What `schema` says; it was verified, and stands in `metadata_bytes` bytes of `path`, which bound
// the text that is copied from it. Throws kCorrupt for what contradicts itself; kUnsupported for
// types that are not read in place, big endian, two columns of one name, and no columns.
ArrowSchema read_schema(const flatbuf::Schema& schema, uint64_t metadata_bytes,
                        const std::string& path);

}  // namespace headrace
