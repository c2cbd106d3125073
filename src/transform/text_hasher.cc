#include "transform/text_hasher.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/error.h"

namespace headrace {
namespace {

std::optional<Utf8Fault> fault_in(std::string_view text) {
  return find_utf8_fault(std::as_bytes(std::span(text)));
}

// `text` without its faults, the first of which is given: each becomes `instead`.
std::string_view repair(std::string_view text, Utf8Fault fault, std::string_view instead,
                        std::string& out) {
  out.clear();
  for (;;) {
    out.append(text, 0, fault.offset).append(instead);
    text.remove_prefix(fault.offset + fault.length);
    const std::optional<Utf8Fault> next = fault_in(text);
    if (!next) {
      return out.append(text);
    }
    fault = *next;
  }
}

}  // namespace

TextHasher::TextHasher(Options options)
    : analyzer_(options.analyzer),
      ngrams_(options.ngrams),
      invalid_(options.invalid),
      words_(options.lowercase, std::move(options.stop_words)),
      characters_(options.lowercase),
      counter_(options.counted) {
  if (ngrams_.least == 0 || ngrams_.least > ngrams_.most) {
    throw Error(ErrorCode::kInvalid,
                "ngram_range is (least, most) with 1 <= least <= most; found (" +
                    std::to_string(ngrams_.least) + ", " + std::to_string(ngrams_.most) + ")");
  }
}

std::optional<Utf8Fault> TextHasher::add_row(std::string_view document, Scratch& scratch,
                                             HashedRows& out) const {
  if (const std::optional<Utf8Fault> fault = fault_in(document)) {
    if (invalid_ == InvalidUtf8::kStrict) {
      return fault;
    }
    const std::string_view instead = invalid_ == InvalidUtf8::kReplace ? "\xEF\xBF\xBD" : "";
    document = repair(document, *fault, instead, scratch.repaired);
    if (document.size() >= kDocumentLimit) {
      throw Error(ErrorCode::kUnsupported,
                  "a document has 2 GiB and more once it is repaired: split it");
    }
  }
  scratch.keys.clear();
  scratch.sums.clear();
  scratch.tokens.clear();
  switch (analyzer_) {
    case Analyzer::kWord:
      read_parts(WordReader(words_, document), scratch);
      break;
    case Analyzer::kChar:
      read_parts(CharacterReader(characters_, document), scratch);
      break;
    case Analyzer::kCharWb:
      read_padded_words(document, scratch);
      break;
  }
  if (scratch.sums.features == 0) {
    counter_.add_row(scratch.keys, scratch.sorted, out);
  } else {
    counter_.fold(scratch.keys, scratch.sorted, scratch.sums);
    counter_.add_row(scratch.sums, out);
    scratch.sums.clear();
  }
  return std::nullopt;
}

uint64_t TextHasher::spread() const noexcept {
  // Every character begins an n-gram, and every third at most a word.
  constexpr uint64_t kOfCharacters = 2;
  constexpr uint64_t kMost = 64;
  const uint64_t lengths = std::min(ngrams_.most - ngrams_.least + 1, kMost);
  const uint64_t spread = analyzer_ == Analyzer::kWord ? lengths / 2 : kOfCharacters * lengths;
  return std::clamp<uint64_t>(spread, 1, kMost);
}

// An n-gram whose tokens lie in two parts begins in the first: the last tokens of a part stay until
// those behind them are there.
template <typename Reader>
void TextHasher::read_parts(Reader reader, Scratch& scratch) const {
  bool more = true;
  while (more) {
    more = reader.fill(scratch.tokens);
    const size_t tokens = scratch.tokens.tokens().size();
    const auto kept = static_cast<size_t>(std::min<uint64_t>(more ? ngrams_.most - 1 : 0, tokens));
    add_keys(scratch, tokens - kept);
    scratch.tokens.drop_front(tokens - kept);
  }
}

void TextHasher::read_padded_words(std::string_view text, Scratch& scratch) const {
  CharacterReader reader(characters_, text);
  TokenBuffer& word = scratch.tokens;
  while (reader.next_word(word)) {
    const size_t characters = word.tokens().size();
    if (ngrams_.least > characters) {
      // A word that is shorter than any n-gram counts once, as it is.
      hash_ngrams(word, 1, {characters, characters},
                  [&](uint32_t hash) { scratch.keys.push_back(counter_.key(hash)); });
      fold_many(scratch);
    } else {
      add_keys(scratch, characters);
    }
  }
}

void TextHasher::add_keys(Scratch& scratch, size_t starts) const {
  const size_t before = scratch.keys.size();
  const uint64_t most = most_ngrams(scratch.tokens, starts, ngrams_);
  if (most > kMostKeys) {
    hash_ngrams(scratch.tokens, starts, ngrams_, [&](uint32_t hash) {
      scratch.keys.push_back(counter_.key(hash));
      fold_many(scratch);
    });
    return;
  }
  scratch.keys.resize(before + most);
  uint32_t* to = scratch.keys.data() + before;
  hash_ngrams(scratch.tokens, starts, ngrams_,
              [this, &to](uint32_t hash) { *to++ = counter_.key(hash); });
  scratch.keys.resize(static_cast<size_t>(to - scratch.keys.data()));
  fold_many(scratch);
}

void TextHasher::fold_many(Scratch& scratch) const {
  if (scratch.keys.size() >= kMostKeys) {
    counter_.fold(scratch.keys, scratch.sorted, scratch.sums);
  }
}

}  // namespace headrace
