// Parses any bytes as lines in svmlight format, at once and in pieces: both must agree, and what
// was parsed must be rows.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "transform/svmlight.h"

namespace {

using headrace::GrowingArray;
using headrace::SvmlightFormat;
using headrace::SvmlightParser;
using headrace::SvmlightRows;

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

struct Parsed {
  SvmlightRows rows;
  bool has_fault = false;
  uint64_t fault = 0;
};

// Parses pieces of `step` bytes more each; each has no more room behind it than a parser asks for.
Parsed parse(const std::string& text, const SvmlightFormat& format, size_t step) {
  Parsed parsed;
  SvmlightParser parser(format);
  size_t used = 0;
  for (size_t given = 0; given < text.size() && !parser.fault();) {
    given = std::min(text.size(), given + step);
    std::string piece = text.substr(used, given - used);
    const size_t size = piece.size();
    piece.append(SvmlightParser::kPadding, '9');
    piece.shrink_to_fit();
    used += parser.parse({piece.data(), size}, parsed.rows);
    require(used <= given);
  }
  require(parser.fault() || used == text.size());
  parsed.has_fault = parser.fault().has_value();
  parsed.fault = parsed.has_fault ? parser.fault()->offset : 0;
  require(parsed.fault < text.size());
  return parsed;
}

template <typename T>
void require_equal(const GrowingArray<T>& a, const GrowingArray<T>& b) {
  require(a.size() == b.size());
  require(a.size() == 0 || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

void check_rows(const SvmlightRows& rows, const SvmlightFormat& format) {
  for (uint64_t row = 0; row < rows.rows(); ++row) {
    const auto begin = static_cast<uint64_t>(rows.indptr[row]);
    const auto end = static_cast<uint64_t>(rows.indptr[row + 1]);
    require(begin <= end && end <= rows.indices.size());
    for (uint64_t i = begin; i < end; ++i) {
      require(rows.indices[i] + format.base >= format.lowest_index);
      require(i == begin || rows.indices[i - 1] < rows.indices[i]);
    }
  }
  const uint64_t values = format.float32 ? rows.floats.size() : rows.doubles.size();
  require(values == rows.indices.size());
  require(format.multilabel || rows.labels.size() >= rows.rows());
  require(!format.query_id || rows.query_ids.size() >= rows.rows());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) {
    return 0;
  }
  SvmlightFormat format;
  format.float32 = (data[0] & 1) != 0;
  format.multilabel = (data[0] & 2) != 0;
  format.query_id = (data[0] & 4) != 0;
  format.lowest_index = (data[0] & 8) != 0 ? 1 : 0;
  format.base = format.lowest_index;
  const size_t step = data[1] + size_t{1};
  const std::string text = std::string(data + 2, data + size) + "\n";
  const Parsed whole = parse(text, format, text.size());
  const Parsed pieces = parse(text, format, step);
  check_rows(whole.rows, format);
  require(whole.has_fault == pieces.has_fault && whole.fault == pieces.fault);
  require_equal(whole.rows.labels, pieces.rows.labels);
  require_equal(whole.rows.query_ids, pieces.rows.query_ids);
  require_equal(whole.rows.indptr, pieces.rows.indptr);
  require_equal(whole.rows.indices, pieces.rows.indices);
  require_equal(whole.rows.doubles, pieces.rows.doubles);
  require_equal(whole.rows.floats, pieces.rows.floats);
  return 0;
}
