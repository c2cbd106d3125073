#include "transform/text_split.h"

#include <algorithm>
#include <optional>

namespace headrace {
namespace {

constexpr size_t kNone = std::string_view::npos;

// The lines of a text, one after another. Each kind of line end is looked for once, however many
// there are of the other.
class Lines {
 public:
  Lines(std::string_view text, bool at_end) : text_(text), at_end_(at_end) {}

  // Behind the end of the last line that next() gave.
  size_t at() const noexcept { return at_; }

  // The next line without its end; nothing where there is no whole one.
  std::optional<std::string_view> next() {
    if (newline_ != kNone && newline_ < at_) {
      newline_ = text_.find('\n', at_);
    }
    if (return_ != kNone && return_ < at_) {
      return_ = text_.find('\r', at_);
    }
    const size_t end = std::min(newline_, return_);
    if (end == kNone) {
      if (!at_end_ || at_ == text_.size()) {
        return std::nullopt;
      }
      return take(text_.size(), text_.size());
    }
    if (end == newline_) {
      return take(end, end + 1);
    }
    if (end + 1 == text_.size() && !at_end_) {
      return std::nullopt;  // a \n may follow, which belongs to this end
    }
    return take(end, newline_ == end + 1 ? end + 2 : end + 1);
  }

 private:
  std::string_view take(size_t end, size_t behind) {
    const std::string_view line = text_.substr(at_, end - at_);
    at_ = behind;
    return line;
  }

  std::string_view text_;
  bool at_end_;
  size_t at_ = 0;
  size_t newline_ = text_.find('\n');
  size_t return_ = text_.find('\r');
};

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\v\f") == kNone; }

size_t split_paragraphs(std::string_view text, bool at_end, size_t most,
                        std::vector<std::string_view>& documents) {
  Lines lines(text, at_end);
  size_t begin = kNone;
  size_t end = 0;
  size_t done = 0;
  const auto finish = [&] {
    if (begin != kNone) {
      documents.push_back(text.substr(begin, end - begin));
      begin = kNone;
    }
  };
  while (documents.size() < most) {
    const std::optional<std::string_view> line = lines.next();
    if (!line) {
      break;
    }
    const auto first = static_cast<size_t>(line->data() - text.data());
    if (is_blank(*line)) {
      finish();
    } else {
      begin = begin == kNone ? first : begin;
      end = first + line->size();
    }
    done = begin == kNone ? lines.at() : begin;
  }
  if (at_end && documents.size() < most) {
    finish();
    done = text.size();
  }
  return done;
}

}  // namespace

size_t split_text(std::string_view text, bool at_end, TextSplit split, size_t most,
                  std::vector<std::string_view>& documents) {
  switch (split) {
    case TextSplit::kParagraph:
      return split_paragraphs(text, at_end, most, documents);
    case TextSplit::kFile:
      if (at_end) {
        documents.push_back(text);
        return text.size();
      }
      return 0;
    case TextSplit::kLine:
      break;
  }
  Lines lines(text, at_end);
  while (documents.size() < most) {
    const std::optional<std::string_view> line = lines.next();
    if (!line) {
      break;
    }
    documents.push_back(*line);
  }
  return lines.at();
}

}  // namespace headrace
