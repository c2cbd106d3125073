#pragma once

#include <cstddef>
#include <cstdint>
#include <headrace/transform.h>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "column/schema.h"
#include "transform/column_builder.h"

namespace headrace {

// What a plug-in is told of an input beside its bytes.
struct PluginInput {
  std::string_view name;  // for messages; the plug-in does not see it
  uint64_t seed = 0;
  uint64_t epoch = 0;
  uint64_t position = 0;
};

// One open() of a user's transform, and the rows that it makes. Nothing that the plug-in says or
// does within its callbacks is believed: counts, offsets, indices, text and names are checked, and
// what is wrong is an Error with its name, the input and its own text. (Native code that writes
// elsewhere cannot be checked.) For one thread at a time.
class Plugin {
 public:
  // Calls open(). `library` is what messages call the plug-in. Throws kUnsupported for another
  // version of the ABI; kTransform with the plug-in's text where it refuses the options, and for
  // columns that cannot be. Requires: the table outlives
  // this.
  Plugin(const headrace_transform* table, std::string library, std::string_view options);
  ~Plugin();
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  const Schema& schema() const noexcept { return schema_; }

  // Appends the rows of an input. Throws kTransform, and then the rows are those of before. Returns
  // how many rows were added.
  uint64_t process(std::span<const std::byte> bytes, const PluginInput& input);

  uint64_t rows() const noexcept { return columns_.front().rows(); }

  // Drops all rows.
  void clear() noexcept;

  // The rows, column by column; there are none from then on. See ColumnBuilder::take().
  std::vector<BuiltColumn> take(SmallBlocks* blocks = nullptr);

 private:
  struct Callbacks;

  // What the plug-in's callbacks found wrong; the first counts.
  struct Failure {
    bool failed = false;
    bool in_its_words = false;
    bool no_memory = false;
    std::string text;
    std::string column;
  };

  void open(std::string_view options);
  int32_t call_open(std::string_view options, const headrace_setup& setup);
  void truncate(uint64_t rows) noexcept;
  void run(std::span<const std::byte> bytes, const PluginInput& input);
  void check_rows(uint64_t before) const;
  Error error(const std::string& what, const Failure& failure) const;

  const headrace_transform* table_;
  std::string library_;
  void* state_ = nullptr;
  Schema schema_;
  std::vector<ColumnBuilder> columns_;
  Failure failure_;
};

}  // namespace headrace
