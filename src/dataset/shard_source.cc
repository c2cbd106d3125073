#include "dataset/shard_source.h"

#include "base/checked.h"

namespace headrace {

DType ShardSource::dtype(size_t column) const noexcept {
  return file_->set().schema()[column].dtype;
}

DType ShardSource::index_dtype(size_t column) const noexcept {
  return file_->set().schema()[column].index_dtype;
}

std::string ShardSource::file(size_t /*column*/) const { return file_->path(); }

uint64_t ShardSource::variable_bytes(size_t /*column*/) const noexcept {
  const ExpectedShard expected = file_->expected();
  return mul_div(file_->set().variable_bytes(expected.bytes, expected.rows), rows(), expected.rows);
}

const StoredRows* ShardSource::stored(size_t column) const {
  const StoredRows& rows = open().stored[column];
  return rows.row_bytes == 0 ? nullptr : &rows;
}

StoredPart ShardSource::stored_part(size_t column, ColumnPart part) const {
  const OpenSource& open = this->open();
  const Field& field = file_->set().schema()[column];
  if (field.is_tensor() || element_bytes(field, part) == 0) {
    return {};
  }
  const uint64_t count = part == ColumnPart::kOffsets ? rows() + 1 : open.variable[column].elements;
  const RecordBatch::Stretch all = batch().stretch(column, part, 0, count);
  return {.file = &open.stored[column], .offset = all.offset, .bytes = all.bytes};
}

RecordBatch ShardSource::batch() const { return {file_->open(), batch_, first_row_, rows()}; }

std::unique_ptr<const OpenSource> ShardSource::do_open() const {
  return std::make_unique<const OpenSource>(batch().open());
}

void ShardSource::read(size_t column, uint64_t first, uint64_t rows, std::byte* out,
                       OpenFiles& files) const {
  batch().read(column, first, rows, out, files);
}

void ShardSource::read_part(size_t column, ColumnPart part, uint64_t first, uint64_t count,
                            std::byte* out, OpenFiles& files) const {
  batch().read_part(column, part, first, count, out, files);
}

void ShardSource::advise_part(size_t column, ColumnPart part, uint64_t first, uint64_t count,
                              Advice advice, OpenFiles& files) const {
  const OpenShard& shard = file_->open();
  const RecordBatch::Stretch wanted = batch().stretch(column, part, first, count);
  if (shard.map != nullptr) {
    shard.map->advise(shard.map->data() + wanted.offset, wanted.bytes, advice);
  } else if (advice == Advice::kWillNeed) {
    files.get(shard.path, shard.info).will_need(wanted.offset, wanted.bytes);
  }
}

}  // namespace headrace
