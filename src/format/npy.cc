#include "format/npy.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/checked.h"
#include "base/error.h"
#include "storage/file.h"

namespace headrace {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr uint64_t kMaxDimensions = 64;  // numpy 2's own limit

Error corrupt(const std::string& path, const std::string& what) {
  return Error(ErrorCode::kCorrupt, path + " is not a .npy file: " + what,
               {.file = path, .column = ""});
}

Error unsupported(const std::string& path, const std::string& what) {
  return Error(ErrorCode::kUnsupported, path + " " + what, {.file = path, .column = ""});
}

// Reads the header's Python dict literal, of which numpy writes one form only:
// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class LiteralReader {
 public:
  LiteralReader(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  NpyHeader read() {
    NpyHeader header;
    bool descr = false;
    bool order = false;
    bool shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !descr) {
        descr = true;
        header.dtype = dtype();
      } else if (key == "fortran_order" && !order) {
        order = true;
        fortran_ = boolean();
      } else if (key == "shape" && !shape) {
        shape = true;
        header.shape = tuple();
      } else {
        throw corrupt(path_, "its header has an unexpected key '" + std::string(key) + "'");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (!text_.empty() || !descr || !order || !shape) {
      throw corrupt(path_, "its header does not have exactly descr, fortran_order and shape");
    }
    if (header.shape.empty()) {
      throw unsupported(path_, "is a 0-d array; rows need a first axis");
    }
    // A Fortran-ordered array of one axis is the same bytes; numpy says so for 1-d arrays only
    // rarely.
    if (fortran_ && header.shape.size() > 1) {
      throw unsupported(path_,
                        "is in Fortran order, so its rows are not contiguous; save "
                        "np.ascontiguousarray(array) instead");
    }
    return header;
  }

 private:
  void skip_space() {
    while (!text_.empty() && std::isspace(static_cast<unsigned char>(text_.front())) != 0) {
      text_.remove_prefix(1);
    }
  }

  bool accept(char wanted) {
    skip_space();
    if (text_.empty() || text_.front() != wanted) {
      return false;
    }
    text_.remove_prefix(1);
    return true;
  }

  void expect(char wanted) {
    if (!accept(wanted)) {
      throw corrupt(path_, std::string("its header lacks a '") + wanted + "'");
    }
  }

  std::string_view quoted() {
    skip_space();
    const char quote = text_.empty() ? '\0' : text_.front();
    if (quote != '\'' && quote != '"') {
      throw corrupt(path_, "its header lacks a quoted name");
    }
    const size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) {
      throw corrupt(path_, "its header has an unclosed quote");
    }
    const std::string_view inside = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return inside;
  }

  bool boolean() {
    skip_space();
    for (const std::string_view word : {"True", "False"}) {
      if (text_.starts_with(word)) {
        text_.remove_prefix(word.size());
        return word == "True";
      }
    }
    throw corrupt(path_, "fortran_order is neither True nor False");
  }

  std::vector<uint64_t> tuple() {
    std::vector<uint64_t> extents;
    expect('(');
    while (!accept(')')) {
      skip_space();
      uint64_t extent = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), extent);
      if (error != std::errc() || extents.size() == kMaxDimensions) {
        throw corrupt(path_, "its shape is not a tuple of sizes");
      }
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      accept('L');  // Python 2 wrote long integers so
      extents.push_back(extent);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return extents;
  }

  DType dtype() {
    skip_space();
    if (!text_.empty() && (text_.front() == '[' || text_.front() == '(')) {
      throw unsupported(path_, "holds a structured array; save each field as a file of its own");
    }
    const std::string descr(quoted());
    struct Known {
      std::string_view descr;
      DType dtype;
    };
    static constexpr std::array<Known, 12> kKnown = {{{"b1", DType::kBool},
                                                      {"u1", DType::kUint8},
                                                      {"u2", DType::kUint16},
                                                      {"u4", DType::kUint32},
                                                      {"u8", DType::kUint64},
                                                      {"i1", DType::kInt8},
                                                      {"i2", DType::kInt16},
                                                      {"i4", DType::kInt32},
                                                      {"i8", DType::kInt64},
                                                      {"f2", DType::kFloat16},
                                                      {"f4", DType::kFloat32},
                                                      {"f8", DType::kFloat64}}};
    const char byte_order = descr.empty() ? '\0' : descr.front();
    const std::string_view kind = std::string_view(descr).substr(descr.empty() ? 0 : 1);
    const bool known_order = std::string_view("<>|=").find(byte_order) != std::string_view::npos;
    for (const Known& known : kKnown) {
      if (kind != known.descr || !known_order) {
        continue;
      }
      if (byte_order == '>' && dtype_size(known.dtype) > 1) {
        throw unsupported(path_, "is big endian (" + descr +
                                     "); save array.astype(array.dtype.newbyteorder('<')) instead");
      }
      return known.dtype;
    }
    throw unsupported(
        path_, "has dtype " + descr + "; save bool, int8-64, uint8-64 or float16-64 instead");
  }

  std::string_view text_;
  const std::string& path_;
  bool fortran_ = false;
};

uint64_t little_endian(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | std::to_integer<uint64_t>(bytes[i - 1]);
  }
  return value;
}

}  // namespace

NpyHeader parse_npy_header(std::span<const std::byte> head, const std::string& path) {
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  if (!text.starts_with(kMagic) || head.size() < kMagic.size() + 2) {
    throw corrupt(path, "it does not start with numpy's magic bytes; raw files are for hr.memmap");
  }
  const auto version = std::to_integer<int>(head[kMagic.size()]);
  if (version < 1 || version > 3) {
    throw unsupported(
        path, "has .npy version " + std::to_string(version) + "; versions 1, 2 and 3 are known");
  }
  const uint64_t length_at = kMagic.size() + 2;
  const uint64_t length_bytes = version == 1 ? 2 : 4;
  if (!range_fits(length_at, length_bytes, head.size())) {
    throw corrupt(path, "it ends inside its header");
  }
  const uint64_t length = little_endian(head.subspan(length_at, length_bytes));
  const uint64_t start = length_at + length_bytes;
  if (!range_fits(start, length, head.size())) {
    throw corrupt(path, "its header claims " + std::to_string(length) + " bytes, and only " +
                            std::to_string(head.size() - start) + " of at most " +
                            std::to_string(kMaxNpyHeader) + " are there");
  }
  NpyHeader header = LiteralReader(text.substr(start, length), path).read();
  header.data_offset = start + length;
  return header;
}

NpyHeader read_npy_header(const std::string& path) {
  const uint64_t size = inspect_file(path).size;
  std::vector<std::byte> head(std::min(kMaxNpyHeader, size));
  head.resize(read_file_head(path, head));
  NpyHeader header = parse_npy_header(head, path);
  uint64_t bytes = dtype_size(header.dtype);
  for (const uint64_t extent : header.shape) {
    bytes = checked_mul(bytes, extent, "bytes of an array");
  }
  const uint64_t expected = checked_add(header.data_offset, bytes, "size of a file");
  if (size < expected) {
    throw Error(ErrorCode::kTruncated,
                path + " is truncated: its header promises " + std::to_string(expected) +
                    " bytes, and it has " + std::to_string(size),
                {.file = path, .column = "", .row = std::nullopt, .offset = size});
  }
  return header;
}

}  // namespace headrace
