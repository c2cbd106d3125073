// The two ways to write a transform, plain C99 and headrace/transform.hpp, make the same rows.

#include <cstdint>
#include <cstring>
#include <headrace/transform.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "transform/plugin.h"

namespace headrace {
namespace {

// What testing/lines_transform.c does.
class Lines {
 public:
  explicit Lines(native::Setup& setup)
      : most_(setup.option("most", int64_t{1000})),
        size_(setup.tensor<int64_t>("size")),
        lines_(setup.ragged<int32_t>("lines")),
        letters_(setup.csr<float>("letters", 26)),
        seen_(setup.csr<void, uint16_t>("seen", 26)),
        first_(setup.text("first")) {
    if (most_ < 0) {
      throw std::invalid_argument("most must not be negative");
    }
  }

  void operator()(std::string_view text, const headrace_input& /*input*/, native::Rows& rows) {
    if (!text.empty() && text.front() == '!') {
      throw std::runtime_error("it begins with '!'");
    }
    if (static_cast<int64_t>(text.size()) > most_) {
      throw 3;
    }
    *rows.add(size_) = static_cast<int64_t>(text.size());
    auto lines = rows.writer(lines_, 1, 1);
    std::string_view rest = text;
    for (size_t end = 0; end != std::string_view::npos;) {
      end = rest.find('\n');
      lines.push(static_cast<int32_t>(rest.substr(0, end).size()));
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    lines.end_row();
    float counts[26] = {};
    for (const char c : text) {
      if (c >= 'a' && c <= 'z') {
        counts[c - 'a'] += 1;
      }
    }
    auto letters = rows.writer(letters_);
    auto seen = rows.writer(seen_);
    for (int32_t letter = 0; letter < 26; ++letter) {
      if (counts[letter] > 0) {
        letters.push(letter, counts[letter]);
        seen.push_index(static_cast<uint16_t>(letter));
      }
    }
    letters.end_row();
    seen.end_row();
    rows.writer(first_).row(text.substr(0, text.find('\n')));
    if (text == "open row") {
      rows.writer(lines_).push(1);
    }
  }

 private:
  int64_t most_;
  native::Tensor<int64_t> size_;
  native::Ragged<int32_t> lines_;
  native::Csr<float> letters_;
  native::Csr<void, uint16_t> seen_;
  native::Bytes first_;
};

const headrace_transform* lines_in_cpp() { return native::Table<Lines>::get("Lines"); }

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string_view content(const BuiltColumn::Part& part) {
  return part.bytes == 0
             ? std::string_view()
             : std::string_view(reinterpret_cast<const char*>(part.memory.get()), part.bytes);
}

TEST(TransformHeaders, MakeTheSameRowsInCAndInCpp) {
  Plugin c(headrace_transform_table(), "c", "");
  Plugin cpp(lines_in_cpp(), "cpp", "");
  EXPECT_EQ(c.schema(), cpp.schema());
  std::string many;
  for (int i = 0; i < 300; ++i) {
    many += std::string(static_cast<size_t>(i % 5), static_cast<char>('a' + i % 26)) + "\n";
  }
  const std::vector<std::string> inputs = {"", "\n", "one\ntwo and more\n", "no end", many};
  for (const std::string& input : inputs) {
    c.process(bytes_of(input), {.name = "c"});
    cpp.process(bytes_of(input), {.name = "cpp"});
  }
  const std::vector<BuiltColumn> left = c.take();
  const std::vector<BuiltColumn> right = cpp.take();
  for (size_t column = 0; column < left.size(); ++column) {
    EXPECT_EQ(left[column].rows, inputs.size());
    EXPECT_EQ(right[column].rows, inputs.size());
    EXPECT_EQ(content(left[column].values), content(right[column].values)) << column;
    EXPECT_EQ(content(left[column].offsets), content(right[column].offsets)) << column;
    EXPECT_EQ(content(left[column].indices), content(right[column].indices)) << column;
  }
  EXPECT_GT(left[1].elements, 300U);
}

TEST(TransformHeaders, TellTheTextOfAnExceptionAsOfAnError) {
  Plugin c(headrace_transform_table(), "c", "");
  Plugin cpp(lines_in_cpp(), "cpp", "");
  for (Plugin* plugin : {&c, &cpp}) {
    expect_error(ErrorCode::kTransform, {"refused x: it begins with '!'"},
                 [&] { plugin->process(bytes_of("!"), {.name = "x"}); });
  }
  expect_error(ErrorCode::kTransform, {"no std::exception"},
               [&] { cpp.process(bytes_of(std::string(1001, ' ')), {.name = "x"}); });
  expect_error(ErrorCode::kTransform, {"end_row"},
               [&] { cpp.process(bytes_of("open row"), {.name = "x"}); });
}

TEST(TransformHeaders, ReadOptionsByName) {
  Plugin short_only(lines_in_cpp(), "cpp", "most=3");
  EXPECT_EQ(short_only.process(bytes_of("abc"), {.name = "x"}), 1U);
  EXPECT_THROW(short_only.process(bytes_of("abcd"), {.name = "x"}), Error);
  expect_error(ErrorCode::kTransform, {"most cannot be 3x"},
               [] { Plugin(lines_in_cpp(), "cpp", "most=3x"); });
  expect_error(ErrorCode::kTransform, {"no option mots"},
               [] { Plugin(lines_in_cpp(), "cpp", "mots=3"); });
  expect_error(ErrorCode::kTransform, {"negative"},
               [] { Plugin(lines_in_cpp(), "cpp", "\nmost=-1\n"); });
  expect_error(ErrorCode::kTransform, {"these options are refused"},
               [] { Plugin(headrace_transform_table(), "c", "refuse"); });
}

}  // namespace
}  // namespace headrace
