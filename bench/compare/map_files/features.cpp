// text_features.h as a plug-in of headrace.

#include <headrace/transform.hpp>
#include <vector>

#include "text_features.h"

class Features {
 public:
  explicit Features(headrace::native::Setup& setup)
      : totals_(setup.tensor<float>("totals", {3})),
        lines_(setup.ragged<int32_t>("lines")),
        words_(setup.ragged<int32_t>("words")) {}

  void operator()(std::string_view text, const headrace_input&, headrace::native::Rows& rows) {
    auto lines = rows.writer(lines_, 1, text.size() / 32);
    auto words = rows.writer(words_, 1, text.size() / 4);
    text_features(
        text, hashes_, rows.add(totals_), [&](int32_t word) { words.push(word); },
        [&](int32_t line) { lines.push(line); });
    lines.end_row();
    words.end_row();
  }

 private:
  headrace::native::Tensor<float> totals_;
  headrace::native::Ragged<int32_t> lines_;
  headrace::native::Ragged<int32_t> words_;
  std::vector<uint32_t> hashes_;
};

HEADRACE_TRANSFORM(Features)
