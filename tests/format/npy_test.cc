#include "format/npy.h"

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::string_view text) {
  const auto all = std::as_bytes(std::span(text));
  return {all.begin(), all.end()};
}

// Magic, version, length of the header, header: with the length as it is.
Bytes npy_raw(int version, std::string_view header) {
  std::string text = "\x93NUMPY";
  text += static_cast<char>(version);
  text += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) {
    text += static_cast<char>(header.size() >> (8 * i));
  }
  return bytes_of(text + std::string(header));
}

// The same, filled up with spaces and a newline to a multiple of 64 bytes, as numpy writes it.
Bytes npy(std::string_view dict, int version = 1) {
  std::string header(dict);
  const size_t before = version == 1 ? 10 : 12;
  header.append(63 - (before + header.size()) % 64, ' ');
  return npy_raw(version, header + '\n');
}

Bytes with_data(Bytes head, size_t data_bytes) {
  head.insert(head.end(), data_bytes, std::byte{1});
  return head;
}

std::string dict(const std::string& descr, const std::string& shape = "(3,)",
                 const std::string& order = "False") {
  return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}

NpyHeader parse(const Bytes& bytes) { return parse_npy_header(bytes, "a.npy"); }

Error expect_parse_error(ErrorCode code, std::initializer_list<std::string_view> words,
                         const Bytes& bytes) {
  Error error = expect_error(code, words, [&] { parse(bytes); });
  EXPECT_EQ(error.context().file, "a.npy");
  return error;
}

TEST(ParseNpyHeader, ReadsWhatNumpyWritesAsVersion1) {
  // np.save of np.zeros((3, 4), np.float32), byte by byte.
  const std::string text = std::string("\x93NUMPY\x01\x00\x76\x00", 10) +
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }" +
                           std::string(58, ' ') + "\n";
  ASSERT_EQ(text.size(), 128U);
  const NpyHeader header = parse(bytes_of(text));
  EXPECT_EQ(header.dtype, DType::kFloat32);
  EXPECT_EQ(header.shape, (std::vector<uint64_t>{3, 4}));
  EXPECT_EQ(header.data_offset, 128U);
}

TEST(ParseNpyHeader, ReadsWhatNumpyWritesAsVersions2And3) {
  for (const char version : {'\x02', '\x03'}) {
    const std::string text =
        std::string("\x93NUMPY") + version + std::string("\x00\x74\x00\x00\x00", 5) +
        "{'descr': '<i8', 'fortran_order': False, 'shape': (5,), }" + std::string(58, ' ') + "\n";
    ASSERT_EQ(text.size(), 128U);
    const NpyHeader header = parse(bytes_of(text));
    EXPECT_EQ(header.dtype, DType::kInt64);
    EXPECT_EQ(header.shape, (std::vector<uint64_t>{5}));
    EXPECT_EQ(header.data_offset, 128U);
  }
}

TEST(ParseNpyHeader, KnowsEveryDtypeOfNumpyThatHeadraceHas) {
  const std::vector<std::pair<std::string, DType>> known = {
      {"|b1", DType::kBool},    {"|u1", DType::kUint8},   {"<u2", DType::kUint16},
      {"<u4", DType::kUint32},  {"<u8", DType::kUint64},  {"|i1", DType::kInt8},
      {"<i2", DType::kInt16},   {"<i4", DType::kInt32},   {"<i8", DType::kInt64},
      {"<f2", DType::kFloat16}, {"<f4", DType::kFloat32}, {"<f8", DType::kFloat64}};
  for (const auto& [descr, dtype] : known) {
    EXPECT_EQ(parse(npy(dict("'" + descr + "'"))).dtype, dtype) << descr;
  }
}

TEST(ParseNpyHeader, ReadsShapesOfOneToManyAxes) {
  EXPECT_EQ(parse(npy(dict("'<f4'", "(7,)"))).shape, (std::vector<uint64_t>{7}));
  EXPECT_EQ(parse(npy(dict("'<f4'", "(0, 3)"))).shape, (std::vector<uint64_t>{0, 3}));
  EXPECT_EQ(parse(npy(dict("'<f4'", "(1, 2, 3, 4, 5)"))).shape.size(), 5U);
  EXPECT_EQ(parse(npy(dict("'<f4'", "(18446744073709551615,)"))).shape.front(), UINT64_MAX);
}

TEST(ParseNpyHeader, ReadsTheHeadersOfPython2) {
  const NpyHeader header = parse(npy(dict("'<f4'", "(3L, 4L)")));
  EXPECT_EQ(header.shape, (std::vector<uint64_t>{3, 4}));
}

TEST(ParseNpyHeader, TakesKeysInAnyOrderAndBothQuotes) {
  const NpyHeader header =
      parse(npy("{\"shape\": (3, 4), \"descr\": \"<f8\", \"fortran_order\": False}"));
  EXPECT_EQ(header.dtype, DType::kFloat64);
  EXPECT_EQ(header.shape, (std::vector<uint64_t>{3, 4}));
}

TEST(ParseNpyHeader, TakesFortranOrderOfOneAxis) {
  EXPECT_EQ(parse(npy(dict("'<f4'", "(3,)", "True"))).shape, (std::vector<uint64_t>{3}));
}

TEST(ParseNpyHeader, RefusesFortranOrderAndSaysWhatToDo) {
  expect_parse_error(ErrorCode::kUnsupported, {"a.npy", "Fortran order", "ascontiguousarray"},
                     npy(dict("'<f4'", "(3, 4)", "True")));
  // The order of the keys makes no difference.
  expect_parse_error(ErrorCode::kUnsupported, {"Fortran order"},
                     npy("{'fortran_order': True, 'shape': (3, 4), 'descr': '<f4'}"));
}

TEST(ParseNpyHeader, RefusesBigEndianAndSaysWhatToDo) {
  for (const char* descr : {"'>f4'", "'>u2'", "'>i8'"}) {
    expect_parse_error(ErrorCode::kUnsupported, {"a.npy", "big endian", "newbyteorder"},
                       npy(dict(descr)));
  }
}

TEST(ParseNpyHeader, RefusesWhatIsNoPlainNumber) {
  for (const std::string descr : {"|O", "<U5", "|S3", "<c8", "<M8[ns]", "<m8[s]", "|V4", "<f16"}) {
    expect_parse_error(ErrorCode::kUnsupported, {"a.npy", descr, "save"},
                       npy(dict("'" + descr + "'")));
  }
  expect_parse_error(ErrorCode::kUnsupported, {"a.npy", "structured", "each field"},
                     npy(dict("[('x', '<f4'), ('y', '<i8')]")));
}

TEST(ParseNpyHeader, RefusesAnArrayWithoutAxes) {
  expect_parse_error(ErrorCode::kUnsupported, {"a.npy", "0-d"}, npy(dict("'<f4'", "()")));
}

TEST(ParseNpyHeader, RefusesVersionsOfTheFuture) {
  expect_parse_error(ErrorCode::kUnsupported, {"version 4", "1, 2 and 3"}, npy(dict("'<f4'"), 4));
  expect_parse_error(ErrorCode::kUnsupported, {"version 0"}, npy(dict("'<f4'"), 0));
}

TEST(ParseNpyHeader, RefusesOtherFiles) {
  for (const std::string_view text :
       {"", "\x93", "\x93NUMPY", "PK\x03\x04 an npz file", "NUMPY\x93"}) {
    expect_parse_error(ErrorCode::kCorrupt, {"a.npy", "magic", "hr.memmap"}, bytes_of(text));
  }
}

TEST(ParseNpyHeader, RefusesDamagedDictionaries) {
  const std::vector<std::string> damaged = {
      "",
      "{",
      "{}",
      "[]",
      "{'descr': '<f4', 'fortran_order': False}",
      "{'descr': '<f4', 'shape': (3,)}",
      "{'fortran_order': False, 'shape': (3,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': 1}",
      "{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (3,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'shape': (4,)}",
      "{'descr': '<f4', 'fortran_order': False, 'fortran_order': True, 'shape': (3,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} x",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)",
      "{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}",
      "{'descr': '<f4', 'fortran_order': Falsey, 'shape': (3,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': 3}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3,}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3.5,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (0x3,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3 4)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616,)}",
      "{'descr: '<f4', 'fortran_order': False, 'shape': (3,)}",
      "{'descr': <f4, 'fortran_order': False, 'shape': (3,)}",
      "{'descr' '<f4', 'fortran_order': False, 'shape': (3,)}",
      "{descr: '<f4', fortran_order: False, shape: (3,)}",
  };
  for (const std::string& header : damaged) {
    SCOPED_TRACE(header);
    expect_parse_error(ErrorCode::kCorrupt, {"a.npy"}, npy(header));
    expect_parse_error(ErrorCode::kCorrupt, {"a.npy"}, npy_raw(1, header));
  }
}

TEST(ParseNpyHeader, RefusesAByteOrderThatNumpyDoesNotHave) {
  // '8f4' is eight floats to numpy, 'xf4' nothing at all: neither is one float per element.
  for (const std::string descr : {"8f4", "2i8", "xf4", " f4", "(f4"}) {
    SCOPED_TRACE(descr);
    const Error error = error_of([&] { parse(npy(dict("'" + descr + "'"))); });
    EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported);
  }
}

TEST(ParseNpyHeader, RefusesMoreAxesThanNumpyHas) {
  std::string shape = "(";
  for (int i = 0; i < 64; ++i) {
    shape += "1, ";
  }
  EXPECT_EQ(parse(npy(dict("'<f4'", shape + ")"))).shape.size(), 64U);
  expect_parse_error(ErrorCode::kCorrupt, {"shape"}, npy(dict("'<f4'", shape + "1)")));
}

TEST(ParseNpyHeader, RefusesAHeaderThatIsLongerThanTheFile) {
  Bytes bytes = npy(dict("'<f4'"));
  bytes[8] = std::byte{0xFF};
  bytes[9] = std::byte{0xFF};
  expect_parse_error(ErrorCode::kCorrupt, {"claims 65535 bytes", "118"}, bytes);
  Bytes wide = npy(dict("'<f4'"), 2);
  for (size_t i = 8; i < 12; ++i) {
    wide[i] = std::byte{0xFF};
  }
  expect_parse_error(ErrorCode::kCorrupt, {"claims 4294967295 bytes"}, wide);
}

TEST(ParseNpyHeader, OfEveryTruncationIsATypedError) {
  for (const int version : {1, 2, 3}) {
    const Bytes bytes = npy(dict("'<f4'", "(3, 4)"), version);
    for (size_t size = 0; size < bytes.size(); ++size) {
      // A vector of its own, so that a read beyond its end is seen.
      expect_parse_error(ErrorCode::kCorrupt, {"a.npy"},
                         Bytes(bytes.begin(), bytes.begin() + static_cast<int64_t>(size)));
    }
  }
}

TEST(ParseNpyHeader, OfEveryBitFlipIsAnErrorOrAPlainHeader) {
  for (const int version : {1, 2, 3}) {
    const Bytes good = npy(dict("'<f4'", "(3, 4)"), version);
    for (size_t bit = 0; bit < good.size() * 8; ++bit) {
      Bytes bytes = good;
      bytes[bit / 8] ^= std::byte{1} << (bit % 8);
      try {
        const NpyHeader header = parse(bytes);
        ASSERT_LE(header.data_offset, bytes.size()) << bit;
        ASSERT_FALSE(header.shape.empty()) << bit;
        ASSERT_LT(static_cast<size_t>(header.dtype), kDTypeCount) << bit;
      } catch (const Error& error) {
        ASSERT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported)
            << bit << ": " << error.what();
      }
    }
  }
}

TEST(ReadNpyHeader, ReadsAFile) {
  const TempDir dir;
  const std::string path = dir.write("a.npy", with_data(npy(dict("'<f4'", "(3, 4)")), 48));
  const NpyHeader header = read_npy_header(path);
  EXPECT_EQ(header.dtype, DType::kFloat32);
  EXPECT_EQ(header.shape, (std::vector<uint64_t>{3, 4}));
  EXPECT_EQ(header.data_offset, 128U);
}

TEST(ReadNpyHeader, TakesAFileWithBytesToSpareAndOneWithoutRows) {
  const TempDir dir;
  EXPECT_EQ(read_npy_header(dir.write("a.npy", with_data(npy(dict("'<f4'")), 100))).shape.front(),
            3U);
  EXPECT_EQ(read_npy_header(dir.write("b.npy", npy(dict("'<f4'", "(0, 4)")))).shape.front(), 0U);
}

TEST(ReadNpyHeader, RefusesAFileThatIsShorterThanItsHeaderSays) {
  const TempDir dir;
  const std::string path = dir.write("a.npy", with_data(npy(dict("'<f4'", "(3, 4)")), 47));
  const Error error =
      expect_error(ErrorCode::kTruncated, {path, "truncated", "promises 176 bytes", "it has 175"},
                   [&] { read_npy_header(path); });
  EXPECT_EQ(error.context().file, path);
  EXPECT_EQ(error.context().offset, 175U);
}

TEST(ReadNpyHeader, OfEveryTruncatedFileIsATypedError) {
  const TempDir dir;
  const Bytes bytes = with_data(npy(dict("'<f4'", "(2,)")), 8);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string path = dir.write("a.npy", std::span(bytes).first(size));
    expect_error(size < 128 ? ErrorCode::kCorrupt : ErrorCode::kTruncated, {path},
                 [&] { read_npy_header(path); });
  }
}

TEST(ReadNpyHeader, RefusesShapesWhoseSizeOverflows) {
  const TempDir dir;
  for (const char* shape : {"(18446744073709551615,)", "(4294967296, 4294967296)",
                            "(4611686018427387904, 1)", "(4611686018427387903, 1)"}) {
    const std::string path = dir.write("a.npy", npy(dict("'<f4'", shape)));
    const Error error = error_of([&] { read_npy_header(path); });
    EXPECT_TRUE(error.code() == ErrorCode::kInvalid || error.code() == ErrorCode::kTruncated)
        << shape << ": " << error.what();
  }
  const std::string huge = dir.write("b.npy", npy(dict("'<f4'", "(1000000000000,)")));
  expect_error(ErrorCode::kTruncated, {"promises 4000000000128 bytes"},
               [&] { read_npy_header(huge); });
}

TEST(ReadNpyHeader, ReadsAHeaderOfTheMostBytesAndRefusesALongerOne) {
  const TempDir dir;
  std::string header = dict("'<f4'", "(3,)");
  header.append(kMaxNpyHeader - 12 - header.size(), ' ');
  EXPECT_EQ(read_npy_header(dir.write("a.npy", with_data(npy_raw(2, header), 12))).data_offset,
            kMaxNpyHeader);
  const std::string path = dir.write("b.npy", with_data(npy_raw(2, header + ' '), 12));
  expect_error(ErrorCode::kCorrupt, {path, "65525", "65536"}, [&] { read_npy_header(path); });
}

TEST(ReadNpyHeader, OfAMissingFileOrADirectoryFails) {
  const TempDir dir;
  expect_error(ErrorCode::kNotFound, {"absent"}, [&] { read_npy_header(dir.path("absent")); });
  expect_error(ErrorCode::kInvalid, {"directory"}, [&] { read_npy_header(dir.path()); });
  expect_error(ErrorCode::kCorrupt, {"magic"}, [&] { read_npy_header(dir.fill("empty", 0)); });
}

}  // namespace
}  // namespace headrace
