#include "python/fields.h"

#include <cstdint>
#include <string>
#include <vector>

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace headrace::python {

nb::tuple field_tuple(const Field& field) {
  nb::list shape;
  for (const uint64_t extent : field.row_shape) {
    shape.append(extent);
  }
  return nb::make_tuple(field.name, dtype_name(field.dtype), nb::tuple(shape),
                        kind_name(field.kind), dtype_name(field.index_dtype), field.width,
                        field.binary);
}

Field field_from(const nb::tuple& tuple) {
  Field field{.name = nb::cast<std::string>(tuple[0]),
              .dtype = dtype_from_name(nb::cast<std::string>(tuple[1])),
              .row_shape = nb::cast<std::vector<uint64_t>>(tuple[2]),
              .kind = kind_from_name(nb::cast<std::string>(tuple[3])),
              .index_dtype = dtype_from_name(nb::cast<std::string>(tuple[4])),
              .width = nb::cast<uint64_t>(tuple[5]),
              .binary = nb::cast<bool>(tuple[6])};
  check_field(field);
  return field;
}

nb::list schema_list(const Schema& schema) {
  nb::list fields;
  for (const Field& field : schema) {
    fields.append(field_tuple(field));
  }
  return fields;
}

Schema schema_from(const nb::list& fields) {
  Schema schema;
  for (const nb::handle field : fields) {
    schema.push_back(field_from(nb::cast<nb::tuple>(field)));
  }
  return schema;
}

}  // namespace headrace::python
