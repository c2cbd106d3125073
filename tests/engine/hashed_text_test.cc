#include "engine/hashed_text.h"

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace headrace {
namespace {

void nothing() {}

Error bad_document(uint64_t document, const Utf8Fault& fault) {
  return Error(ErrorCode::kInvalid, "bad " + std::to_string(document),
               {.file = "", .column = "", .row = std::nullopt, .offset = fault.offset});
}

std::shared_ptr<const TextHasher> make_hasher() {
  return std::make_shared<const TextHasher>(TextHasher::Options{.ngrams = {1, 2}});
}

// Texts of very different lengths, some of them empty.
std::vector<std::string> make_texts(size_t count) {
  std::vector<std::string> texts(count);
  for (size_t i = 0; i < count; ++i) {
    const size_t words = i % 11 == 0 ? 0 : i % 13 == 0 ? 4000 : i % 17;
    for (size_t w = 0; w < words; ++w) {
      texts[i] += "word" + std::to_string((i * 7919 + w * w) % 5000) + " ";
    }
  }
  return texts;
}

std::vector<std::string_view> views_of(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

template <typename Number>
std::vector<Number> numbers_of(const AlignedBytes& bytes, uint64_t count) {
  std::vector<Number> numbers(count);
  std::memcpy(numbers.data(), bytes.get(), count * sizeof(Number));
  return numbers;
}

void expect_equal(const HashedMatrix& found, const HashedMatrix& expected) {
  ASSERT_EQ(found.rows, expected.rows);
  ASSERT_EQ(found.entries, expected.entries);
  EXPECT_EQ(numbers_of<int32_t>(found.indptr, found.rows + 1),
            numbers_of<int32_t>(expected.indptr, expected.rows + 1));
  EXPECT_EQ(numbers_of<int32_t>(found.indices, found.entries),
            numbers_of<int32_t>(expected.indices, expected.entries));
  EXPECT_EQ(numbers_of<double>(found.values, found.entries),
            numbers_of<double>(expected.values, expected.entries));
}

// The rows, made one by one by the hasher itself.
HashedMatrix one_by_one(const std::vector<std::string>& texts) {
  HashedText hashed(make_hasher(), 1);
  for (const std::string& text : texts) {
    const std::string_view view = text;
    hashed.add({&view, 1}, bad_document, nothing);
  }
  return hashed.take();
}

TEST(HashedText, IsTheSameForAnyThreadsAndCalls) {
  const std::vector<std::string> texts = make_texts(900);
  const HashedMatrix expected = one_by_one(texts);
  EXPECT_EQ(expected.rows, texts.size());
  for (const uint64_t threads : {1U, 2U, 3U}) {
    for (const uint64_t told : {uint64_t{0}, uint64_t{900}, UINT64_MAX}) {
      HashedText hashed(make_hasher(), threads);
      hashed.expect(told);
      const std::vector<std::string_view> views = views_of(texts);
      hashed.add(std::span(views).first(400), bad_document, nothing);
      hashed.add(std::span(views).subspan(400), bad_document, nothing);
      EXPECT_EQ(hashed.rows(), texts.size());
      expect_equal(hashed.take(), expected);
    }
  }
}

TEST(HashedText, CanBeTakenAgainAndAgain) {
  const std::vector<std::string> texts = make_texts(50);
  const std::vector<std::string_view> views = views_of(texts);
  HashedText hashed(make_hasher(), 2);
  hashed.add(views, bad_document, nothing);
  const HashedMatrix first = hashed.take();
  EXPECT_EQ(hashed.rows(), 0U);
  hashed.add(views, bad_document, nothing);
  expect_equal(hashed.take(), first);
}

TEST(HashedText, OfNoDocumentsHasNoRows) {
  HashedText hashed(make_hasher(), 2);
  hashed.add({}, bad_document, nothing);
  const HashedMatrix matrix = hashed.take();
  EXPECT_EQ(matrix.rows, 0U);
  EXPECT_EQ(matrix.entries, 0U);
  EXPECT_EQ(numbers_of<int32_t>(matrix.indptr, 1), std::vector<int32_t>{0});
  EXPECT_EQ(matrix.index_dtype, DType::kInt32);
  EXPECT_NE(matrix.indices.get(), nullptr);
  EXPECT_NE(matrix.values.get(), nullptr);
}

TEST(HashedText, ThrowsForTheFirstDocumentThatIsNotUtf8) {
  std::vector<std::string> texts = make_texts(5000);
  texts[4321] =
      "good b\xFF"
      "d";
  texts[4999] = "\xFF";
  for (const uint64_t threads : {1U, 3U}) {
    HashedText hashed(make_hasher(), threads);
    const Error error = expect_error(ErrorCode::kInvalid, {"bad 4321"},
                                     [&] { hashed.add(views_of(texts), bad_document, nothing); });
    EXPECT_EQ(error.context().offset, 6U);
  }
}

TEST(HashedText, EndsWhenPollThrows) {
  const std::vector<std::string> texts = make_texts(5000);
  for (const uint64_t threads : {1U, 2U}) {
    HashedText hashed(make_hasher(), threads);
    EXPECT_THROW(
        hashed.add(views_of(texts), bad_document, [] { throw std::runtime_error("interrupted"); }),
        std::runtime_error);
  }
}

TEST(HashedText, RefusesDocumentsThatAreTooLong) {
  const std::string text = "word";
  // The text is not read: its size alone is too much.
  const std::string_view view(text.data(), kDocumentLimit);
  HashedText hashed(make_hasher(), 1);
  expect_error(ErrorCode::kUnsupported, {"2147483648", "2 GiB", "split"}, [&] {
    hashed.add({&view, 1}, bad_document, nothing);
  });
}

// What a column of these offsets into `bytes` gives.
HashedMatrix hash_column(const std::vector<int64_t>& offsets, std::string_view bytes) {
  HashedText hashed(make_hasher(), 2);
  hashed.add_rows(offsets, bytes, bad_document, nothing);
  return hashed.take();
}

TEST(HashedText, OfAColumnIsThatOfItsDocuments) {
  const std::vector<std::string> texts = make_texts(3000);
  std::string bytes = "not of a row";
  std::vector<int64_t> offsets = {static_cast<int64_t>(bytes.size())};
  for (const std::string& text : texts) {
    bytes += text;
    offsets.push_back(static_cast<int64_t>(bytes.size()));
  }
  HashedText expected(make_hasher(), 1);
  expected.add(views_of(texts), bad_document, nothing);
  expect_equal(hash_column(offsets, bytes), expected.take());
  EXPECT_EQ(hash_column({}, bytes).rows, 0U);
  EXPECT_EQ(hash_column({0}, "").rows, 0U);
}

TEST(HashedText, OfAColumnNamesItsBadDocumentsAndOffsets) {
  expect_error(ErrorCode::kInvalid, {"bad 2"}, [] { hash_column({0, 1, 2, 3}, "ab\xFF"); });
  expect_error(ErrorCode::kInvalid, {"document 1", "bytes 2 to 1 of 3"}, [] {
    hash_column({0, 2, 1}, "abc");
  });
  expect_error(ErrorCode::kInvalid, {"document 0", "bytes 0 to 4 of 3"}, [] {
    hash_column({0, 4}, "abc");
  });
  expect_error(ErrorCode::kInvalid, {"document 0", "bytes -1 to"}, [] {
    hash_column({-1, 4}, "abc");
  });
}

}  // namespace
}  // namespace headrace
