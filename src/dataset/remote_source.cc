#include "dataset/remote_source.h"

#include "base/checked.h"
#include "dataset/record_batch.h"

namespace headrace {

std::shared_ptr<const OpenSource> RemoteSource::hold() const {
  const auto held = set_->find(shard_);
  if (held == nullptr) {
    return nullptr;
  }
  return {held, &held->batch(batch_, first_row_, rows())};
}

uint64_t RemoteSource::variable_bytes(size_t /*column*/) const noexcept {
  const ShardTable& table = set_->table();
  const uint64_t all_rows = table.rows[shard_];
  return mul_div(set_->variable_bytes(table.read_bytes(shard_), all_rows), rows(), all_rows);
}

Error RemoteSource::not_held_error() const {
  return Error(ErrorCode::kUnsupported,
               set_->path(shard_) + " was to be opened for good, and shards of a store come and go",
               {.file = set_->path(shard_), .column = ""});
}

std::unique_ptr<const OpenSource> RemoteSource::do_open() const { throw not_held_error(); }

void RemoteSource::read(size_t /*column*/, uint64_t /*first*/, uint64_t /*rows*/,
                        std::byte* /*out*/, OpenFiles& /*files*/) const {
  throw not_held_error();
}

void RemoteSource::read_held(const OpenSource& open, size_t column, uint64_t first, uint64_t rows,
                             std::byte* out, OpenFiles& files) const {
  RecordBatch(*open.shard, batch_, first_row_, this->rows()).read(column, first, rows, out, files);
}

void RemoteSource::read_part_held(const OpenSource& open, size_t column, ColumnPart part,
                                  uint64_t first, uint64_t count, std::byte* out,
                                  OpenFiles& files) const {
  RecordBatch(*open.shard, batch_, first_row_, rows())
      .read_part(column, part, first, count, out, files);
}

}  // namespace headrace
