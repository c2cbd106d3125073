#include "format/field_reader.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "format/arrow_errors.h"
#include "format/arrow_metadata.h"
#include "format/field_writer.h"
#include "format/fixed_shape_tensor.h"

namespace headrace {
namespace {

using flatbuf::Precision;
using flatbuf::Type;
using ArrowField = flatbuf::Field;

constexpr std::string_view kExtensionKey = "ARROW:extension:name";
constexpr std::string_view kExtensionMetadataKey = "ARROW:extension:metadata";

class FieldReader {
 public:
  FieldReader(std::string name, const std::string& path) : path_(path) {
    column_.field.name = std::move(name);
  }

  ColumnLayout read(const ArrowField& field) {
    const auto* width = value_of(field.custom_metadata(), kColumnsKey, path_);
    refuse_dictionary(field);
    if (field.type_type() == Type::List || field.type_type() == Type::LargeList) {
      refuse_extension(field);
      set_offsets(field.type_type() == Type::LargeList);
      if (width != nullptr) {
        read_csr(child_of(field), text_of(width));
      } else {
        column_.field.kind = ColumnKind::kRagged;
        refuse_structures(child_of(field));
        read_tensor(child_of(field));
      }
    } else if (width != nullptr) {
      throw corrupt("has " + std::string(kColumnsKey) + " and is no list");
    } else if (!read_bytes(field)) {
      read_tensor(field);
    }
    read_dtype(value_of(field.custom_metadata(), kDTypeKey, path_));
    if (column_.packed_bits && !column_.field.is_tensor()) {
      throw unsupported("is a list of bits");
    }
    check();
    return std::move(column_);
  }

 private:
  std::string subject() const { return "column " + column_.field.name + " "; }
  Error corrupt(const std::string& what) const {
    return corrupt_arrow(path_, subject() + what, column_.field.name);
  }
  Error unsupported(const std::string& what) const {
    return unsupported_arrow(path_, subject() + what, column_.field.name);
  }

  void refuse_dictionary(const ArrowField& field) const {
    if (field.dictionary() != nullptr) {
      throw unsupported("is a dictionary");
    }
  }

  void refuse_extension(const ArrowField& field) const {
    const auto* extension = value_of(field.custom_metadata(), kExtensionKey, path_);
    if (extension != nullptr) {
      throw unsupported("is of the extension type " + std::string(text_of(extension)));
    }
  }

  const ArrowField& child_of(const ArrowField& field) const {
    if (field.children() == nullptr || field.children()->size() != 1) {
      throw corrupt("is a list without exactly one child");
    }
    return *field.children()->Get(0);
  }

  // Sparse rows of which nobody said how wide they are, and others that are no column at all.
  void refuse_structures(const ArrowField& item) const {
    if (item.type_type() == Type::Struct_) {
      throw unsupported("is a list of structures without a width (" + std::string(kColumnsKey) +
                        " in the field's metadata, which makes {indices, values} a csr column)");
    }
  }

  void set_offsets(bool large) { column_.offset_size = large ? sizeof(int64_t) : sizeof(int32_t); }

  // Whether the column is bytes or text.
  bool read_bytes(const ArrowField& field) {
    const Type type = field.type_type();
    const bool text = type == Type::Utf8 || type == Type::LargeUtf8;
    if (!text && type != Type::Binary && type != Type::LargeBinary) {
      return false;
    }
    refuse_extension(field);
    refuse_children(field);
    column_.field.kind = text ? ColumnKind::kText : ColumnKind::kBytes;
    set_offsets(type == Type::LargeUtf8 || type == Type::LargeBinary);
    return true;
  }

  void refuse_children(const ArrowField& field) const {
    if (field.children() != nullptr && field.children()->size() != 0) {
      throw corrupt("has children, and its type has none");
    }
  }

  // A primitive, or FixedSizeLists of one.
  void read_tensor(const ArrowField& field) {
    const ArrowField* level = &field;
    const auto* extension = value_of(field.custom_metadata(), kExtensionKey, path_);
    if (extension != nullptr && text_of(extension) != kFixedShapeTensor) {
      refuse_extension(field);
    }
    while (level->type_type() == Type::FixedSizeList) {
      refuse_dictionary(*level);
      const flatbuf::FixedSizeList* list = level->type_as_FixedSizeList();
      if (list == nullptr || list->list_size() < 0) {
        throw corrupt("is a fixed-size list of no or a negative size");
      }
      column_.list_sizes.push_back(static_cast<uint64_t>(list->list_size()));
      level = &child_of(*level);
      refuse_extension(*level);
    }
    column_.field.dtype = read_primitive(*level);
    column_.field.row_shape = column_.list_sizes;
    if (extension != nullptr) {
      read_shape(text_of(value_of(field.custom_metadata(), kExtensionMetadataKey, path_)));
    }
  }

  void read_shape(std::string_view metadata) {
    const std::optional<FixedShape> fixed = parse_fixed_shape(metadata);
    if (!fixed) {
      throw corrupt("is a fixed_shape_tensor without a readable shape");
    }
    if (fixed->permuted) {
      throw unsupported("is a tensor with permuted dimensions");
    }
    if (column_.list_sizes.size() != 1 || fixed->elements != column_.list_sizes[0]) {
      throw corrupt("is a fixed_shape_tensor whose shape does not fit its list");
    }
    column_.field.row_shape = fixed->shape;
  }

  DType read_primitive(const ArrowField& field) {
    refuse_dictionary(field);
    const Type type = field.type_type();
    if (field.type() == nullptr) {
      throw type <= Type::MAX ? corrupt("has no type") : unknown_type(type);
    }
    if (type == Type::Bool) {
      column_.packed_bits = true;
      refuse_children(field);
      return DType::kBool;
    }
    const std::optional<DType> dtype = type == Type::Int ? integer(*field.type_as_Int())
                                       : type == Type::FloatingPoint
                                           ? floating(*field.type_as_FloatingPoint())
                                           : std::nullopt;
    if (!dtype) {
      throw unknown_type(type);
    }
    refuse_children(field);
    return *dtype;
  }

  Error unknown_type(Type type) const {
    const std::string name =
        type <= Type::MAX ? flatbuf::EnumNameType(type) : std::to_string(static_cast<int>(type));
    return unsupported("is or holds Arrow's type " + name);
  }

  static std::optional<DType> integer(const flatbuf::Int& type) noexcept {
    const bool sign = type.is_signed();
    switch (type.bit_width()) {
      case 8:
        return sign ? DType::kInt8 : DType::kUint8;
      case 16:
        return sign ? DType::kInt16 : DType::kUint16;
      case 32:
        return sign ? DType::kInt32 : DType::kUint32;
      case 64:
        return sign ? DType::kInt64 : DType::kUint64;
      default:
        return std::nullopt;
    }
  }

  static std::optional<DType> floating(const flatbuf::FloatingPoint& type) noexcept {
    switch (type.precision()) {
      case Precision::HALF:
        return DType::kFloat16;
      case Precision::SINGLE:
        return DType::kFloat32;
      case Precision::DOUBLE:
        return DType::kFloat64;
    }
    return std::nullopt;
  }

  void read_csr(const ArrowField& item, std::string_view width) {
    Field& field = column_.field;
    field.kind = ColumnKind::kCsr;
    const char* end = width.data() + width.size();
    const auto [stop, error] = std::from_chars(width.data(), end, field.width);
    if (error != std::errc() || stop != end) {
      throw corrupt("has a width in " + std::string(kColumnsKey) + " that is no number");
    }
    refuse_dictionary(item);
    refuse_extension(item);
    field.binary = item.type_type() != Type::Struct_;
    if (field.binary) {
      field.index_dtype = read_primitive(item);
      return;
    }
    const auto* parts = item.children();
    if (parts == nullptr || parts->size() != 2 || text_of(parts->Get(0)->name()) != kIndicesName ||
        text_of(parts->Get(1)->name()) != kValuesName) {
      throw corrupt("is csr, and not a list of indices and values");
    }
    field.index_dtype = read_primitive(*parts->Get(0));
    field.dtype = read_primitive(*parts->Get(1));
  }

  void read_dtype(const flatbuffers::String* name) {
    if (name == nullptr) {
      return;
    }
    const auto dtype = known_dtype(text_of(name));
    if (!dtype) {
      throw unsupported("is of dtype " + std::string(text_of(name)) + ", unknown to this version");
    }
    if (column_.packed_bits || stored_dtype(*dtype) != column_.field.dtype) {
      throw corrupt(std::string("is of dtype ") + dtype_name(*dtype) + " by its metadata and " +
                    dtype_name(column_.field.dtype) + " by its type");
    }
    column_.field.dtype = *dtype;
  }

  static std::optional<DType> known_dtype(std::string_view name) noexcept {
    for (size_t i = 0; i < kDTypeCount; ++i) {
      const auto dtype = static_cast<DType>(i);
      if (name == dtype_name(dtype)) {
        return dtype;
      }
    }
    return std::nullopt;
  }

  void check() const {
    try {
      check_field(column_.field);
    } catch (const Error& error) {
      throw error.code() == ErrorCode::kUnsupported
          ? unsupported_arrow(path_, error.what(), column_.field.name)
          : corrupt_arrow(path_, error.what(), column_.field.name);
    }
  }

  const std::string& path_;
  ColumnLayout column_;
};

}  // namespace

ColumnLayout read_field(const flatbuf::Field& field, std::string name, const std::string& path) {
  return FieldReader(std::move(name), path).read(field);
}

}  // namespace headrace
