#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/error.h"
#include "base/utf8.h"
#include "column/schema.h"
#include "transform/growing_array.h"
#include "transform/text_hasher.h"

namespace headrace {

// A sparse matrix of hashed text in the layout of scipy's csr_matrix.
struct HashedMatrix {
  AlignedBytes indptr = {};   // rows + 1 numbers of index_dtype
  AlignedBytes indices = {};  // of index_dtype
  AlignedBytes values = {};
  uint64_t rows = 0;
  uint64_t entries = 0;
  DType index_dtype = DType::kInt32;
  DType dtype = DType::kFloat64;
};

// Rows of hashed text that threads make and one caller collects, in order.
class HashedText {
 public:
  // The Error for a document, counted within a call of add(), that is not UTF-8. Called in any
  // thread.
  using Invalid = std::function<Error(uint64_t document, const Utf8Fault& fault)>;

  // Requires: threads > 0.
  HashedText(std::shared_ptr<const TextHasher> hasher, uint64_t threads);

  // Says how many documents will come, if that is known: memory is then got at once.
  void expect(uint64_t documents) noexcept { expected_ = documents; }

  // Adds a row for each document. Throws what `invalid` returns, kUnsupported for a document of
  // kDocumentLimit bytes and more, kIo where no thread can be started, and what `poll` throws,
  // which is called every 50 ms; then this object is of no more use.
  void add(std::span<const std::string_view> documents, const Invalid& invalid,
           const std::function<void()>& poll);

  // The same for the documents of an Arrow column: document i is bytes offsets[i] to offsets[i + 1]
  // of `bytes`. Their list takes memory for a block of them. Also throws kInvalid for offsets that
  // decrease or leave `bytes`.
  void add_rows(std::span<const int64_t> offsets, std::string_view bytes, const Invalid& invalid,
                const std::function<void()>& poll);

  uint64_t rows() const noexcept { return rows_; }

  // The rows, of which this object has none any more.
  HashedMatrix take();

 private:
  // Documents `first` to `last` - 1, for one thread at once.
  struct Range {
    size_t first;
    size_t last;
  };

  std::vector<Range> cut(std::span<const std::string_view> documents) const;
  void make(std::span<const std::string_view> documents, Range range, const Invalid& invalid,
            uint64_t place, uint64_t thread);
  void append(const HashedRows& part);
  template <typename T>
  void append_to(GrowingArray<T>& all, const GrowingArray<T>& part, uint64_t rows) const;

  std::shared_ptr<const TextHasher> hasher_;
  uint64_t threads_;
  uint64_t expected_ = 0;
  std::vector<TextHasher::Scratch> scratch_;  // of each thread
  std::vector<HashedRows> places_;
  uint64_t rows_ = 0;
  uint64_t features_ = 0;
  GrowingArray<int64_t> ends_;  // of the rows, behind a 0
  GrowingArray<int32_t> indices_;
  GrowingArray<std::byte> values_;
};

}  // namespace headrace
