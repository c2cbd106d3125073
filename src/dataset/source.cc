#include "dataset/source.h"

#include <cstring>
#include <utility>

namespace headrace {
namespace {

const std::string& no_file() noexcept {
  static const std::string kNone;
  return kNone;
}

}  // namespace

Source::~Source() { delete opened_.load(std::memory_order_acquire); }

const OpenSource& Source::open() const {
  if (const OpenSource* ready = opened()) {
    return *ready;
  }
  std::unique_ptr<const OpenSource> fresh = do_open();
  const OpenSource* published = nullptr;
  if (opened_.compare_exchange_strong(published, fresh.get(), std::memory_order_acq_rel)) {
    return *fresh.release();
  }
  return *published;  // another thread was first; ours is closed again
}

void Source::check_files() const {
  if (const OpenSource* open = opened()) {
    for (const auto& map : open->maps) {
      map->check_size();
    }
  }
}

ArraySource::ArraySource(uint64_t rows, std::vector<Array> arrays)
    : Source(rows), arrays_(std::move(arrays)) {}

DType ArraySource::dtype(size_t column) const noexcept { return arrays_[column].dtype; }

const std::string& ArraySource::file(size_t /*column*/) const noexcept { return no_file(); }

void ArraySource::read(size_t column, uint64_t first, uint64_t rows, std::byte* out) const {
  const Array& array = arrays_[column];
  for (uint64_t i = 0; i < rows; ++i) {
    std::memcpy(out + i * array.row_bytes,
                array.rows.rows + static_cast<int64_t>(first + i) * array.rows.stride,
                array.row_bytes);
  }
}

std::unique_ptr<const OpenSource> ArraySource::do_open() const {
  auto open = std::make_unique<OpenSource>();
  for (const Array& array : arrays_) {
    open->columns.push_back(array.rows);
  }
  return open;
}

FileSource::FileSource(uint64_t rows, std::vector<File> files)
    : Source(rows), files_(std::move(files)) {}

DType FileSource::dtype(size_t column) const noexcept { return files_[column].dtype; }

const std::string& FileSource::file(size_t column) const noexcept { return files_[column].path; }

void FileSource::read(size_t column, uint64_t first, uint64_t rows, std::byte* out) const {
  const File& file = files_[column];
  read_file(file.path, file.offset + first * file.row_bytes, {out, rows * file.row_bytes},
            file.info);
}

std::unique_ptr<const OpenSource> FileSource::do_open() const {
  auto open = std::make_unique<OpenSource>();
  for (const File& file : files_) {
    PieceRows rows;
    if (auto map =
            MappedFile::open(file.path, file.offset + this->rows() * file.row_bytes, file.info)) {
      rows.rows = map->data() + file.offset;
      rows.stride = static_cast<int64_t>(file.row_bytes);
      open->maps.push_back(std::move(map));
    }
    open->columns.push_back(rows);
  }
  return open;
}

DType NumberSource::dtype(size_t /*column*/) const noexcept { return DType::kInt64; }

const std::string& NumberSource::file(size_t /*column*/) const noexcept { return no_file(); }

void NumberSource::read(size_t /*column*/, uint64_t first, uint64_t rows, std::byte* out) const {
  write_numbers(first, rows, out);
}

std::unique_ptr<const OpenSource> NumberSource::do_open() const {
  auto open = std::make_unique<OpenSource>();
  open->columns.resize(1);
  return open;
}

}  // namespace headrace
