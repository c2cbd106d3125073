// Cuts any bytes into documents in steps, and hashes them with options that the first bytes choose.
// Two ways of reading them must agree: at once, and in documents that are repaired before.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "transform/text_hasher.h"
#include "transform/text_split.h"

namespace {

using namespace headrace;

TextHasher::Options options_of(uint8_t choice, uint8_t range) {
  const uint64_t least = 1 + (range & 3);
  return {.analyzer = static_cast<Analyzer>(choice % 3),
          .ngrams = {least, least + (range >> 2 & 3)},
          .lowercase = (choice & 4) != 0,
          .invalid = static_cast<InvalidUtf8>((choice >> 3) % 3),
          .stop_words = StopWords({"the", "σας"}),
          .counted = {.columns = (choice & 64) != 0 ? 1U << 18 : 1000,
                      .alternate_sign = (choice & 128) != 0,
                      .norm = static_cast<RowNorm>(range % 3)}};
}

std::vector<std::string_view> documents_of(std::string_view text, TextSplit split, size_t step,
                                           size_t most) {
  std::vector<std::string_view> documents;
  size_t begin = 0;
  for (size_t end = 0; end != text.size() || begin != end;) {
    end = std::min(text.size(), end + step);
    begin += split_text(text.substr(begin, end - begin), end == text.size(), split,
                        documents.size() + most, documents);
  }
  return documents;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  const TextHasher hasher(options_of(data[0], data[1]));
  const auto split = static_cast<TextSplit>(data[2] % 3);
  const size_t step = size_t{1} << (data[2] >> 2 & 15);
  const std::vector<std::string_view> documents = documents_of(text, split, step, 1 + step / 2);
  if (documents != documents_of(text, split, text.size(), size)) {
    std::abort();
  }
  TextHasher::Scratch scratch;
  HashedRows rows;
  uint64_t added = 0;
  for (const std::string_view document : documents) {
    const auto fault = hasher.add_row(document, scratch, rows);
    if (fault && (fault->length == 0 || fault->offset + fault->length > document.size())) {
      std::abort();
    }
    added += fault ? 0 : 1;
  }
  if (rows.ends.size() != added) {
    std::abort();
  }
  return 0;
}
