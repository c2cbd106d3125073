// A transform: the features of one text file, as one row. Options: width=... (2^18).

#include <algorithm>
#include <cstdint>
#include <headrace/transform.hpp>
#include <string_view>

namespace {

// A word: ASCII letters and digits, and every byte beyond ASCII; in lower case. 0 between words.
constexpr uint8_t folded(unsigned char c) {
  if (c >= 'A' && c <= 'Z') {
    return static_cast<uint8_t>(c + ('a' - 'A'));
  }
  return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : 0;
}

class Features {
 public:
  explicit Features(headrace::native::Setup& setup)
      : width_(setup.option("width", uint64_t{1} << 18)),
        totals_(setup.tensor<float>("totals", {3})),
        line_lengths_(setup.ragged<int32_t>("line_lengths")),
        words_(setup.csr<float>("words", width_)) {}

  void operator()(std::string_view text, const headrace_input&, headrace::native::Rows& rows) {
    auto lines = rows.writer(line_lengths_, 1, text.size() / 32);
    auto words = rows.writer(words_, 1, text.size() / 6);
    constexpr uint32_t kBasis = 2166136261;  // of FNV-1a, over the letters of a word
    uint32_t hash = kBasis;
    int32_t line = 0;
    float counts[3] = {static_cast<float>(text.size()), 0, 0};
    for (const char c : text) {
      if (const uint8_t letter = folded(static_cast<unsigned char>(c)); letter != 0) {
        hash = (hash ^ letter) * 16777619;
      } else if (hash != kBasis) {
        words.push(static_cast<int32_t>(hash % width_), 1);
        counts[1] += 1;
        hash = kBasis;
      }
      ++line;
      if (c == '\n') {
        lines.push(line);
        counts[2] += 1;
        line = 0;
      }
    }
    if (hash != kBasis) {
      words.push(static_cast<int32_t>(hash % width_), 1);
      counts[1] += 1;
    }
    lines.end_row();
    words.end_row();
    std::copy_n(counts, 3, rows.add(totals_));  // bytes, words, lines
  }

 private:
  uint64_t width_;
  headrace::native::Tensor<float> totals_;
  headrace::native::Ragged<int32_t> line_lengths_;
  headrace::native::Csr<float> words_;
};

}  // namespace

HEADRACE_TRANSFORM(Features)
