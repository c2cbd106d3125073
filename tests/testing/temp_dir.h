#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {

// A fresh directory that is removed with everything in it at the end of the test.
class TempDir {
 public:
  TempDir() : path_(testing::TempDir() + "/headrace-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) {
      throw std::runtime_error("no temporary directory under " + testing::TempDir());
    }
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const noexcept { return path_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }

  // Writes a file, replacing the bytes of one that exists; returns its path.
  std::string write(const std::string& name, std::span<const std::byte> bytes) const {
    std::ofstream file(path(name), std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) {
      throw std::runtime_error("cannot write " + path(name));
    }
    return path(name);
  }

  template <typename T>
  std::string write(const std::string& name, const std::vector<T>& values) const {
    return write(name, std::as_bytes(std::span(values)));
  }

  // A file of `size` bytes of the value `fill`.
  std::string fill(const std::string& name, size_t size, std::byte fill = std::byte{7}) const {
    return write(name, std::vector<std::byte>(size, fill));
  }

 private:
  std::string path_;
};

}  // namespace headrace
