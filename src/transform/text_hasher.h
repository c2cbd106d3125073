#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "transform/character_reader.h"
#include "transform/hashed_rows.h"
#include "transform/ngrams.h"
#include "transform/tokens.h"
#include "transform/word_reader.h"

namespace headrace {

// What n-grams are made of, as scikit-learn names it.
enum class Analyzer : uint8_t {
  kWord,    // words of two characters and more
  kChar,    // all characters
  kCharWb,  // the characters of a word and a space on both sides of it
};

// What becomes of bytes that are no UTF-8.
enum class InvalidUtf8 : uint8_t { kStrict, kReplace, kIgnore };

// Documents have fewer bytes than this.
inline constexpr uint64_t kDocumentLimit = uint64_t{1} << 31;

// Text as rows of hashed n-grams: bit for bit those of scikit-learn's HashingVectorizer with the
// same options. Thread-safe: nothing changes after it is made.
class TextHasher {
 public:
  struct Options {
    Analyzer analyzer = Analyzer::kWord;
    NgramRange ngrams = {};
    bool lowercase = true;
    InvalidUtf8 invalid = InvalidUtf8::kStrict;
    StopWords stop_words = {};  // for words only
    HashedRowCounter::Options counted = {};
  };

  // Memory that one thread uses again for each document.
  struct Scratch {
    TokenBuffer tokens;
    std::vector<uint32_t> keys;
    std::vector<uint32_t> sorted;
    ColumnSums sums;  // of documents with very many keys
    std::string repaired;
  };

  // How many keys of a document are kept at most; then they become sums.
  static constexpr size_t kMostKeys = size_t{1} << 22;

  // Throws kInvalid as HashedRowCounter, and for a range of n-grams that is none.
  explicit TextHasher(Options options);

  // Adds the row of `document` to `out`. Where it is not UTF-8 and InvalidUtf8 is kStrict, adds
  // nothing and returns the place. Throws kUnsupported where what is repaired has kDocumentLimit
  // bytes. Requires: less than kDocumentLimit bytes.
  std::optional<Utf8Fault> add_row(std::string_view document, Scratch& scratch,
                                   HashedRows& out) const;

  DType dtype() const noexcept { return counter_.options().dtype; }

  // How many times as much memory as for words and pairs of words the rows of a text may take, for
  // as much text.
  uint64_t spread() const noexcept;

 private:
  void fold_many(Scratch& scratch) const;
  void add_keys(Scratch& scratch, size_t starts) const;
  void read_padded_words(std::string_view text, Scratch& scratch) const;

  template <typename Reader>
  void read_parts(Reader reader, Scratch& scratch) const;

  Analyzer analyzer_;
  NgramRange ngrams_;
  InvalidUtf8 invalid_;
  WordRules words_;
  CharacterRules characters_;
  HashedRowCounter counter_;
};

}  // namespace headrace
