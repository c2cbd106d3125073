#pragma once

#include <string>
#include <vector>

#include "dataset/dataset.h"

namespace headrace {

// The rows of .safetensors files, one file after another: the tensors are the columns. Throws
// kInvalid where files have different columns, and as read_safetensors_header and File.
DatasetPtr dataset_from_safetensors(const std::vector<std::string>& paths, Io io = Io::kAuto);

}  // namespace headrace
