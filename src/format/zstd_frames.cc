#include "format/zstd_frames.h"

#include <new>
#include <zstd.h>

namespace headrace {
namespace {

// zstd's own default. Level 1 writes twice as fast and reads no faster.
constexpr int kLevel = ZSTD_CLEVEL_DEFAULT;

// What RFC 8878 asks every reader to support: 8 MiB. Levels up to 19 need no more.
constexpr int kMostWindowLog = 23;

constexpr size_t kPiece = size_t{128} << 10;  // the most that a block of a frame holds

ZSTD_CCtx* compressing(void* context) noexcept { return static_cast<ZSTD_CCtx*>(context); }
ZSTD_DCtx* reading(void* context) noexcept { return static_cast<ZSTD_DCtx*>(context); }

}  // namespace

ZstdCompressor::ZstdCompressor() : context_(ZSTD_createCCtx()) {
  if (context_ == nullptr) {
    throw std::bad_alloc();
  }
  ZSTD_CCtx_setParameter(compressing(context_), ZSTD_c_compressionLevel, kLevel);
}

ZstdCompressor::~ZstdCompressor() { ZSTD_freeCCtx(compressing(context_)); }

void ZstdCompressor::append(std::span<const std::byte> bytes, std::vector<std::byte>& out) {
  const size_t before = out.size();
  out.resize(before + ZSTD_compressBound(bytes.size()));
  const size_t size = ZSTD_compress2(compressing(context_), out.data() + before,
                                     out.size() - before, bytes.data(), bytes.size());
  if (ZSTD_isError(size) != 0) {
    throw std::bad_alloc();  // with room for any frame, nothing else can fail
  }
  out.resize(before + size);
}

ZstdReader::ZstdReader()
    : context_(ZSTD_createDCtx()), piece_(std::make_unique_for_overwrite<std::byte[]>(kPiece)) {
  if (context_ == nullptr) {
    throw std::bad_alloc();
  }
  ZSTD_DCtx_setParameter(reading(context_), ZSTD_d_windowLogMax, kMostWindowLog);
}

ZstdReader::~ZstdReader() { ZSTD_freeDCtx(reading(context_)); }

void ZstdReader::begin(uint64_t bytes) noexcept {
  ZSTD_DCtx_reset(reading(context_), ZSTD_reset_session_only);
  left_ = bytes;
}

FrameState ZstdReader::feed(std::span<const std::byte> frame, const Consumer& out) {
  ZSTD_inBuffer input{frame.data(), frame.size(), 0};
  while (true) {
    ZSTD_outBuffer output{piece_.get(), kPiece, 0};
    const size_t result = ZSTD_decompressStream(reading(context_), &output, &input);
    if (ZSTD_isError(result) != 0 || output.pos > left_) {
      return FrameState::kBad;
    }
    left_ -= output.pos;
    if (output.pos > 0) {
      out({piece_.get(), output.pos});
    }
    if (result == 0) {
      return left_ == 0 && input.pos == input.size ? FrameState::kWhole : FrameState::kBad;
    }
    if (input.pos == input.size && output.pos < output.size) {
      return FrameState::kOpen;
    }
  }
}

}  // namespace headrace
