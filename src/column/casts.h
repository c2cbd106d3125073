#pragma once

#include "column/schema.h"
#include "column/vector_kernels.h"

namespace headrace {

// Converts the numbers of each row from one dtype to another.
using CastKernel = void (*)(const KernelRows& rows) noexcept;

// The cast from one dtype to another, for a processor that has `set`; a copy for equal ones.
//
// Values that both types hold are kept exactly. Otherwise, as numpy's astype does where numpy says
// what it does: integers wrap, floats are rounded to nearest-even towards a smaller float and cut
// towards zero towards an integer; bool is "not zero". Where numpy leaves the result to the
// processor it is fixed here, so that it is the same everywhere: a float beyond an integer's range
// becomes the nearest end of the range, and NaN becomes 0.
CastKernel cast_kernel(DType from, DType to, VectorSet set = vector_set()) noexcept;

}  // namespace headrace
