#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "storage/byte_sink.h"

namespace headrace {

// Keeps what is written, and counts the calls.
class MemorySink : public ByteSink {
 public:
  void write(std::span<const std::byte> bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    ++writes_;
  }

  const std::vector<std::byte>& bytes() const noexcept { return bytes_; }
  size_t writes() const noexcept { return writes_; }

 private:
  std::vector<std::byte> bytes_;
  size_t writes_ = 0;
};

}  // namespace headrace
