#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "transform/decimal.h"
#include "transform/growing_array.h"

namespace headrace {

// What the lines of a file in svmlight (libsvm) format hold, and what is wanted of them.
struct SvmlightFormat {
  bool float32 = false;     // values are rounded to float, from the nearest double
  bool multilabel = false;  // any number of labels, parted by commas, in place of one
  bool query_id = false;    // every line has one, and it is wanted; otherwise it is passed over
  int32_t lowest_index = 0;
  int32_t highest_index = std::numeric_limits<int32_t>::max();
  int32_t base = 0;  // is subtracted from indices
};

// The rows of some lines. Of values one array is filled, of label_offsets and query_ids those that
// the format asks for.
struct SvmlightRows {
  GrowingArray<double> labels;
  GrowingArray<int64_t> label_offsets;  // of multilabel, as indptr
  GrowingArray<int64_t> query_ids;
  GrowingArray<int64_t> indptr;  // one more than rows, from 0 on; none before the first line
  GrowingArray<int32_t> indices;
  GrowingArray<double> doubles;
  GrowingArray<float> floats;
  int32_t base = 0;  // what was subtracted from indices
  // The least and the largest index as they were written; -1 where there is none.
  int32_t lowest_index = -1;
  int32_t highest_index = -1;

  uint64_t rows() const noexcept { return indptr.size() == 0 ? 0 : indptr.size() - 1; }

  // Drops the rows and keeps their memory, and what is known of indices.
  void clear() noexcept;

  // Makes room for `times` as many rows as there are. Throws std::bad_alloc.
  void reserve_times(double times);

  // Gives back memory that is not used, if it is small. Throws std::bad_alloc.
  void fit();
};

// What is wrong with a text, and where: bytes from the beginning of all that was parsed.
struct SvmlightFault {
  uint64_t offset = 0;
  std::string what;
};

// Parses lines such as "1 qid:7 3:0.5 10:1e-3 # words", given in pieces of any length: label, query
// and index:value pairs in ascending order, parted by blanks. What is left out of the format here
// is as scikit-learn's load_svmlight_file has it; lines end with \n, and \r is a blank.
//
// Decimals become the nearest double. Keeps the state of a line between pieces: one object for each
// run of lines.
class SvmlightParser {
 public:
  // Readable bytes that are needed behind each piece.
  static constexpr uint64_t kPadding = 48;
  // A number in more characters is a fault; pieces of more than that always go on.
  static constexpr uint64_t kLongestNumber = uint64_t{1} << 16;

  explicit SvmlightParser(const SvmlightFormat& format) : format_(format) {}

  // Appends the rows of the lines that end in `text` to `rows`, and returns how many bytes were
  // used: all but the beginning of a word that may go on. The next piece begins with those that
  // were not. Nothing more is used once there is a fault. The last line of all needs its \n. Throws
  // std::bad_alloc.
  uint64_t parse(std::string_view text, SvmlightRows& rows);

  const std::optional<SvmlightFault>& fault() const noexcept { return fault_; }

 private:
  template <typename Value>
  struct Room;

  template <typename Value>
  void parse_words(const char* at, const char* end, SvmlightRows& rows,
                   GrowingArray<Value>& values);
  template <typename Value>
  const char* read_pairs(const char* at, const char* end, Room<Value>& room);
  const char* read_pair(const char* at, int64_t& index, double& value);
  const char* read_label(const char* at, SvmlightRows& rows);
  const char* read_labels(const char* at, SvmlightRows& rows);
  const char* read_query(const char* at, SvmlightRows& rows);
  void end_row(SvmlightRows& rows, uint64_t entries);
  void fail(const char* at, std::string what);
  void fail_index(const char* at, std::string_view index);

  SvmlightFormat format_;
  std::optional<SvmlightFault> fault_;
  uint64_t used_ = 0;            // bytes of earlier pieces
  const char* piece_ = nullptr;  // of the call that runs
  bool in_row_ = false;          // a label was read
  bool in_comment_ = false;
  bool may_be_query_ = false;  // no pair has been read since the label
  bool has_query_ = false;
  uint64_t row_offset_ = 0;
  int64_t previous_ = -1;  // index of the row; -1 before the first
  int64_t first_ = -1;
};

}  // namespace headrace
