#pragma once

#include <cstdint>
#include <fstream>
#include <string>

namespace headrace {

// Bytes that read(2) and its kin have given this process; what it read through maps is not in it.
inline uint64_t bytes_from_reads() {
  std::ifstream file("/proc/self/io");
  std::string name;
  uint64_t number = 0;
  while (file >> name >> number) {
    if (name == "rchar:") {
      return number;
    }
  }
  return 0;
}

// The same for what `action` does.
template <typename Action>
uint64_t bytes_read_by(Action&& action) {
  const uint64_t before = bytes_from_reads();
  action();
  return bytes_from_reads() - before;
}

}  // namespace headrace
