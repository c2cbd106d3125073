#include "engine/plugin_lots.h"

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace headrace {
namespace {

using Input = PluginLots::Input;

void nothing() {}

std::shared_ptr<const PluginLibrary> lines() {
  return std::make_shared<const PluginLibrary>(HEADRACE_TEST_TRANSFORM, "lines.so", "");
}

PluginLots lots_of(const std::shared_ptr<const PluginLibrary>& library, uint64_t threads,
                   uint64_t places) {
  return {library, library->open()->schema(), {.threads = threads, .places = places}};
}

Input bytes(const std::string& text) { return {.bytes = std::as_bytes(std::span(text))}; }

// The first column of some rows: how long their inputs are.
std::vector<int64_t> sizes_in(const PluginLots::Rows& rows) {
  const BuiltColumn& column = rows.columns.value().at(0);
  std::vector<int64_t> sizes(column.rows);
  std::memcpy(sizes.data(), column.values.memory.get(), sizes.size() * sizeof(int64_t));
  return sizes;
}

TEST(PluginLots, GivesTheRowsOfLotsInTheirOrder) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < 60; ++i) {
    texts.emplace_back(i, 'q');
  }
  for (const uint64_t threads : {1U, 3U}) {
    PluginLots lots = lots_of(lines(), threads, 4);
    std::vector<int64_t> sizes;
    size_t added = 0;
    while (sizes.size() < texts.size()) {
      while (added < texts.size() && added - 5 * lots.taken() < 4 * 5) {
        std::vector<Input> lot;
        for (size_t i = 0; i < 5; ++i) {
          lot.push_back(bytes(texts[added++]));
        }
        lots.add(std::move(lot));
      }
      const auto rows = lots.next(nothing);
      ASSERT_TRUE(rows.has_value());
      EXPECT_EQ(rows->inputs, 5U);
      EXPECT_GE(rows->seconds, 0.0);
      for (const int64_t size : sizes_in(*rows)) {
        EXPECT_EQ(size, static_cast<int64_t>(sizes.size()));
        sizes.push_back(size);
      }
    }
    EXPECT_FALSE(lots.next(nothing).has_value());
    lots.add({bytes(texts[7])});  // more may come behind the end
    EXPECT_EQ(sizes_in(lots.next(nothing).value()), std::vector<int64_t>{7});
  }
}

TEST(PluginLots, LeavesOutWhatFailsAndGoesOnBehindIt) {
  const TempDir dir;
  const std::string fine = "fine";
  const std::string bad = "!";
  const std::string path = dir.write("file", std::vector<char>{'a', 'b'});
  PluginLots lots = lots_of(lines(), 2, 2);
  lots.add({bytes(bad),
            bytes(fine),
            bytes(fine),
            bytes(bad),
            {.is_file = true, .path = dir.path("gone")},
            {.is_file = true, .path = path}});
  std::vector<uint64_t> inputs;
  std::vector<bool> failed;
  while (const auto rows = lots.next(nothing)) {
    inputs.push_back(rows->inputs);
    failed.push_back(!rows->columns.has_value());
    if (inputs.size() == 5) {
      EXPECT_EQ(sizes_in(*rows), std::vector<int64_t>{2});
    }
  }
  EXPECT_EQ(inputs, (std::vector<uint64_t>{1, 2, 1, 1, 1}));
  EXPECT_EQ(failed, (std::vector<bool>{true, false, true, true, false}));
  EXPECT_EQ(lots.taken(), 1U);
}

TEST(PluginLots, PassesOverALotWithoutInputs) {
  const std::string text = "text";
  PluginLots lots = lots_of(lines(), 1, 2);
  lots.add({});
  lots.add({bytes(text)});
  EXPECT_EQ(sizes_in(lots.next(nothing).value()), std::vector<int64_t>{4});
  EXPECT_EQ(lots.taken(), 2U);
}

TEST(PluginLots, LosesNothingWhenAPollThrows) {
  const std::string text = "text";
  PluginLots lots = lots_of(lines(), 1, 2);
  lots.add({bytes(text)});
  EXPECT_THROW(lots.next([] { throw std::runtime_error("Ctrl-C"); }), std::runtime_error);
  EXPECT_EQ(sizes_in(lots.next(nothing).value()), std::vector<int64_t>{4});
}

TEST(PluginLots, EndsWithLotsThatNobodyTook) {
  const std::string text = "text";
  PluginLots lots = lots_of(lines(), 2, 8);
  for (int i = 0; i < 8; ++i) {
    lots.add(std::vector<Input>(100, bytes(text)));
  }
  EXPECT_TRUE(lots.next(nothing).has_value());
}

}  // namespace
}  // namespace headrace
