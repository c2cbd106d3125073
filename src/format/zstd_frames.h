#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

// Bytes to zstd frames (RFC 8878) and back, by the zstd library. One thread at a time.
namespace headrace {

// Makes frames.
class ZstdCompressor {
 public:
  // Throws std::bad_alloc.
  ZstdCompressor();
  ~ZstdCompressor();
  ZstdCompressor(const ZstdCompressor&) = delete;
  ZstdCompressor& operator=(const ZstdCompressor&) = delete;

  // Appends one frame of all of `bytes` to `out`. Throws std::bad_alloc.
  void append(std::span<const std::byte> bytes, std::vector<std::byte>& out);

 private:
  void* context_;  // ZSTD_CCtx, kept out of this header
};

// Whether a frame is read to its end.
enum class FrameState : uint8_t {
  kOpen,   // more of it is needed
  kWhole,  // it ended, and gave as many bytes as it was said to
  kBad,    // damaged, no zstd, not of that size, or more than a frame
};

// Reads frames from anybody, one after another, in pieces: whatever they hold, memory stays below
// 9 MB, and no more comes out than was announced.
class ZstdReader {
 public:
  using Consumer = std::function<void(std::span<const std::byte>)>;

  // Throws std::bad_alloc.
  ZstdReader();
  ~ZstdReader();
  ZstdReader(const ZstdReader&) = delete;
  ZstdReader& operator=(const ZstdReader&) = delete;

  // Begins a frame that is said to hold `bytes` bytes, and forgets the one before.
  void begin(uint64_t bytes) noexcept;

  // Takes the next bytes of the frame and gives what they expand to to `out`, in pieces of at most
  // 128 KiB. Throws what `out` throws; then begin() again. Requires: the frame is open.
  FrameState feed(std::span<const std::byte> frame, const Consumer& out);

 private:
  void* context_;  // ZSTD_DCtx
  std::unique_ptr<std::byte[]> piece_;
  uint64_t left_ = 0;  // of the announced bytes
};

}  // namespace headrace
