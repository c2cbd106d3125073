#include "dataset/read_faults.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "testing/datasets.h"
#include "testing/errors.h"

namespace headrace {
namespace {

TEST(ReadFaults, NameTheFileWhoseMapHoldsTheAddress) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "f", {counting("x", 10)}, {4, 6});
  const RowSpace& space = *dataset->groups().front();
  const std::byte* byte = space.piece(1).source->open().columns.front().rows;
  const Error whole =
      expect_error(ErrorCode::kIo, {"f-x-1.bin"}, [&] { throw_read_fault(space, byte); });
  EXPECT_EQ(whole.context().file, dir.path("f-x-1.bin"));
  std::filesystem::resize_file(dir.path("f-x-1.bin"), 40);
  expect_error(ErrorCode::kTruncated, {"f-x-1.bin"}, [&] { throw_read_fault(space, byte); });
}

TEST(ReadFaults, AnAddressOfNoMapIsSaidToBeMemory) {
  const DatasetPtr dataset = in_memory({counting("x", 10)});
  expect_error(ErrorCode::kIo, {"from_arrays"},
               [&] { throw_read_fault(*dataset->groups().front(), &dataset); });
}

}  // namespace
}  // namespace headrace
