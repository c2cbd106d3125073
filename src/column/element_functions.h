#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "column/schema.h"
#include "column/vector_kernels.h"

namespace headrace {

// (x - mean) * factor, in double, rounded once. As many means and factors as an element of a row
// has numbers, or as its last axes have; one for all.
struct Standardize {
  AlignedDoubles means;
  AlignedDoubles factors;

  bool operator==(const Standardize&) const = default;
};

// x, or the nearer end of [low, high]; NaN stays.
struct Clip {
  double low = 0;
  double high = 0;

  bool operator==(const Clip&) const = default;
};

// log(1 + x), as log1p() of column/logarithm.h.
struct Log1p {
  bool operator==(const Log1p&) const = default;
};

// How many edges lie below x, as torch.bucketize counts them; NaN is above all edges.
struct Bucketize {
  std::vector<double> edges;  // ascending
  bool right = false;         // an edge that equals x counts, too
  // The least x of each bucket but the first, ascending and without those that the dtype cannot
  // reach: of columns of int64 and uint64, whose numbers double does not hold. They need them.
  std::vector<int64_t> signed_starts = {};
  std::vector<uint64_t> unsigned_starts = {};

  bool operator==(const Bucketize&) const = default;
};

// A bucket below `buckets` for each whole number: the same for ever, for equal seeds.
struct HashCategory {
  uint64_t buckets = 1;
  uint64_t seed = 0;

  bool operator==(const HashCategory&) const = default;
};

// What becomes of each number of a column, beyond a change of its dtype.
using ElementFunction = std::variant<Standardize, Clip, Log1p, Bucketize, HashCategory>;

// "standardize", "clip" and so on, as Python calls them.
const char* function_name(const ElementFunction& function) noexcept;

// The dtype that numbers of `dtype` are cast to before the function: float32, or float64 for what
// float32 does not hold exactly; int64 for categories; for buckets int64 and uint64 stay.
DType argument_dtype(const ElementFunction& function, DType dtype) noexcept;

// The dtype of what the function gives for numbers of that dtype.
DType result_dtype(const ElementFunction& function, DType argument) noexcept;

// What is said of csr, which no function takes, whether a layout shows it or not.
Error sparse_error(const ElementFunction& function, const Field& field);

// Throws kInvalid or kUnsupported that names the column where rows of `field` cannot be given to
// the function: bytes, text, csr; floats as categories; means for rows of another size; numbers
// that are no edges or ends.
void check_function(const ElementFunction& function, const Field& field);

// Applies `function` to the numbers of each row.
using ElementKernel = void (*)(const KernelRows& rows, const ElementFunction& function) noexcept;

// The kernel of a function, to be called with it and numbers of `argument`, one of
// argument_dtype(), on a processor that has `set`.
ElementKernel kernel_of(const ElementFunction& function, DType argument,
                        VectorSet set = vector_set()) noexcept;

}  // namespace headrace
