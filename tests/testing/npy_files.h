#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "testing/temp_dir.h"

namespace headrace {

// A .npy file of version 1.0: `descr` and `shape` as its header has them, `data` as it is.
inline std::string write_npy_file(const TempDir& dir, const std::string& name,
                                  const std::string& descr, const std::string& shape,
                                  std::span<const std::byte> data) {
  std::string text("\x93NUMPY\x01\x00\x76\x00", 10);
  text += "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
  text.resize(127, ' ');
  text += '\n';
  const auto head = std::as_bytes(std::span(text));
  std::vector<std::byte> bytes(head.begin(), head.end());
  bytes.insert(bytes.end(), data.begin(), data.end());
  return dir.write(name, bytes);
}

}  // namespace headrace
