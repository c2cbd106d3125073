#pragma once

#include "order/unit_table.h"

namespace headrace::python {

// What Python holds of a unit table, which loaders share.
struct PyUnits {
  UnitTablePtr table;
};

}  // namespace headrace::python
