#include "format/zstd_frames.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <string_view>

#include <gtest/gtest.h>

namespace headrace {
namespace {

using Bytes = std::vector<std::byte>;

Bytes random_bytes(size_t size, uint32_t values) {
  std::mt19937 random(size);
  Bytes bytes(size);
  std::ranges::generate(bytes, [&] { return static_cast<std::byte>(random() % values); });
  return bytes;
}

Bytes frame_of(std::span<const std::byte> bytes) {
  ZstdCompressor compressor;
  Bytes frame;
  compressor.append(bytes, frame);
  return frame;
}

// What a reader makes of `frame`, given in pieces of that size.
std::pair<FrameState, Bytes> read(std::span<const std::byte> frame, uint64_t announced,
                                  size_t piece) {
  ZstdReader reader;
  reader.begin(announced);
  Bytes result;
  FrameState state = FrameState::kOpen;
  for (size_t at = 0; at < frame.size() && state == FrameState::kOpen; at += piece) {
    state = reader.feed(frame.subspan(at, std::min(piece, frame.size() - at)),
                        [&](std::span<const std::byte> out) {
                          EXPECT_LE(out.size(), size_t{128} << 10);
                          result.insert(result.end(), out.begin(), out.end());
                        });
  }
  return {state, result};
}

TEST(ZstdFrames, ComeBackInPiecesOfAnySize) {
  for (const size_t size : {size_t{1}, size_t{100}, size_t{300'000}, size_t{3'000'000}}) {
    for (const uint32_t values : {2U, 256U}) {
      const Bytes bytes = random_bytes(size, values);
      const Bytes frame = frame_of(bytes);
      for (const size_t piece : {size_t{4096}, size_t{1} << 20}) {
        const auto [state, result] = read(frame, size, piece);
        EXPECT_EQ(state, FrameState::kWhole);
        EXPECT_EQ(result, bytes);
      }
    }
  }
  const Bytes bytes = random_bytes(500, 4);
  EXPECT_EQ(read(frame_of(bytes), bytes.size(), 1).second, bytes);
}

TEST(ZstdFrames, AreAppended) {
  ZstdCompressor compressor;
  Bytes out = random_bytes(10, 256);
  const Bytes before = out;
  const Bytes bytes = random_bytes(1000, 3);
  compressor.append(bytes, out);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), out.begin()));
  EXPECT_EQ(read(std::span(out).subspan(10), 1000, 1 << 20).second, bytes);
}

TEST(ZstdReader, LetsNoMoreOutThanWasAnnounced) {
  const Bytes zeros(50'000'000);
  const Bytes frame = frame_of(zeros);
  ASSERT_LT(frame.size(), 10'000U);
  for (const uint64_t announced : {uint64_t{0}, uint64_t{1}, uint64_t{200'000}}) {
    const auto [state, result] = read(frame, announced, 64);
    EXPECT_EQ(state, FrameState::kBad);
    EXPECT_LE(result.size(), announced);
  }
  EXPECT_EQ(read(frame, zeros.size() + 1, 1 << 20).first, FrameState::kBad);
}

TEST(ZstdReader, RefusesWhatIsNoWholeFrame) {
  const Bytes bytes = random_bytes(1000, 3);
  const Bytes frame = frame_of(bytes);
  EXPECT_EQ(read(std::span(frame).first(frame.size() - 1), 1000, 1 << 20).first, FrameState::kOpen);
  Bytes longer = frame;
  longer.push_back(std::byte{0});
  EXPECT_EQ(read(longer, 1000, 1 << 20).first, FrameState::kBad);
  Bytes twice = frame;
  twice.insert(twice.end(), frame.begin(), frame.end());
  EXPECT_EQ(read(twice, 2000, 1 << 20).first, FrameState::kBad);
  EXPECT_EQ(read(random_bytes(1000, 256), 1000, 1 << 20).first, FrameState::kBad);
  // A skippable frame holds nothing.
  const std::array<unsigned char, 12> skippable = {0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4};
  EXPECT_EQ(read(std::as_bytes(std::span(skippable)), 4, 1 << 20).first, FrameState::kBad);
}

TEST(ZstdReader, RefusesWindowsThatTakeMuchMemory) {
  // Magic, a descriptor without a size, a window of 2 GiB.
  const std::array<unsigned char, 6> large = {0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3};
  EXPECT_EQ(read(std::as_bytes(std::span(large)), 1 << 30, 64).first, FrameState::kBad);
  const std::array<unsigned char, 6> small = {0x28, 0xB5, 0x2F, 0xFD, 0x00, 13 << 3};
  EXPECT_EQ(read(std::as_bytes(std::span(small)), 1 << 30, 64).first, FrameState::kOpen);
}

TEST(ZstdReader, BeginsAnewAfterAnything) {
  const Bytes bytes = random_bytes(1000, 3);
  const Bytes frame = frame_of(bytes);
  ZstdReader reader;
  const auto drop = [](std::span<const std::byte>) {};
  reader.begin(1000);
  EXPECT_EQ(reader.feed(std::span(frame).first(20), drop), FrameState::kOpen);
  reader.begin(5);
  EXPECT_EQ(reader.feed(frame, drop), FrameState::kBad);
  reader.begin(1000);
  EXPECT_THROW(reader.feed(frame, [](auto) { throw 1; }), int);
  reader.begin(1000);
  EXPECT_EQ(reader.feed(frame, drop), FrameState::kWhole);
}

}  // namespace
}  // namespace headrace
