#include "format/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "format/json_text.h"

namespace headrace {
namespace {

// Not ordered_json, which looks a key up among all others: the time of a hostile header would grow
// with the square of its names.
using Json = nlohmann::json;

constexpr uint64_t kLengthBytes = 8;  // before the header: its length
constexpr uint64_t kMaxNesting = 4;   // {"x": {"shape": [1]}} and one to spare
constexpr uint64_t kMaxDimensions = 64;

constexpr std::array<std::pair<std::string_view, DType>, 13> kDTypes = {{
    {"BOOL", DType::kBool},
    {"U8", DType::kUint8},
    {"U16", DType::kUint16},
    {"U32", DType::kUint32},
    {"U64", DType::kUint64},
    {"I8", DType::kInt8},
    {"I16", DType::kInt16},
    {"I32", DType::kInt32},
    {"I64", DType::kInt64},
    {"F16", DType::kFloat16},
    {"BF16", DType::kBfloat16},
    {"F32", DType::kFloat32},
    {"F64", DType::kFloat64},
}};

// One tensor of the header and what is said about it in messages.
class TensorReader {
 public:
  TensorReader(std::string name, const Json& value, const std::string& path)
      : name_(std::move(name)), value_(value), path_(path) {}

  // The tensor, its offset counted from the start of the data.
  StoredTensor read(uint64_t data_bytes) const {
    if (!value_.is_object() || value_.size() != 3) {
      throw corrupt("is no object of dtype, shape and data_offsets");
    }
    std::vector<uint64_t> shape = numbers("shape");
    const std::vector<uint64_t> place = numbers("data_offsets");
    const DType dtype = this->dtype();
    if (place.size() != 2 || place[0] > place[1] || place[1] > data_bytes) {
      throw corrupt("has data_offsets outside the " + std::to_string(data_bytes) +
                    " bytes of the file's data");
    }
    if (shape.empty() || shape.size() > kMaxDimensions) {
      throw Error(ErrorCode::kUnsupported,
                  path_ + ": tensor " + name_ + " has " + std::to_string(shape.size()) +
                      " dimensions; a column needs a first dimension, one element per row, and at "
                      "most 64",
                  {.file = path_, .column = name_});
    }
    const uint64_t rows = shape.front();
    shape.erase(shape.begin());
    StoredTensor tensor{
        .field = make_field(name_, dtype, std::move(shape)), .rows = rows, .offset = place[0]};
    if (checked_mul(rows, tensor.field.row_bytes(), "bytes of a tensor") != place[1] - place[0]) {
      throw corrupt("has " + std::to_string(place[1] - place[0]) + " bytes, and " +
                    std::to_string(rows) + " rows of " + describe(tensor.field) + " are others");
    }
    return tensor;
  }

 private:
  Error corrupt(const std::string& what) const {
    return Error(ErrorCode::kCorrupt, path_ + ": tensor " + name_ + " of its header " + what,
                 {.file = path_, .column = name_});
  }

  std::vector<uint64_t> numbers(const char* key) const {
    const auto found = value_.find(key);
    if (found == value_.end() || !found->is_array()) {
      throw corrupt(std::string("has no list ") + key);
    }
    std::vector<uint64_t> values;
    for (const Json& value : *found) {
      if (!value.is_number_unsigned()) {
        throw corrupt(std::string("has other things than whole numbers in ") + key);
      }
      values.push_back(value.get<uint64_t>());
    }
    return values;
  }

  DType dtype() const {
    const auto found = value_.find("dtype");
    if (found == value_.end() || !found->is_string()) {
      throw corrupt("has no dtype");
    }
    const std::string& text = found->get_ref<const std::string&>();
    for (const auto& [name, dtype] : kDTypes) {
      if (name == text) {
        return dtype;
      }
    }
    throw Error(ErrorCode::kUnsupported,
                path_ + ": tensor " + name_ + " has the dtype " + text +
                    ", which columns cannot have; save it as another",
                {.file = path_, .column = name_});
  }

  std::string name_;
  const Json& value_;
  const std::string& path_;
};

Error no_header(const std::string& path, const std::string& what) {
  return Error(ErrorCode::kCorrupt, path + " is not a .safetensors file: " + what,
               {.file = path, .column = ""});
}

// Collects the keys of the outermost object. The parser's own callback would do, but it looks
// through the whole object at the end of each inner one.
class OuterKeys : public Json::json_sax_t {
 public:
  // In the order of the text.
  std::vector<std::string> names = {};

  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
  bool string(string_t& /*value*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool start_object(std::size_t /*size*/) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t /*size*/) override { return enter(); }
  bool end_array() override { return leave(); }
  bool key(string_t& value) override {
    if (depth_ == 1) {
      names.push_back(value);
    }
    return true;
  }
  bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return false;
  }

 private:
  bool enter() noexcept {
    ++depth_;
    return true;
  }
  bool leave() noexcept {
    --depth_;
    return true;
  }

  uint64_t depth_ = 0;
};

// Parses the text, and adds its names to `names` in their order; a name that occurs twice is
// refused, since readers would differ on which counts.
Json parse_json(std::string_view text, const std::string& path, std::vector<std::string>& names) {
  if (!json_nests_within(text, kMaxNesting)) {
    throw no_header(path, "its header nests too deeply");
  }
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    throw no_header(path, "its header is no JSON object");
  }
  OuterKeys keys;
  Json::sax_parse(text, &keys);
  names = std::move(keys.names);
  std::vector<std::string_view> sorted(names.begin(), names.end());
  std::sort(sorted.begin(), sorted.end());
  const auto repeated = std::adjacent_find(sorted.begin(), sorted.end());
  if (repeated != sorted.end()) {
    throw no_header(path, "its header has two tensors " + std::string(*repeated));
  }
  return json;
}

// Tensors lie one after another and fill the data: what lies in a hole is nobody's.
void check_places(const std::vector<StoredTensor>& tensors, uint64_t data_bytes,
                  const std::string& path) {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(tensors[a].offset, tensors[a].rows) <
           std::pair(tensors[b].offset, tensors[b].rows);
  });
  uint64_t end = 0;
  for (const size_t i : order) {
    if (tensors[i].offset != end) {
      throw no_header(path, "tensor " + tensors[i].field.name + " begins at byte " +
                                std::to_string(tensors[i].offset) + " of the data, not at " +
                                std::to_string(end));
    }
    end += tensors[i].rows * tensors[i].field.row_bytes();
  }
  if (end != data_bytes) {
    throw no_header(path, "its tensors have " + std::to_string(end) + " bytes, and the file has " +
                              std::to_string(data_bytes) + " for them");
  }
}

void check_rows(const std::vector<StoredTensor>& tensors, const std::string& path) {
  if (tensors.empty()) {
    throw Error(ErrorCode::kInvalid, path + " holds no tensors", {.file = path, .column = ""});
  }
  for (const StoredTensor& tensor : tensors) {
    if (tensor.rows != tensors.front().rows) {
      throw Error(ErrorCode::kInvalid,
                  path +
                      ": the rows are the first dimension, which must be the same in all "
                      "tensors; " +
                      tensors.front().field.name + " has " + std::to_string(tensors.front().rows) +
                      " and " + tensor.field.name + " has " + std::to_string(tensor.rows),
                  {.file = path, .column = tensor.field.name});
    }
  }
}

}  // namespace

std::vector<StoredTensor> parse_safetensors_header(std::string_view json, uint64_t data_offset,
                                                   uint64_t data_bytes, const std::string& path) {
  std::vector<std::string> names;
  const Json header = parse_json(json, path, names);
  std::vector<StoredTensor> tensors;
  for (const std::string& name : names) {
    if (name != "__metadata__") {
      tensors.push_back(TensorReader(name, header.at(name), path).read(data_bytes));
    }
  }
  check_places(tensors, data_bytes, path);
  check_rows(tensors, path);
  for (StoredTensor& tensor : tensors) {
    tensor.offset += data_offset;
  }
  return tensors;
}

std::vector<StoredTensor> read_safetensors_header(const File& file) {
  const uint64_t size = file.info().size;
  if (size < kLengthBytes) {
    throw truncated_error(file.path(), kLengthBytes, size);
  }
  uint64_t length = 0;
  file.read(0, std::as_writable_bytes(std::span(&length, 1)));
  if (length > kMaxSafetensorsHeader) {
    throw no_header(file.path(), "its header would have " + std::to_string(length) +
                                     " bytes, and at most " +
                                     std::to_string(kMaxSafetensorsHeader) + " are read");
  }
  if (length > size - kLengthBytes) {
    throw truncated_error(file.path(), kLengthBytes + length, size);
  }
  std::string json(length, '\0');
  file.read(kLengthBytes, std::as_writable_bytes(std::span(json)));
  const uint64_t data_offset = kLengthBytes + length;
  return parse_safetensors_header(json, data_offset, size - data_offset, file.path());
}

}  // namespace headrace
