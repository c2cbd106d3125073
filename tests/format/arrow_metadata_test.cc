#include "format/arrow_metadata.h"

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace headrace {
namespace {

// A flatbuffer that carries `metadata`.
class Carrier {
 public:
  explicit Carrier(const Metadata& metadata) {
    const auto metadata_at = build_metadata(builder_, metadata);
    builder_.Finish(
        flatbuf::CreateFooter(builder_, flatbuf::MetadataVersion::V5, 0, 0, 0, metadata_at));
  }

  const KeyValues* values() const {
    return flatbuffers::GetRoot<flatbuf::Footer>(builder_.GetBufferPointer())->custom_metadata();
  }

 private:
  flatbuffers::FlatBufferBuilder builder_;
};

TEST(ArrowMetadata, IsFoundByItsKey) {
  const Carrier carrier({{"a", "1"}, {"b", std::string("\0x", 2)}, {"", "empty"}});
  EXPECT_EQ(text_of(value_of(carrier.values(), "a", "f")), "1");
  EXPECT_EQ(text_of(value_of(carrier.values(), "b", "f")), std::string_view("\0x", 2));
  EXPECT_EQ(text_of(value_of(carrier.values(), "", "f")), "empty");
  EXPECT_EQ(value_of(carrier.values(), "c", "f"), nullptr);
}

TEST(ArrowMetadata, ThatIsEmptyIsLeftOut) {
  const Carrier carrier({});
  EXPECT_EQ(carrier.values(), nullptr);
  EXPECT_EQ(value_of(nullptr, "a", "f"), nullptr);
  EXPECT_EQ(text_of(nullptr), "");
}

TEST(ArrowMetadata, WithTwoValuesForAKeyIsCorrupt) {
  const Carrier carrier({{"a", "1"}, {"a", "1"}, {"b", "2"}});
  expect_error(ErrorCode::kCorrupt, {"f", "two for a"},
               [&] { value_of(carrier.values(), "a", "f"); });
  EXPECT_EQ(text_of(value_of(carrier.values(), "b", "f")), "2");
}

}  // namespace
}  // namespace headrace
