// Makes the golden shards of profile 1:
//
//   build/test/tests/make_golden_shards tests/golden/v1
//
// Only for files that are new: it keeps what is there, and fails where it would write other bytes.
// That may happen with another version of flatbuffers and is no harm then; what counts is that the
// files that are there can be read for ever (tests/format/shards_golden_test.cc).

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "testing/golden_shards.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_golden_shards DIRECTORY\n";
    return 2;
  }
  int differing = 0;
  for (const auto& [name, columns] : headrace::golden_shards()) {
    const std::filesystem::path path = std::filesystem::path(argv[1]) / name;
    const auto bytes =
        headrace::shard_bytes(columns, headrace::kGoldenRowsPerBatch, headrace::kGoldenMetadata);
    const std::string made(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (std::filesystem::exists(path)) {
      std::ifstream file(path, std::ios::binary);
      const std::string found{std::istreambuf_iterator<char>(file), {}};
      if (found != made) {
        std::cerr << path.string() << " is kept; it would be made differently now\n";
        ++differing;
      }
      continue;
    }
    if (!std::ofstream(path, std::ios::binary)
             .write(made.data(), static_cast<std::streamsize>(made.size()))) {
      std::cerr << "cannot write " << path.string() << "\n";
      return 1;
    }
    std::cout << path.string() << ": " << made.size() << " bytes\n";
  }
  return differing == 0 ? 0 : 1;
}
