#include "dataset/source.h"

#include <cstring>
#include <utility>

#include "base/error.h"

namespace headrace {
std::shared_ptr<const MappedFile> map_file(const File& file, Io io) {
  // A fault on a file that another machine serves cannot fail in an orderly way; a read can.
  const bool sound = file.file_system() != FileSystemKind::kRemote;
  if (io == Io::kPread || (io == Io::kAuto && !sound)) {
    return nullptr;
  }
  auto map = MappedFile::open(file);
  if (map == nullptr && io == Io::kMmap) {
    throw Error(ErrorCode::kUnsupported,
                file.path() + " cannot be mapped: its file system has no maps, or " +
                    std::to_string(MappedFile::max_maps()) +
                    " files are mapped already (half of vm.max_map_count); use io=\"auto\"",
                {.file = file.path(), .column = ""});
  }
  return map;
}

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

std::shared_ptr<const OpenSource> Source::hold() const {
  return {std::shared_ptr<const void>(), &open()};
}

void Source::check_files() const {
  if (const OpenSource* open = opened()) {
    for (const auto& map : open->maps) {
      if (map != nullptr) {
        map->check_size();
      }
    }
  }
}

const StoredRows* Source::stored(size_t /*column*/) const { return nullptr; }

void Source::read_part(size_t /*column*/, ColumnPart /*part*/, uint64_t /*first*/,
                       uint64_t /*count*/, std::byte* /*out*/, OpenFiles& /*files*/) const {
  throw Error(ErrorCode::kUnsupported, "a source without unmapped columns was asked to read one");
}

void Source::advise(size_t column, uint64_t first, uint64_t rows, Advice advice,
                    OpenFiles& files) const {
  const StoredRows* stored = this->stored(column);
  if (stored == nullptr) {
    return;
  }
  const OpenSource& open = this->open();
  const uint64_t bytes = rows * stored->row_bytes;
  if (const MappedFile* map = open.map_of(column)) {
    map->advise(open.columns[column].rows + first * stored->row_bytes, bytes, advice);
  } else if (advice == Advice::kWillNeed) {
    files.get(stored->path, stored->info)
        .will_need(stored->offset + first * stored->row_bytes, bytes);
  }
}

ArraySource::ArraySource(uint64_t rows, std::vector<Array> arrays)
    : Source(rows), arrays_(std::move(arrays)) {}

DType ArraySource::dtype(size_t column) const noexcept { return arrays_[column].dtype; }

std::string ArraySource::file(size_t /*column*/) const { return {}; }

uint64_t ArraySource::variable_bytes(size_t column) const noexcept {
  return arrays_[column].variable_bytes;
}

void ArraySource::read(size_t column, uint64_t first, uint64_t rows, std::byte* out,
                       OpenFiles& /*files*/) const {
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
    open->variable.push_back(array.variable.value_or(ColumnView()));
  }
  return open;
}

FileSource::FileSource(uint64_t rows, std::vector<StoredRows> files, Io io)
    : Source(rows), files_(std::move(files)), io_(io) {}

DType FileSource::dtype(size_t column) const noexcept { return files_[column].dtype; }

std::string FileSource::file(size_t column) const { return files_[column].path; }

const StoredRows* FileSource::stored(size_t column) const { return &files_[column]; }

void FileSource::read(size_t column, uint64_t first, uint64_t rows, std::byte* out,
                      OpenFiles& files) const {
  const StoredRows& stored = files_[column];
  files.get(stored.path, stored.info)
      .read(stored.offset + first * stored.row_bytes, {out, rows * stored.row_bytes});
}

std::unique_ptr<const OpenSource> FileSource::do_open() const {
  auto open = std::make_unique<OpenSource>();
  for (const StoredRows& stored : files_) {
    // Columns that share their path lie in one file, which is mapped once.
    const size_t before = open->maps.size() - 1;
    std::shared_ptr<const MappedFile> map;
    if (!open->maps.empty() && &stored.path.text() == &files_[before].path.text()) {
      map = open->maps[before];
      const uint64_t expected = stored.offset + rows() * stored.row_bytes;
      if (map != nullptr && map->size() < expected) {
        throw truncated_error(stored.path, expected, map->size());
      }
    } else {
      map = this->map(stored);
    }
    open->columns.push_back(map == nullptr
                                ? PieceRows{}
                                : PieceRows{.rows = map->data() + stored.offset,
                                            .stride = static_cast<int64_t>(stored.row_bytes)});
    open->maps.push_back(std::move(map));
  }
  return open;
}

// The map of a file that is still long enough; nullptr where rows are to be read by pread.
std::shared_ptr<const MappedFile> FileSource::map(const StoredRows& stored) const {
  const File file(stored.path, stored.info);
  const uint64_t expected = stored.offset + rows() * stored.row_bytes;
  if (file.info().size < expected) {
    throw truncated_error(stored.path, expected, file.info().size);
  }
  return map_file(file, io_);
}

DType NumberSource::dtype(size_t /*column*/) const noexcept { return DType::kInt64; }

std::string NumberSource::file(size_t /*column*/) const { return {}; }

void NumberSource::read(size_t /*column*/, uint64_t first, uint64_t rows, std::byte* out,
                        OpenFiles& /*files*/) const {
  write_numbers(first, rows, out);
}

std::unique_ptr<const OpenSource> NumberSource::do_open() const {
  auto open = std::make_unique<OpenSource>();
  open->columns.resize(1);
  return open;
}

}  // namespace headrace
