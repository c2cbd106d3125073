#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "dataset/remote_shards.h"
#include "dataset/source.h"

namespace headrace {

// The rows of one record batch of a shard in a store. They are here while somebody holds them.
class RemoteSource : public Source {
 public:
  // Record batch `batch` of shard `shard` is its rows [first_row, first_row + rows).
  RemoteSource(std::shared_ptr<const RemoteShards> set, uint64_t shard, size_t batch,
               uint64_t first_row, uint64_t rows)
      : Source(rows), set_(std::move(set)), shard_(shard), batch_(batch), first_row_(first_row) {}

  uint64_t shard() const noexcept { return shard_; }

  const RemoteShards* remote() const noexcept override { return set_.get(); }
  std::shared_ptr<const OpenSource> hold() const override;
  void fetch(const std::function<void()>& poll,
             const std::function<bool()>& first = {}) const override {
    set_->fetch(shard_, poll, first);
  }
  void abandon() const override { set_->abandon(shard_); }

  DType dtype(size_t column) const noexcept override { return set_->schema()[column].dtype; }
  DType index_dtype(size_t column) const noexcept override {
    return set_->schema()[column].index_dtype;
  }
  std::string file(size_t /*column*/) const override { return set_->path(shard_); }
  uint64_t first_row_in_file() const noexcept override { return first_row_; }
  ShardPlace place() const noexcept override { return {set_.get(), shard_}; }
  uint64_t variable_bytes(size_t column) const noexcept override;

  // Throws kUnsupported: the rows are read from what is held.
  void read(size_t column, uint64_t first, uint64_t rows, std::byte* out,
            OpenFiles& files) const override;
  void read_held(const OpenSource& open, size_t column, uint64_t first, uint64_t rows,
                 std::byte* out, OpenFiles& files) const override;
  void read_part_held(const OpenSource& open, size_t column, ColumnPart part, uint64_t first,
                      uint64_t count, std::byte* out, OpenFiles& files) const override;

 protected:
  // Throws kUnsupported: the rows are held, and not opened for good.
  std::unique_ptr<const OpenSource> do_open() const override;

 private:
  Error not_held_error() const;

  std::shared_ptr<const RemoteShards> set_;
  uint64_t shard_;
  size_t batch_;
  uint64_t first_row_;
};

}  // namespace headrace
