#pragma once

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

// What the drivers share: promises, and an exit status that the tests read.
namespace headrace {

// Throws where a promise is broken.
inline void demand(bool holds, const std::string& promise) {
  if (!holds) {
    throw std::runtime_error(promise);
  }
}

// The body of main(): status 1 and a line where `run` throws.
inline int run_driver(int (*run)(const std::vector<std::string>& arguments), int count,
                      char** arguments) {
  try {
    return run({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    std::printf("BROKEN %s\n", error.what());
    return 1;
  }
}

}  // namespace headrace
