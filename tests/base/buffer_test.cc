#include "base/buffer.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <sys/mman.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

bool aligned(const std::byte* data) {
  return reinterpret_cast<uintptr_t>(data) % kBufferAlignment == 0;
}

TEST(AllocateAligned, GivesWritableMemoryOnACacheLine) {
  for (const uint64_t size : {0, 1, 63, 64, 65, 4096, 100'000}) {
    const AlignedBytes bytes(allocate_aligned(size));
    ASSERT_NE(bytes.get(), nullptr) << size;
    EXPECT_TRUE(aligned(bytes.get())) << size;
    std::memset(bytes.get(), 0xAB, size);
  }
}

// The flags of the mapping that holds `data`, as /proc/self/smaps has them: " rd wr ... hg".
std::string mapping_flags(const std::byte* data) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " ", &begin, &end) == 2) {
      inside = begin <= address && address < end;
    } else if (inside && line.starts_with("VmFlags:")) {
      return line;
    }
  }
  return {};
}

TEST(AllocateAligned, AsksForHugePagesForLargeMemory) {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage")) {
    GTEST_SKIP() << "this kernel has no huge pages";
  }
  constexpr uint64_t kLarge = uint64_t{4} << 20;
  const AlignedBytes large(allocate_aligned(kLarge));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(large.get()) % (2 << 20), 0U);
  EXPECT_NE(mapping_flags(large.get()).find(" hg"), std::string::npos);
  std::memset(large.get(), 0xAB, kLarge);
}

TEST(AllocatePresent, HasItsPagesAlready) {
  constexpr uint64_t kPage = 4096;
  constexpr uint64_t kBytes = uint64_t{1} << 20;
  const AlignedBytes bytes(allocate_present(kBytes));
  EXPECT_TRUE(aligned(bytes.get()));
  std::byte* const whole = bytes.get() + kPage - reinterpret_cast<uintptr_t>(bytes.get()) % kPage;
  if (::madvise(whole, kPage, 23) != 0) {
    GTEST_SKIP() << "this kernel has no MADV_POPULATE_WRITE";
  }
  std::vector<unsigned char> resident(kBytes / kPage - 1);
  ASSERT_EQ(::mincore(whole, resident.size() * kPage, resident.data()), 0);
  EXPECT_EQ(std::count_if(resident.begin(), resident.end(), [](auto page) { return page & 1; }),
            static_cast<int64_t>(resident.size()));
  for (const uint64_t size : {0, 1, 4095, 4097, 100'000}) {
    const AlignedBytes small(allocate_present(size));
    std::memset(small.get(), 0xAB, size);
  }
}

TEST(AllocateAligned, RefusesASizeWhoseRoundingWouldWrap) {
  for (const uint64_t size : {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - kBufferAlignment + 1}) {
    EXPECT_THROW(free_aligned(allocate_aligned(size)), std::bad_alloc) << size;
  }
}

TEST(FreeAligned, AcceptsNull) { free_aligned(nullptr); }

TEST(Buffer, IsEmptyByDefault) {
  const Buffer buffer;
  EXPECT_EQ(buffer.size(), 0U);
  EXPECT_TRUE(buffer.bytes().empty());
}

TEST(Buffer, CopyOfOwnsAlignedBytesOfItsOwn) {
  std::vector<std::byte> bytes(1000, std::byte{5});
  const Buffer buffer = Buffer::copy_of(bytes);
  bytes.assign(bytes.size(), std::byte{6});
  EXPECT_TRUE(aligned(buffer.data()));
  ASSERT_EQ(buffer.size(), 1000U);
  for (const std::byte byte : buffer.bytes()) {
    ASSERT_EQ(byte, std::byte{5});
  }
}

TEST(Buffer, CopyOfNothingIsEmpty) { EXPECT_EQ(Buffer::copy_of({}).size(), 0U); }

TEST(Buffer, KeepsItsOwnerUntilTheLastCopyIsGone) {
  const auto owner = std::make_shared<std::vector<std::byte>>(8, std::byte{1});
  Buffer first(owner, owner->data(), owner->size());
  Buffer second = first;
  EXPECT_EQ(owner.use_count(), 3);
  EXPECT_EQ(first.data(), second.data());
  first = Buffer();
  EXPECT_EQ(owner.use_count(), 2);
  Buffer third = std::move(second);
  EXPECT_EQ(owner.use_count(), 2);
  EXPECT_EQ(third.bytes()[7], std::byte{1});
  third = Buffer();
  EXPECT_EQ(owner.use_count(), 1);
}

}  // namespace
}  // namespace headrace
