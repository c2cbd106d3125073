#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "dataset/record_batch.h"
#include "dataset/shard_file.h"
#include "dataset/source.h"

namespace headrace {

// The rows of one record batch of a shard or of another Arrow file. Sources of one file share it:
// it is opened, mapped and checked once.
class ShardSource : public Source {
 public:
  // Record batch `batch` of `file` is its rows [first_row, first_row + rows).
  ShardSource(std::shared_ptr<const ShardFile> file, size_t batch, uint64_t first_row,
              uint64_t rows)
      : Source(rows), file_(std::move(file)), batch_(batch), first_row_(first_row) {}

  bool in_files() const noexcept override { return true; }
  DType dtype(size_t column) const noexcept override;
  DType index_dtype(size_t column) const noexcept override;
  std::string file(size_t column) const override;
  uint64_t first_row_in_file() const noexcept override { return first_row_; }
  ShardPlace place() const noexcept override { return {&file_->set(), file_->number()}; }
  uint64_t variable_bytes(size_t column) const noexcept override;
  const StoredRows* stored(size_t column) const override;
  StoredPart stored_part(size_t column, ColumnPart part) const override;
  void read(size_t column, uint64_t first, uint64_t rows, std::byte* out,
            OpenFiles& files) const override;
  void read_part(size_t column, ColumnPart part, uint64_t first, uint64_t count, std::byte* out,
                 OpenFiles& files) const override;
  void advise_part(size_t column, ColumnPart part, uint64_t first, uint64_t count, Advice advice,
                   OpenFiles& files) const override;

 protected:
  std::unique_ptr<const OpenSource> do_open() const override;

 private:
  RecordBatch batch() const;

  std::shared_ptr<const ShardFile> file_;
  size_t batch_;
  uint64_t first_row_;
};

}  // namespace headrace
