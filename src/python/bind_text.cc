#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/error.h"
#include "engine/hashed_files.h"
#include "engine/hashed_text.h"
#include "python/arrays.h"
#include "python/bindings.h"
#include "python/documents.h"
#include "python/gil.h"
#include "transform/text_hasher.h"
#include "transform/unicode_tables.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

using HasherPtr = std::shared_ptr<TextHasher>;
using Offsets = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <typename Choice>
struct Named {
  const char* name;
  Choice choice;
};

constexpr Named<Analyzer> kAnalyzers[] = {
    {"word", Analyzer::kWord}, {"char", Analyzer::kChar}, {"char_wb", Analyzer::kCharWb}};
constexpr Named<RowNorm> kNorms[] = {
    {"none", RowNorm::kNone}, {"l1", RowNorm::kL1}, {"l2", RowNorm::kL2}};
constexpr Named<InvalidUtf8> kInvalid[] = {{"strict", InvalidUtf8::kStrict},
                                           {"replace", InvalidUtf8::kReplace},
                                           {"ignore", InvalidUtf8::kIgnore}};
constexpr Named<TextSplit> kSplits[] = {
    {"line", TextSplit::kLine}, {"paragraph", TextSplit::kParagraph}, {"file", TextSplit::kFile}};
constexpr Named<DType> kDTypes[] = {{"float32", DType::kFloat32}, {"float64", DType::kFloat64}};

template <typename Choice, size_t kCount>
Choice chosen(const char* what, const std::string& name, const Named<Choice> (&choices)[kCount]) {
  std::string names;
  for (const Named<Choice>& named : choices) {
    if (name == named.name) {
      return named.choice;
    }
    names.append(names.empty() ? "" : ", ").append(named.name);
  }
  throw Error(ErrorCode::kInvalid,
              std::string(what) + " is one of " + names + "; found \"" + name + "\"");
}

nb::tuple arrays_of(HashedMatrix matrix) {
  const auto array = [](AlignedBytes memory, uint64_t rows, DType dtype) {
    return to_numpy(std::move(memory), rows, make_field("", dtype, {}));
  };
  return nb::make_tuple(array(std::move(matrix.indptr), matrix.rows + 1, matrix.index_dtype),
                        array(std::move(matrix.indices), matrix.entries, matrix.index_dtype),
                        array(std::move(matrix.values), matrix.entries, matrix.dtype));
}

// What is not UTF-8 among documents, the first of which has the number `first`.
Error invalid_document(uint64_t first, uint64_t document, const Utf8Fault& fault) {
  const std::string number = std::to_string(first + document);
  return Error(ErrorCode::kInvalid,
               "document " + number + " is not UTF-8 at byte " + std::to_string(fault.offset) +
                   "; pass decode_error=\"replace\" or \"ignore\", or encoding=",
               {.file = "", .column = "", .row = first + document, .offset = fault.offset});
}

nb::tuple hash_texts(const HasherPtr& hasher, const nb::handle& texts, uint64_t expected,
                     uint64_t threads) {
  HashedText hashed(hasher, threads);
  hashed.expect(expected);
  Documents documents(texts);
  for (auto block = documents.next(); !block.empty(); block = documents.next()) {
    const uint64_t first = documents.first();
    Interruptible work;
    hashed.add(
        block,
        [first](uint64_t number, const Utf8Fault& fault) {
          return invalid_document(first, number, fault);
        },
        [&work] { work.poll(); });
  }
  return arrays_of(hashed.take());
}

nb::tuple hash_rows(const HasherPtr& hasher, const Offsets& offsets, const Bytes& bytes,
                    uint64_t threads) {
  HashedText hashed(hasher, threads);
  hashed.expect(offsets.size() == 0 ? 0 : offsets.size() - 1);
  {
    Interruptible work;
    hashed.add_rows(
        {offsets.data(), offsets.size()},
        {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
        [](uint64_t number, const Utf8Fault& fault) { return invalid_document(0, number, fault); },
        [&work] { work.poll(); });
  }
  return arrays_of(hashed.take());
}

// The rows of files, a part of them at a time.
class PyHashedFiles {
 public:
  PyHashedFiles(HasherPtr hasher, std::vector<std::string> paths, const std::string& split,
                uint64_t threads)
      : files_(std::move(hasher), std::move(paths), chosen("split", split, kSplits), threads) {}

  std::optional<nb::tuple> next() {
    std::optional<HashedMatrix> matrix;
    {
      Interruptible work;
      matrix = files_.next([&work] { work.poll(); });
    }
    return matrix ? std::optional(arrays_of(std::move(*matrix))) : std::nullopt;
  }

 private:
  HashedFiles files_;
};

}  // namespace

void bind_text(nb::module_& module) {
  module.attr("UNICODE_VERSION") = unicode_tables::version();
  nb::class_<TextHasher>(module, "TextHasher", "Text as rows of hashed n-grams.")
      .def_static(
          "make",
          [](uint64_t n_features, uint64_t least, uint64_t most, const std::string& analyzer,
             bool lowercase, bool alternate_sign, bool binary, const std::string& norm,
             const std::vector<std::string>& stop_words, const std::string& decode_error,
             const std::string& dtype) {
            return std::make_shared<TextHasher>(
                TextHasher::Options{.analyzer = chosen("analyzer", analyzer, kAnalyzers),
                                    .ngrams = {least, most},
                                    .lowercase = lowercase,
                                    .invalid = chosen("decode_error", decode_error, kInvalid),
                                    .stop_words = StopWords(stop_words),
                                    .counted = {.columns = n_features,
                                                .alternate_sign = alternate_sign,
                                                .binary = binary,
                                                .norm = chosen("norm", norm, kNorms),
                                                .dtype = chosen("dtype", dtype, kDTypes)}});
          },
          nb::kw_only(), "n_features"_a, "least"_a, "most"_a, "analyzer"_a, "lowercase"_a,
          "alternate_sign"_a, "binary"_a, "norm"_a, "stop_words"_a, "decode_error"_a, "dtype"_a);
  nb::class_<PyHashedFiles>(module, "HashedFiles", "Rows of the documents of files, in parts.")
      .def(nb::init<HasherPtr, std::vector<std::string>, const std::string&, uint64_t>(),
           "hasher"_a, "paths"_a, nb::kw_only(), "split"_a, "threads"_a)
      .def("next", &PyHashedFiles::next,
           nb::sig("def next(self) -> tuple[typing.Any, typing.Any, typing.Any] | None"));
  module.def("hash_texts", &hash_texts, "hasher"_a, "texts"_a, nb::kw_only(), "expected"_a,
             "threads"_a, "The indptr, indices and values of str and bytes.",
             nb::sig("def hash_texts(hasher: TextHasher, texts: typing.Any, *, expected: int, "
                     "threads: int) -> tuple[typing.Any, typing.Any, typing.Any]"));
  module.def("hash_rows", &hash_rows, "hasher"_a, "offsets"_a.noconvert(), "values"_a.noconvert(),
             nb::kw_only(), "threads"_a, "The same of rows of bytes, as a text column has them.",
             nb::sig("def hash_rows(hasher: TextHasher, offsets: typing.Any, values: typing.Any, "
                     "*, threads: int) -> tuple[typing.Any, typing.Any, typing.Any]"));
}

}  // namespace headrace::python
