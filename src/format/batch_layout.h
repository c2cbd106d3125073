#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "column/column_view.h"
#include "column/schema.h"

namespace headrace {

// Bytes [offset, offset + bytes) of a file.
struct Place {
  uint64_t offset = 0;
  uint64_t bytes = 0;

  bool operator==(const Place&) const = default;
};

// How the rows of one column lie in every batch of a file.
struct ColumnLayout {
  Field field = {};
  uint8_t offset_size = 0;   // bytes of one offset: 4 or 8; 0 for tensors, which have none
  bool packed_bits = false;  // eight bools to a byte, the first in the lowest bit; tensors only
  // The sizes of the nested FixedSizeLists around the leaf, outermost first. Their product is
  // field.row_elements(); files of others may have one list for several dimensions.
  std::vector<uint64_t> list_sizes = {};

  bool operator==(const ColumnLayout&) const = default;
};

// Where the parts of one column of one batch lie in the file; what a column lacks has 0 bytes.
// Each place lies inside the body and holds at least what rows and elements need.
struct ColumnPlace {
  Place values = {};
  Place offsets = {};
  Place indices = {};
  uint64_t elements = 0;  // as in ColumnView

  bool operator==(const ColumnPlace&) const = default;
};

// One record batch.
struct BatchLayout {
  uint64_t first_row = 0;
  uint64_t rows = 0;                            // at least 1
  Place body = {};                              // what xxh3 is about
  std::optional<uint64_t> xxh3 = std::nullopt;  // absent in files of others
  std::vector<ColumnPlace> columns = {};        // one for each of ShardLayout::columns

  bool operator==(const BatchLayout&) const = default;
};

// In our profile each body and each buffer in it starts at a multiple of this.
inline constexpr uint64_t kBodyAlignment = 64;

// Bodies of so many bytes are written to start on a page: rows of 256 bytes then lie in one page
// each, and rows of 4 KiB take one page of a disk instead of two. A reader does not ask for it.
inline constexpr uint64_t kLargeBody = uint64_t{64} << 10;
inline constexpr uint64_t kLargeBodyAlignment = 4096;

// In our profile no column of a record batch has this many leaf elements: some readers count them
// in 32 bits.
inline constexpr uint64_t kMaxBatchElements = uint64_t{1} << 31;

// The numbers or bytes of a column in that many rows with that many elements; the largest number
// where it does not fit.
uint64_t leaf_elements(const Field& field, uint64_t rows, uint64_t elements) noexcept;

// The next multiple of kBodyAlignment, or the largest number where it does not fit.
uint64_t aligned_body_size(uint64_t bytes) noexcept;

// What a buffer of an Arrow array holds.
enum class BufferRole : uint8_t { kValidity, kOffsets, kValues, kIndices };

// One array of a column: Arrow flattens the tree of a column's nested arrays in depth-first order.
struct ArrayNode {
  bool per_element = false;  // its length counts the column's elements; otherwise its rows
  uint64_t multiplier = 1;   // times this
  std::vector<BufferRole> buffers = {};
};

// The arrays of a column in the order of the file.
std::vector<ArrayNode> array_nodes(const ColumnLayout& column);

// The length of an array, and the bytes of a buffer, for that many rows and elements of the column;
// the largest number where it does not fit.
uint64_t node_length(const ArrayNode& node, uint64_t rows, uint64_t elements) noexcept;
uint64_t buffer_bytes(const ColumnLayout& column, BufferRole role, uint64_t rows,
                      uint64_t elements) noexcept;

// The place of that role in `place`; null for validity, which is not kept.
Place* place_of(ColumnPlace& place, BufferRole role) noexcept;

// How our profile stores a column.
ColumnLayout profile_column(const Field& field);

// How our profile lays out a batch whose body starts at `body_offset`: buffers in the order of the
// arrays, each at a multiple of kBodyAlignment. Sizes that do not fit are the largest number, so
// that no file can hold them. Requires: one of `elements` for each column.
BatchLayout profile_batch(std::span<const ColumnLayout> columns, uint64_t rows,
                          std::span<const uint64_t> elements, uint64_t body_offset);

// The rows of a column at `place`, of a file that lies in memory at `file`. Requires: no packed
// bits.
ColumnView view_of(const ColumnLayout& column, const ColumnPlace& place, uint64_t rows,
                   const std::byte* file) noexcept;

// The rows of column number `number` of a batch whose body, alone, lies in memory at `body`.
// Requires: no packed bits.
ColumnView view_in_body(const ColumnLayout& column, const BatchLayout& batch, size_t number,
                        const std::byte* body) noexcept;

// Whether `body`, the bytes of batch.body, has the hash that the batch carries; true where it
// carries none. Allocates nothing, so that it can be a leaf of guarded().
bool body_is_intact(const BatchLayout& batch, std::span<const std::byte> body) noexcept;

}  // namespace headrace
