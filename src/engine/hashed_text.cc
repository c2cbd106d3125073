#include "engine/hashed_text.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "engine/parallel_map.h"

namespace headrace {
namespace {

// A third of a millisecond of work: far more than it takes to hand it over, little to wait for at
// the end, and its rows stay in the cache until they are collected. Of words; of what has more
// n-grams, less text.
constexpr uint64_t kRangeBytes = uint64_t{64} << 10;
constexpr size_t kRangeDocuments = 2048;
// A document of more is hashed by another thread in any case: this one listens to `poll` meanwhile.
constexpr uint64_t kLongestAside = uint64_t{1} << 20;
// Places beyond two for each thread: so many ranges are done while one waits for its processor.
constexpr uint64_t kMorePlaces = 8;

// How far beyond what is there a guess of what will come may go: the first documents may be the
// longest by far.
constexpr uint64_t kGuess = 8;
constexpr uint64_t kLeastGuess = uint64_t{16} << 20;

// How many documents of a column are listed at a time.
constexpr size_t kBlockRows = size_t{1} << 20;

std::string_view row_of(std::span<const int64_t> offsets, std::string_view bytes, size_t row) {
  const int64_t begin = offsets[row];
  const int64_t end = offsets[row + 1];
  if (begin < 0 || end < begin || static_cast<uint64_t>(end) > bytes.size()) {
    throw Error(ErrorCode::kInvalid, "document " + std::to_string(row) + " is bytes " +
                                         std::to_string(begin) + " to " + std::to_string(end) +
                                         " of " + std::to_string(bytes.size()));
  }
  return bytes.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
}

template <typename To, typename From>
AlignedBytes converted(const GrowingArray<From>& numbers) {
  AlignedBytes result(allocate_aligned(numbers.size() * sizeof(To)));
  std::transform(numbers.begin(), numbers.end(), reinterpret_cast<To*>(result.get()),
                 [](From number) { return static_cast<To>(number); });
  return result;
}

}  // namespace

HashedText::HashedText(std::shared_ptr<const TextHasher> hasher, uint64_t threads)
    : hasher_(std::move(hasher)),
      threads_(threads),
      scratch_(threads),
      places_(2 * threads + kMorePlaces) {
  ends_.push_back(0);
}

std::vector<HashedText::Range> HashedText::cut(std::span<const std::string_view> documents) const {
  const uint64_t most = kRangeBytes / hasher_->spread();
  std::vector<Range> ranges;
  size_t first = 0;
  uint64_t bytes = 0;
  for (size_t i = 0; i < documents.size(); ++i) {
    bytes += documents[i].size();
    if (bytes >= most || i + 1 - first == kRangeDocuments || i + 1 == documents.size()) {
      ranges.push_back({first, i + 1});
      first = i + 1;
      bytes = 0;
    }
  }
  return ranges;
}

void HashedText::add(std::span<const std::string_view> documents, const Invalid& invalid,
                     const std::function<void()>& poll) {
  const std::vector<Range> ranges = cut(documents);
  const bool all_short = std::all_of(documents.begin(), documents.end(), [](std::string_view text) {
    return text.size() <= kLongestAside;
  });
  if (all_short && (threads_ == 1 || ranges.size() == 1)) {
    for (const Range range : ranges) {
      make(documents, range, invalid, 0, 0);
      append(places_[0]);
      poll();
    }
    return;
  }
  ParallelMap map({.items = ranges.size(), .threads = threads_, .places = places_.size()},
                  [&](uint64_t item, uint64_t place, uint64_t thread) {
                    make(documents, ranges[item], invalid, place, thread);
                  });
  for (;;) {
    const std::optional<uint64_t> place = map.next(poll);
    if (!place) {
      return;
    }
    append(places_[*place]);
  }
}

void HashedText::add_rows(std::span<const int64_t> offsets, std::string_view bytes,
                          const Invalid& invalid, const std::function<void()>& poll) {
  const size_t rows = offsets.empty() ? 0 : offsets.size() - 1;
  std::vector<std::string_view> documents;
  for (size_t first = 0; first < rows; first += kBlockRows) {
    documents.clear();
    for (size_t row = first; row < std::min(rows, first + kBlockRows); ++row) {
      documents.push_back(row_of(offsets, bytes, row));
    }
    const auto of_column = [&](uint64_t document, const Utf8Fault& fault) {
      return invalid(first + document, fault);
    };
    add(documents, of_column, poll);
  }
}

void HashedText::make(std::span<const std::string_view> documents, Range range,
                      const Invalid& invalid, uint64_t place, uint64_t thread) {
  HashedRows& rows = places_[place];
  rows.clear();
  for (size_t i = range.first; i < range.last; ++i) {
    if (documents[i].size() >= kDocumentLimit) {
      throw Error(ErrorCode::kUnsupported,
                  "a document of " + std::to_string(documents[i].size()) +
                      " bytes is too long; documents have less than 2 GiB: split it");
    }
    if (const auto fault = hasher_->add_row(documents[i], scratch_[thread], rows)) {
      throw invalid(i, *fault);
    }
  }
}

void HashedText::append(const HashedRows& part) {
  const auto before = static_cast<int64_t>(indices_.size());
  const uint64_t rows = rows_ + part.ends.size();
  append_to(indices_, part.indices, rows);
  append_to(values_, part.values, rows);
  ends_.reserve_more(part.ends.size());
  for (const uint64_t end : part.ends) {
    ends_.push_back(before + static_cast<int64_t>(end));
  }
  rows_ = rows;
  features_ += part.features;
}

// Appends the part that makes `rows` rows of all.
template <typename T>
void HashedText::append_to(GrowingArray<T>& all, const GrowingArray<T>& part, uint64_t rows) const {
  const uint64_t size = all.size() + part.size();
  if (size > all.capacity() && rows < expected_) {
    const double guess = 1.05 * static_cast<double>(size) / static_cast<double>(rows) *
                         static_cast<double>(expected_);
    const uint64_t most = kGuess * size + kLeastGuess;
    all.reserve(guess < static_cast<double>(most) ? static_cast<uint64_t>(guess) : most);
  }
  all.reserve_more(part.size());
  if (part.size() != 0) {
    std::memcpy(all.data() + all.size(), part.data(), part.size() * sizeof(T));
  }
  all.set_size(size);
}

HashedMatrix HashedText::take() {
  // As scikit-learn, which counts features before it sums those of a column.
  const bool wide = std::max(features_, rows_) > INT32_MAX;
  HashedMatrix matrix{.rows = rows_,
                      .entries = indices_.size(),
                      .index_dtype = wide ? DType::kInt64 : DType::kInt32,
                      .dtype = hasher_->dtype()};
  indices_.reserve(1);  // an array of nothing has an address, too
  values_.reserve(1);
  matrix.indptr = wide ? ends_.release() : converted<int32_t>(ends_);
  matrix.indices = wide ? converted<int64_t>(indices_) : indices_.release();
  matrix.values = values_.release();
  *this = HashedText(hasher_, threads_);
  return matrix;
}

}  // namespace headrace
