#include "transform/svmlight.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/quoted_bytes.h"
#include "transform/digits.h"

namespace headrace {
namespace {

enum : uint8_t { kBlank = 1, kLineEnd = 2, kComment = 4, kDigit = 8 };

// What each byte is; bytes of words other than digits are 0.
constexpr std::array<uint8_t, 256> kKinds = [] {
  std::array<uint8_t, 256> kinds{};
  for (const char c : {' ', '\t', '\v', '\f', '\r'}) {
    kinds[static_cast<uint8_t>(c)] = kBlank;
  }
  kinds['\n'] = kLineEnd;
  kinds['#'] = kComment;
  for (char c = '0'; c <= '9'; ++c) {
    kinds[static_cast<uint8_t>(c)] = kDigit;
  }
  return kinds;
}();

bool is(char c, uint8_t kind) noexcept { return (kKinds[static_cast<uint8_t>(c)] & kind) != 0; }

// Whether a word ends before `c`.
bool ends_word(char c) noexcept { return is(c, kBlank | kLineEnd | kComment); }

// The word that begins at `at`; one that ends lies in every piece.
std::string_view word_at(const char* at) noexcept {
  const char* end = at;
  while (!ends_word(*end)) {
    ++end;
  }
  return {at, static_cast<size_t>(end - at)};
}

const char* end_of(std::string_view word) noexcept { return word.data() + word.size(); }

struct ForeignStart {
  std::string_view bytes;
  const char* what;
};

// What files begin with that are often taken for text by mistake.
constexpr std::array kForeignStarts = {
    ForeignStart{"\xEF\xBB\xBF",
                 "the file begins with a byte order mark (\\xef\\xbb\\xbf); save it as UTF-8 "
                 "without one"},
    ForeignStart{"\xFF\xFE", "the file is UTF-16; convert it: iconv -f utf-16 -t utf-8"},
    ForeignStart{"\xFE\xFF", "the file is UTF-16; convert it: iconv -f utf-16 -t utf-8"},
    ForeignStart{"\x1F\x8B", "the file is compressed by gzip; decompress it first: gunzip"},
    ForeignStart{"\x28\xB5\x2F\xFD", "the file is compressed by zstd; decompress it first: unzstd"},
    ForeignStart{"BZh", "the file is compressed by bzip2; decompress it first: bunzip2"},
    ForeignStart{"\xFD"
                 "7zXZ",
                 "the file is compressed by xz; decompress it first: unxz"},
};

// What the file is whose first bytes are at `at`; nullptr where they tell nothing.
const char* foreign_start(const char* at) noexcept {
  for (const ForeignStart& start : kForeignStarts) {
    static_assert(SvmlightParser::kPadding >= 8, "all of them can be read");
    if (std::memcmp(at, start.bytes.data(), start.bytes.size()) == 0) {
      return start.what;
    }
  }
  return nullptr;
}

// A whole number, also with a plus. Returns the error of std::from_chars().
std::errc parse_integer(std::string_view text, int64_t& value) noexcept {
  if (text.size() > 1 && text.front() == '+' && is(text[1], kDigit)) {
    text.remove_prefix(1);
  }
  const auto [end, error] = std::from_chars(text.data(), end_of(text), value);
  return error == std::errc{} && end != end_of(text) ? std::errc::invalid_argument : error;
}

// Reads "12:0.5" where it is written in few digits and ends a word. Returns where it ends, or
// nullptr where read_pair() must look at it.
//
// One look at 32 bytes finds all places: where the next pair begins is known long before this one's
// numbers are made of digits, so that the processor works on several pairs at a time.
[[gnu::always_inline]] inline const char* read_short_pair(const char* at, int64_t& index,
                                                          double& value) noexcept {
  uint32_t others = other_bytes(at);
  const auto next_other = [&others] {
    const auto place = static_cast<unsigned>(std::countr_zero(others));  // 32 for none
    others &= others - 1;
    return place;
  };
  const unsigned colon = next_other();
  if (colon == 0 || colon > 8 || at[colon] != ':') {
    return nullptr;
  }
  const bool negative = at[colon + 1] == '-';
  if (negative) {
    next_other();
  }
  const unsigned whole = colon + 1 + (negative ? 1 : 0);
  const unsigned point = next_other();
  const bool has_point = point < 32 && at[point] == '.';
  const unsigned fraction = point + 1;
  const unsigned end = has_point ? next_other() : point;
  const unsigned fraction_count = has_point ? end - fraction : 0;
  if (end >= 32 || fraction_count > kMostFractionDigits || !ends_word(at[end])) {
    return nullptr;
  }
  index = static_cast<int64_t>(digits_value(load_digits(at), colon));
  double magnitude = 0;
  if (!short_decimal(at + whole, point - whole, at + fraction, fraction_count, magnitude)) {
    return nullptr;
  }
  value = negative ? -magnitude : magnitude;
  return at + end;
}

// For std::sort, which needs an order of everything: NaN comes last.
bool is_less(double a, double b) noexcept { return a < b || (std::isnan(b) && !std::isnan(a)); }

template <typename T>
void reserve_for(GrowingArray<T>& array, double times) {
  array.reserve(static_cast<uint64_t>(static_cast<double>(array.size()) * times));
}

}  // namespace

void SvmlightRows::clear() noexcept {
  labels.clear();
  label_offsets.clear();
  query_ids.clear();
  indptr.clear();
  indices.clear();
  doubles.clear();
  floats.clear();
}

void SvmlightRows::reserve_times(double times) {
  reserve_for(labels, times);
  reserve_for(label_offsets, times);
  reserve_for(query_ids, times);
  reserve_for(indptr, times);
  reserve_for(indices, times);
  reserve_for(doubles, times);
  reserve_for(floats, times);
}

void SvmlightRows::fit() {
  labels.fit();
  label_offsets.fit();
  query_ids.fit();
  indptr.fit();
  indices.fit();
  doubles.fit();
  floats.fit();
}

// Where the next pairs go; there is room for all that the piece can hold.
template <typename Value>
struct SvmlightParser::Room {
  int32_t* index;
  Value* value;
};

void SvmlightParser::fail(const char* at, std::string what) {
  const char* foreign = used_ == 0 && at == piece_ ? foreign_start(at) : nullptr;
  if (foreign != nullptr) {
    what = foreign;
  }
  fault_ = SvmlightFault{used_ + static_cast<uint64_t>(at - piece_), std::move(what)};
}

uint64_t SvmlightParser::parse(std::string_view text, SvmlightRows& rows) {
  piece_ = text.data();
  const char* begin = text.data();
  const char* end = begin + text.size();
  if (in_comment_) {
    const void* line_end = text.empty() ? nullptr : std::memchr(begin, '\n', text.size());
    if (line_end == nullptr) {
      used_ += text.size();
      return text.size();
    }
  }
  while (end != begin && !ends_word(end[-1])) {
    --end;
  }
  if (fault_ || (end == begin && text.size() <= kLongestNumber)) {
    return 0;
  }
  if (end == begin) {
    fail(begin, "more than " + std::to_string(kLongestNumber) +
                    " characters without a blank, which are no number; is it a text file?");
    return 0;
  }
  if (rows.indptr.size() == 0) {
    rows.indptr.push_back(0);
    if (format_.multilabel) {
      rows.label_offsets.push_back(0);
    }
  }
  if (format_.float32) {
    parse_words(begin, end, rows, rows.floats);
  } else {
    parse_words(begin, end, rows, rows.doubles);
  }
  const auto used = static_cast<uint64_t>(end - begin);
  used_ += used;
  return used;
}

template <typename Value>
void SvmlightParser::parse_words(const char* at, const char* end, SvmlightRows& rows,
                                 GrowingArray<Value>& values) {
  // The shortest pair is "1:2 ".
  const uint64_t most = static_cast<uint64_t>(end - at) / 4 + 1;
  rows.indices.reserve_more(most);
  values.reserve_more(most);
  Room<Value> room{rows.indices.data() + rows.indices.size(), values.data() + values.size()};
  while (at != end && !fault_) {
    if (in_comment_) {
      const void* found = std::memchr(at, '\n', static_cast<size_t>(end - at));
      at = found == nullptr ? end : static_cast<const char*>(found);
      in_comment_ = found == nullptr;
    } else if (is(*at, kLineEnd)) {
      end_row(rows, static_cast<uint64_t>(room.index - rows.indices.data()));
      ++at;
    } else if (is(*at, kBlank | kComment)) {
      in_comment_ = is(*at, kComment);
      ++at;
    } else if (!in_row_) {
      at = format_.multilabel ? read_labels(at, rows) : read_label(at, rows);
    } else if (may_be_query_ && std::memcmp(at, "qid:", 4) == 0) {
      at = read_query(at, rows);
    } else {
      at = read_pairs(at, end, room);
    }
  }
  const auto entries = static_cast<uint64_t>(room.index - rows.indices.data());
  rows.indices.set_size(entries);
  values.set_size(entries);
}

template <typename Value>
const char* SvmlightParser::read_pairs(const char* at, const char* end, Room<Value>& room) {
  int32_t* next_index = room.index;
  Value* next_value = room.value;
  int64_t previous = previous_;
  int64_t first = first_;
  const int64_t lowest = format_.lowest_index;
  const int64_t highest = format_.highest_index;
  const int32_t base = format_.base;
  may_be_query_ = false;
  for (;;) {
    int64_t index = 0;
    double value = 0;
    const char* after = read_short_pair(at, index, value);
    if (after == nullptr) {
      after = read_pair(at, index, value);
      if (after == nullptr) {
        break;
      }
    }
    if (index <= previous || index < lowest || index > highest) {
      previous_ = previous;
      fail_index(at, {at, static_cast<size_t>(after - at)});
      break;
    }
    first = previous < 0 ? index : first;
    previous = index;
    *next_index++ = static_cast<int32_t>(index) - base;
    *next_value++ = static_cast<Value>(value);
    at = after;
    // What ends a piece ends a word: the byte behind a blank that is not the last is in the piece.
    if (*at != ' ' || at + 1 == end || !is(at[1], kDigit)) {
      break;
    }
    ++at;
  }
  previous_ = previous;
  first_ = first;
  room = {next_index, next_value};
  return at;
}

const char* SvmlightParser::read_pair(const char* at, int64_t& index, double& value) {
  const std::string_view word = word_at(at);
  const size_t colon = word.find(':');
  if (colon == std::string_view::npos) {
    fail(at, "expected index:value, found " + quoted_bytes(word));
    return nullptr;
  }
  if (word.starts_with("qid:")) {
    fail(at, "a query id stands right behind the label, and once; found " + quoted_bytes(word));
    return nullptr;
  }
  const std::errc error = parse_integer(word.substr(0, colon), index);
  if (error == std::errc::result_out_of_range) {
    index = word.front() == '-' ? -1 : std::numeric_limits<int64_t>::max();
  } else if (error != std::errc{}) {
    fail(at, "the index " + quoted_bytes(word.substr(0, colon)) + " is no whole number");
    return nullptr;
  }
  const std::string_view text = word.substr(colon + 1);
  if (!parse_decimal(text, value)) {
    fail(at + colon + 1, "the value " + quoted_bytes(text) + " of the index " +
                             std::string(word.substr(0, colon)) + " is no decimal number");
    return nullptr;
  }
  return end_of(word);
}

void SvmlightParser::fail_index(const char* at, std::string_view pair) {
  const std::string_view written = pair.substr(0, pair.find(':'));
  int64_t index = std::numeric_limits<int64_t>::max();
  if (parse_integer(written, index) == std::errc::result_out_of_range && written.front() == '-') {
    index = -1;
  }
  const std::string shown = "the index " + std::string(written.substr(0, 40));
  if (index < 0) {
    fail(at, shown + " is negative; indices are whole numbers from 0 on");
  } else if (index < format_.lowest_index) {
    fail(at, shown + " is below " + std::to_string(format_.lowest_index) +
                 ", the first one; pass zero_based=True if indices count from 0");
  } else if (index > format_.highest_index) {
    fail(at, shown + " is above " + std::to_string(format_.highest_index) +
                 (format_.highest_index == std::numeric_limits<int32_t>::max()
                      ? ", the largest that there can be"
                      : ", the last of columns=; give more columns, or none to count them"));
  } else {
    fail(at, shown + " follows " + std::to_string(previous_) +
                 "; the indices of a line are in ascending order, each once");
  }
}

const char* SvmlightParser::read_label(const char* at, SvmlightRows& rows) {
  double label = 0;
  const char* after = read_short_decimal(at, label);
  if (after == nullptr || !ends_word(*after)) {
    const std::string_view word = word_at(at);
    if (!parse_decimal(word, label)) {
      const char* hint = word.find(',') != std::string_view::npos
                             ? "; pass multilabel=True where lines have several"
                         : word.find(':') != std::string_view::npos
                             ? "; pass multilabel=True where lines may have none"
                             : "";
      fail(at, "the label " + quoted_bytes(word) + " is no number" + hint);
      return at;
    }
    after = end_of(word);
  }
  rows.labels.push_back(label);
  in_row_ = true;
  may_be_query_ = true;
  row_offset_ = used_ + static_cast<uint64_t>(at - piece_);
  return after;
}

const char* SvmlightParser::read_labels(const char* at, SvmlightRows& rows) {
  in_row_ = true;
  may_be_query_ = true;
  row_offset_ = used_ + static_cast<uint64_t>(at - piece_);
  std::string_view word = word_at(at);
  if (word.find(':') != std::string_view::npos) {
    return at;  // a row without labels begins with its query or its first pair
  }
  const uint64_t first = rows.labels.size();
  const char* after = end_of(word);
  for (;;) {
    const size_t comma = std::min(word.find(','), word.size());
    double label = 0;
    if (!parse_decimal(word.substr(0, comma), label)) {
      fail(word.data(), "the label " + quoted_bytes(word.substr(0, comma)) + " is no number");
      return at;
    }
    rows.labels.push_back(label);
    if (comma == word.size()) {
      break;
    }
    word.remove_prefix(comma + 1);
  }
  std::sort(rows.labels.data() + first, rows.labels.data() + rows.labels.size(), is_less);
  return after;
}

const char* SvmlightParser::read_query(const char* at, SvmlightRows& rows) {
  may_be_query_ = false;
  const std::string_view word = word_at(at);
  if (format_.query_id) {
    int64_t query = 0;
    if (parse_integer(word.substr(4), query) != std::errc{}) {
      fail(at, "the query id " + quoted_bytes(word.substr(4)) + " is no whole number of 64 bits");
      return at;
    }
    rows.query_ids.push_back(query);
    has_query_ = true;
  }
  return end_of(word);
}

void SvmlightParser::end_row(SvmlightRows& rows, uint64_t entries) {
  if (!in_row_) {
    return;  // a line that is blank, or all comment
  }
  if (format_.query_id && !has_query_) {
    fault_ =
        SvmlightFault{row_offset_, "the line has no qid:, and query_id=True wants one in each"};
    return;
  }
  rows.indptr.push_back(static_cast<int64_t>(entries));
  if (format_.multilabel) {
    rows.label_offsets.push_back(static_cast<int64_t>(rows.labels.size()));
  }
  if (previous_ >= 0) {
    rows.highest_index = std::max(rows.highest_index, static_cast<int32_t>(previous_));
    const auto first = static_cast<int32_t>(first_);
    rows.lowest_index = rows.lowest_index < 0 ? first : std::min(rows.lowest_index, first);
  }
  in_row_ = false;
  has_query_ = false;
  previous_ = -1;
}

}  // namespace headrace
