#pragma once

#include <cstdint>
#include <vector>

#include "dataset/dataset.h"

namespace headrace {

// `parts` with csr columns that may follow each other. Of columns that are csr without a layout in
// every part, the widths become what `widths` has for them, where that is not 0, and the indices
// the widest of their dtypes, or a wider one that holds the width; sources are read as they are.
// Throws kInvalid for a width that is no csr column's without a layout, or below that of a part.
std::vector<DatasetPtr> with_equal_csr(const std::vector<DatasetPtr>& parts,
                                       const std::vector<uint64_t>& widths);

}  // namespace headrace
