// Makes the golden shards and manifests of profile 1:
//
//   build/test/tests/make_golden_shards tests/golden/v1
//
// Only for files that are new: it keeps what is there, and fails where it would write other bytes.
// That may happen with another version of flatbuffers and is no harm then; what counts is that the
// files that are there can be read for ever (tests/format/shards_golden_test.cc,
// tests/dataset/versions_golden_test.cc).

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "testing/golden_manifests.h"
#include "testing/golden_shards.h"

namespace {

// Writes a file, or sees that it has these bytes; false where it has others.
bool write_new(const std::filesystem::path& path, const std::vector<std::byte>& bytes) {
  const std::string made(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (std::filesystem::exists(path)) {
    std::ifstream file(path, std::ios::binary);
    const std::string found{std::istreambuf_iterator<char>(file), {}};
    if (found != made) {
      std::cerr << path.string() << " is kept; it would be made differently now\n";
    }
    return found == made;
  }
  std::filesystem::create_directories(path.parent_path());
  if (!std::ofstream(path, std::ios::binary)
           .write(made.data(), static_cast<std::streamsize>(made.size()))) {
    throw std::runtime_error("cannot write " + path.string());
  }
  std::cout << path.string() << ": " << made.size() << " bytes\n";
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_golden_shards DIRECTORY\n";
    return 2;
  }
  const std::filesystem::path directory = argv[1];
  bool same = true;
  for (const auto& [name, columns] : headrace::golden_shards()) {
    same &= write_new(
        directory / name,
        headrace::shard_bytes(columns, headrace::kGoldenRowsPerBatch, headrace::kGoldenMetadata));
  }
  same &=
      write_new(directory / headrace::kGoldenCompressed,
                headrace::shard_bytes(headrace::golden_compressed(), headrace::kGoldenRowsPerBatch,
                                      headrace::kGoldenMetadata, headrace::ShardEncoding::kZstd));
  for (const headrace::GoldenManifest& manifest : headrace::golden_manifests()) {
    same &= write_new(directory / manifest.name, manifest.bytes);
  }
  return same ? 0 : 1;
}
