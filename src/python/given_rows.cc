#include "python/given_rows.h"

#include <cstdint>
#include <string>
#include <utility>

#include <nanobind/stl/string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "column/row_faults.h"
#include "python/fields.h"
#include "python/gil.h"
#include "python/owners.h"

namespace nb = nanobind;

namespace headrace::python {
namespace {

using Array = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

Error bad_rows(const Field& field, const std::string& why) {
  return Error(ErrorCode::kInvalid, "column " + field.name + ": " + why,
               {.file = "", .column = field.name});
}

// The bytes of part `position` of `tuple`, and how many elements of `size` bytes they are; none
// where it is None.
std::pair<const std::byte*, uint64_t> take_part(GivenRows& given, const nb::tuple& tuple,
                                                size_t position, uint64_t size) {
  if (tuple[position].is_none()) {
    return {nullptr, 0};
  }
  given.arrays.push_back(nb::cast<Array>(tuple[position]));
  const Array& array = given.arrays.back();
  return {static_cast<const std::byte*>(array.data()), array.nbytes() / size};
}

// The arrays themselves: each holds its exporter's own handle on the memory.
nb::object owners_of(const GivenRows& given) {
  nb::list owners;
  for (const auto& array : given.arrays) {
    owners.append(nb::cast(array));
  }
  return owners;
}

uint64_t bytes_of(const GivenRows& given) {
  uint64_t bytes = 0;
  for (const auto& array : given.arrays) {
    bytes += array.nbytes();
  }
  return bytes;
}

}  // namespace

GivenRows rows_from(const nb::tuple& tuple, const Field& field) {
  GivenRows given;
  ColumnView& view = given.view;
  view.rows = nb::cast<uint64_t>(tuple[0]);
  const auto [values, value_count] = take_part(given, tuple, 1, field.row_bytes());
  view.values = values;
  view.elements = value_count;
  if (field.is_tensor()) {
    if (value_count < view.rows) {
      throw bad_rows(field, "there are fewer values than rows");
    }
    return given;
  }
  if (!tuple[2].is_none()) {
    view.offset_size = static_cast<uint8_t>(nb::cast<Array>(tuple[2]).itemsize());
  }
  const auto [offsets, offset_count] = take_part(given, tuple, 2, view.offset_size);
  view.offsets = offsets;
  if ((view.offset_size != 4 && view.offset_size != 8) || offset_count < view.rows + 1) {
    throw bad_rows(field, "there are fewer offsets than rows + 1");
  }
  if (field.kind == ColumnKind::kCsr) {
    const auto [indices, index_count] = take_part(given, tuple, 3, dtype_size(field.index_dtype));
    view.indices = indices;
    if (!field.binary && index_count != value_count) {
      throw bad_rows(field, "there are " + std::to_string(index_count) + " indices and " +
                                std::to_string(value_count) + " values");
    }
    view.elements = index_count;
  }
  return given;
}

ForeignArray view_rows(const nb::tuple& tuple) {
  Field field = field_from(nb::cast<nb::tuple>(tuple[0]));
  if (field.is_tensor()) {
    throw bad_rows(field, "rows of one size are given as an array");
  }
  const nb::tuple rows = nb::make_tuple(tuple[1], tuple[2], tuple[3], tuple[4]);
  const GivenRows given = rows_from(rows, field);
  RowFault fault;
  if (!nb::cast<bool>(tuple[5])) {
    const GilRelease unlocked;
    fault = find_row_fault(field, given.view);
  }
  if (fault) {
    throw Error(ErrorCode::kInvalid,
                "column " + field.name + ", row " + std::to_string(fault.row) + ": " +
                    describe(fault, field, given.view),
                {.file = "", .column = field.name, .row = fault.row});
  }
  ArraySource::Array array;
  array.owner = Buffer(share_owner(owners_of(given)), nullptr, 0);
  array.dtype = field.dtype;
  array.index_dtype = field.index_dtype;
  array.variable = given.view;
  array.variable_bytes = bytes_of(given);
  return {std::move(field), given.view.rows, std::move(array)};
}

}  // namespace headrace::python
