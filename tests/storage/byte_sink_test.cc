#include "storage/byte_sink.h"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

class CollectingSink final : public ByteSink {
 public:
  CollectingSink(std::vector<std::byte>& out, bool& gone) : out_(out), gone_(gone) {}
  ~CollectingSink() override { gone_ = true; }

  void write(std::span<const std::byte> bytes) override {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }

 private:
  std::vector<std::byte>& out_;
  bool& gone_;
};

TEST(ByteSink, IsWrittenToAndDroppedThroughTheInterface) {
  std::vector<std::byte> out;
  bool gone = false;
  std::unique_ptr<ByteSink> sink = std::make_unique<CollectingSink>(out, gone);
  const std::vector<std::byte> bytes = {std::byte{1}, std::byte{2}};
  sink->write(bytes);
  sink->write(std::span(bytes).first(1));
  EXPECT_EQ(out, (std::vector<std::byte>{std::byte{1}, std::byte{2}, std::byte{1}}));
  sink.reset();
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace headrace
