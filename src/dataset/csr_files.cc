#include "dataset/csr_files.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "base/error.h"
#include "format/npy.h"

namespace headrace {
namespace {

// So many offsets are looked at between two polls.
constexpr uint64_t kStepOffsets = uint64_t{1} << 17;

// One array of one dimension in a .npy file: `file` as a column of scalars.
struct StoredArray {
  StoredRows file = {};
  uint64_t elements = 0;

  const std::string& path() const noexcept { return file.path; }
  uint64_t bytes() const noexcept { return elements * file.row_bytes; }
};

struct StoredCsr {
  StoredArray indptr;
  StoredArray indices;
  StoredArray values;  // without elements and path where the column is binary
};

[[noreturn]] void refuse(const std::string& name, const StoredArray& array, const std::string& why,
                         ErrorCode code = ErrorCode::kInvalid) {
  throw Error(code, array.path() + " " + why, {.file = array.path(), .column = name});
}

StoredArray look_at(const std::string& name, const std::string& path) {
  StoredArray array{.file = {.path = path, .info = inspect_file(path)}};
  const NpyHeader header = read_npy_header(path);
  if (header.shape.size() != 1) {
    refuse(name, array,
           "has " + std::to_string(header.shape.size()) +
               " dimensions; the arrays of csr have one: save indptr, indices and values");
  }
  array.file.offset = header.data_offset;
  array.file.row_bytes = dtype_size(header.dtype);
  array.file.dtype = header.dtype;
  array.elements = header.shape.front();
  return array;
}

// The rows of one folder. Sources are opened lazily; what can be wrong with indptr was looked at
// when the dataset was made, and is looked at again, row by row, when rows are read.
class CsrFileSource : public Source {
 public:
  CsrFileSource(Field field, StoredCsr stored, Io io)
      : Source(stored.indptr.elements - 1),
        field_(std::move(field)),
        stored_(std::move(stored)),
        io_(io) {}

  bool in_files() const noexcept override { return true; }
  DType dtype(size_t /*column*/) const noexcept override { return field_.dtype; }
  DType index_dtype(size_t /*column*/) const noexcept override { return field_.index_dtype; }
  std::string file(size_t /*column*/) const override { return stored_.indptr.path(); }
  uint64_t variable_bytes(size_t /*column*/) const noexcept override {
    return stored_.indptr.bytes() + stored_.indices.bytes() + stored_.values.bytes();
  }

  void read(size_t /*column*/, uint64_t /*first*/, uint64_t /*rows*/, std::byte* /*out*/,
            OpenFiles& /*files*/) const override {
    throw Error(ErrorCode::kUnsupported, "rows of csr have no one size to be read in");
  }

  void read_part(size_t /*column*/, ColumnPart part, uint64_t first, uint64_t count, std::byte* out,
                 OpenFiles& files) const override {
    const StoredArray& array = array_of(part);
    const uint64_t size = array.file.row_bytes;
    files.get(array.path(), array.file.info)
        .read(array.file.offset + first * size, {out, count * size});
  }

  StoredPart stored_part(size_t /*column*/, ColumnPart part) const override {
    const StoredArray& array = array_of(part);
    return array.elements == 0
               ? StoredPart{}
               : StoredPart{
                     .file = &array.file, .offset = array.file.offset, .bytes = array.bytes()};
  }

  void advise_part(size_t /*column*/, ColumnPart part, uint64_t first, uint64_t count,
                   Advice advice, OpenFiles& files) const override {
    const StoredArray& array = array_of(part);
    const uint64_t size = array.file.row_bytes;
    const std::byte* data = part_of(open().variable.front(), part);
    for (const auto& map : open().maps) {
      if (data != nullptr && map->contains(data)) {
        map->advise(data + first * size, count * size, advice);
        return;
      }
    }
    if (advice == Advice::kWillNeed) {
      files.get(array.path(), array.file.info)
          .will_need(array.file.offset + first * size, count * size);
    }
  }

 protected:
  // All of them are mapped, or none.
  std::unique_ptr<const OpenSource> do_open() const override {
    auto open = std::make_unique<OpenSource>();
    open->columns.emplace_back();
    ColumnView view{.rows = rows(),
                    .offset_size = static_cast<uint8_t>(stored_.indptr.file.row_bytes),
                    .elements = stored_.indices.elements};
    const std::byte* indptr = map(stored_.indptr, open->maps);
    const std::byte* indices = map(stored_.indices, open->maps);
    const std::byte* values = field_.binary ? nullptr : map(stored_.values, open->maps);
    const bool mapped =
        std::find(open->maps.begin(), open->maps.end(), nullptr) == open->maps.end();
    if (mapped) {
      view.offsets = indptr;
      view.indices = indices;
      view.values = values;
    } else {
      open->maps.clear();
    }
    open->variable.push_back(view);
    return open;
  }

 private:
  const StoredArray& array_of(ColumnPart part) const noexcept {
    return part == ColumnPart::kOffsets  ? stored_.indptr
           : part == ColumnPart::kValues ? stored_.values
                                         : stored_.indices;
  }

  // Where the elements of `array` lie in the map that becomes the last of `maps`, nullptr if there
  // is none to be had.
  const std::byte* map(const StoredArray& array,
                       std::vector<std::shared_ptr<const MappedFile>>& maps) const {
    const File file(array.path(), array.file.info);
    const uint64_t expected = array.file.offset + array.bytes();
    if (file.info().size < expected) {
      throw truncated_error(array.path(), expected, file.info().size);
    }
    maps.push_back(map_file(file, io_));
    return maps.back() == nullptr ? nullptr : maps.back()->data() + array.file.offset;
  }

  Field field_;
  StoredCsr stored_;
  Io io_;
};

template <typename Offset>
void check_offsets(const std::string& name, const StoredCsr& stored,
                   const std::function<void()>& poll) {
  const StoredArray& indptr = stored.indptr;
  const File file(indptr.path(), indptr.file.info);
  std::vector<Offset> offsets(std::min(indptr.elements, kStepOffsets));
  Offset before = 0;
  for (uint64_t first = 0; first < indptr.elements; first += offsets.size()) {
    poll();
    offsets.resize(std::min<uint64_t>(offsets.size(), indptr.elements - first));
    file.read(indptr.file.offset + first * sizeof(Offset),
              std::as_writable_bytes(std::span(offsets)));
    for (uint64_t i = 0; i < offsets.size(); ++i) {
      if (offsets[i] < before) {
        throw Error(
            ErrorCode::kInvalid,
            indptr.path() + " decreases from " + std::to_string(before) + " to " +
                std::to_string(offsets[i]) + " at " + std::to_string(first + i) +
                "; row i is indices[indptr[i]:indptr[i + 1]]",
            {.file = indptr.path(), .column = name, .row = first + i == 0 ? 0 : first + i - 1});
      }
      before = offsets[i];
    }
  }
  if (static_cast<uint64_t>(before) != stored.indices.elements) {
    refuse(name, indptr,
           "ends at " + std::to_string(before) + ", and " + stored.indices.path() + " has " +
               std::to_string(stored.indices.elements) + " elements; the three files of csr " +
               "belong together");
  }
}

StoredCsr look_at(const std::string& name, const CsrFiles& files) {
  StoredCsr stored{
      .indptr = look_at(name, files.indptr), .indices = look_at(name, files.indices), .values = {}};
  const DType offset = stored.indptr.file.dtype;
  if (offset != DType::kInt32 && offset != DType::kInt64) {
    refuse(name, stored.indptr,
           std::string("has ") + dtype_name(offset) + "; save indptr as int32 or int64",
           ErrorCode::kUnsupported);
  }
  const DType index = stored.indices.file.dtype;
  if (index != DType::kUint16 && index != DType::kInt32 && index != DType::kInt64) {
    refuse(name, stored.indices,
           std::string("has ") + dtype_name(index) + "; save indices as uint16, int32 or int64",
           ErrorCode::kUnsupported);
  }
  if (stored.indptr.elements == 0) {
    refuse(name, stored.indptr, "is empty; indptr has one more element than there are rows");
  }
  if (!files.values.empty()) {
    stored.values = look_at(name, files.values);
    if (stored.values.elements != stored.indices.elements) {
      refuse(name, stored.values,
             "has " + std::to_string(stored.values.elements) + " elements, and " +
                 stored.indices.path() + " has " + std::to_string(stored.indices.elements) +
                 "; csr has a value for each index, or no values at all");
    }
  }
  return stored;
}

Field field_of(const std::string& name, const StoredCsr& stored, bool binary, uint64_t width) {
  Field field{.name = name,
              .dtype = binary ? DType::kUint8 : stored.values.file.dtype,
              .row_shape = {},
              .kind = ColumnKind::kCsr,
              .index_dtype = stored.indices.file.dtype,
              .width = width,
              .binary = binary};
  check_field(field);
  return field;
}

}  // namespace

DatasetPtr dataset_from_csr_files(const std::string& name, const std::vector<CsrFiles>& parts,
                                  uint64_t width, Io io, const std::function<void()>& poll) {
  std::vector<Piece> pieces;
  Field field;
  for (size_t k = 0; k < parts.size(); ++k) {
    StoredCsr stored = look_at(name, parts[k]);
    Field found = field_of(name, stored, parts[k].values.empty(), width);
    if (k == 0) {
      field = found;
    }
    if (found != field) {
      refuse(name, stored.indices,
             "is of " + describe(found) + " with " + dtype_name(found.index_dtype) +
                 " indices, and the files before it are of " + describe(field) + " with " +
                 dtype_name(field.index_dtype) + " indices; parts of a column need equal dtypes");
    }
    stored.indptr.file.dtype == DType::kInt32 ? check_offsets<int32_t>(name, stored, poll)
                                              : check_offsets<int64_t>(name, stored, poll);
    const uint64_t rows = stored.indptr.elements - 1;
    if (rows > 0) {
      pieces.push_back({.source = std::make_shared<CsrFileSource>(field, std::move(stored), io),
                        .first = 0,
                        .rows = rows,
                        .columns = nullptr});
    }
  }
  if (pieces.empty()) {
    throw Error(ErrorCode::kInvalid, "column " + name + " has no rows in its files",
                {.file = parts.empty() ? "" : parts.front().indptr, .column = name});
  }
  return std::make_shared<Dataset>(
      std::vector<DatasetColumn>{{.field = std::move(field), .group = 0, .column = 0, .casts = {}}},
      std::vector{RowSpace::table(std::move(pieces))});
}

}  // namespace headrace
