#pragma once

#include <cstddef>
#include <span>

namespace headrace {

// Where bytes go, one after another: a file that is being written, or memory in a test.
class ByteSink {
 public:
  ByteSink() = default;
  virtual ~ByteSink() = default;
  ByteSink(const ByteSink&) = delete;
  ByteSink& operator=(const ByteSink&) = delete;

  // Appends all of `bytes`. After it threw, what was written so far is good for nothing.
  virtual void write(std::span<const std::byte> bytes) = 0;
};

}  // namespace headrace
