#include "format/batch_layout.h"

#include "base/checked.h"
#include "base/hash.h"

namespace headrace {
namespace {

using enum BufferRole;

// The FixedSizeLists of a column around its leaf.
void add_lists(const ColumnLayout& column, std::vector<ArrayNode>& nodes) {
  const bool per_element = !column.field.is_tensor();
  uint64_t multiplier = 1;
  for (const uint64_t size : column.list_sizes) {
    nodes.push_back({per_element, multiplier, {kValidity}});
    multiplier = saturating_mul(multiplier, size);
  }
  nodes.push_back({per_element, multiplier, {kValidity, kValues}});
}

}  // namespace

uint64_t leaf_elements(const Field& field, uint64_t rows, uint64_t elements) noexcept {
  return saturating_mul(field.is_tensor() ? rows : elements, field.row_elements());
}

uint64_t aligned_body_size(uint64_t bytes) noexcept {
  const uint64_t raised = saturating_add(bytes, kBodyAlignment - 1);
  return raised == UINT64_MAX ? raised : raised / kBodyAlignment * kBodyAlignment;
}

std::vector<ArrayNode> array_nodes(const ColumnLayout& column) {
  std::vector<ArrayNode> nodes;
  switch (column.field.kind) {
    case ColumnKind::kTensor:
      add_lists(column, nodes);
      break;
    case ColumnKind::kRagged:
      nodes.push_back({false, 1, {kValidity, kOffsets}});
      add_lists(column, nodes);
      break;
    case ColumnKind::kBytes:
    case ColumnKind::kText:
      nodes.push_back({false, 1, {kValidity, kOffsets, kValues}});
      break;
    case ColumnKind::kCsr:
      nodes.push_back({false, 1, {kValidity, kOffsets}});
      if (!column.field.binary) {
        nodes.push_back({true, 1, {kValidity}});
      }
      nodes.push_back({true, 1, {kValidity, kIndices}});
      if (!column.field.binary) {
        nodes.push_back({true, 1, {kValidity, kValues}});
      }
      break;
  }
  return nodes;
}

uint64_t node_length(const ArrayNode& node, uint64_t rows, uint64_t elements) noexcept {
  return saturating_mul(node.per_element ? elements : rows, node.multiplier);
}

uint64_t buffer_bytes(const ColumnLayout& column, BufferRole role, uint64_t rows,
                      uint64_t elements) noexcept {
  const Field& field = column.field;
  switch (role) {
    case kValidity:
      return 0;
    case kOffsets:
      return saturating_mul(saturating_add(rows, 1), column.offset_size);
    case kIndices:
      return saturating_mul(elements, dtype_size(field.index_dtype));
    case kValues:
      break;
  }
  if (column.packed_bits) {
    const uint64_t bits = saturating_mul(rows, field.row_elements());
    return bits / 8 + (bits % 8 == 0 ? 0 : 1);
  }
  return saturating_mul(field.is_tensor() ? rows : elements, field.row_bytes());
}

Place* place_of(ColumnPlace& place, BufferRole role) noexcept {
  switch (role) {
    case kOffsets:
      return &place.offsets;
    case kValues:
      return &place.values;
    case kIndices:
      return &place.indices;
    case kValidity:
      break;
  }
  return nullptr;
}

ColumnLayout profile_column(const Field& field) {
  return {.field = field,
          .offset_size = static_cast<uint8_t>(field.is_tensor() ? 0 : sizeof(int64_t)),
          .list_sizes = field.row_shape};
}

BatchLayout profile_batch(std::span<const ColumnLayout> columns, uint64_t rows,
                          std::span<const uint64_t> elements, uint64_t body_offset) {
  BatchLayout batch{.rows = rows, .body = {body_offset, 0}};
  batch.columns.reserve(columns.size());
  uint64_t at = body_offset;
  for (size_t i = 0; i < columns.size(); ++i) {
    ColumnPlace& column = batch.columns.emplace_back(ColumnPlace{.elements = elements[i]});
    for (const ArrayNode& node : array_nodes(columns[i])) {
      for (const BufferRole role : node.buffers) {
        if (Place* place = place_of(column, role); place != nullptr) {
          *place = {at, buffer_bytes(columns[i], role, rows, elements[i])};
          at = saturating_add(at, aligned_body_size(place->bytes));
        }
      }
    }
  }
  batch.body.bytes = at - body_offset;
  return batch;
}

ColumnView view_of(const ColumnLayout& column, const ColumnPlace& place, uint64_t rows,
                   const std::byte* file) noexcept {
  const auto at = [file](const Place& part, bool there) {
    return there ? file + part.offset : nullptr;
  };
  const bool csr = column.field.kind == ColumnKind::kCsr;
  return {.rows = rows,
          .values = at(place.values, !(csr && column.field.binary)),
          .offsets = at(place.offsets, column.offset_size != 0),
          .indices = at(place.indices, csr),
          .offset_size = static_cast<uint8_t>(column.offset_size == 0 ? 8 : column.offset_size),
          .elements = place.elements};
}

ColumnView view_in_body(const ColumnLayout& column, const BatchLayout& batch, size_t number,
                        const std::byte* body) noexcept {
  ColumnPlace place = batch.columns[number];
  for (Place* part : {&place.values, &place.offsets, &place.indices}) {
    part->offset = part->bytes == 0 ? 0 : part->offset - batch.body.offset;
  }
  return view_of(column, place, batch.rows, body);
}

bool body_is_intact(const BatchLayout& batch, std::span<const std::byte> body) noexcept {
  return !batch.xxh3 || *batch.xxh3 == hash_bytes(body);
}

}  // namespace headrace
