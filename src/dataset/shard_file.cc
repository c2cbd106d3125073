#include "dataset/shard_file.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/hash.h"
#include "column/schema_difference.h"
#include "dataset/read_faults.h"
#include "storage/fault_guard.h"

namespace headrace {
namespace {

Error other_file_error(const std::string& path, const std::string& what) {
  return Error(ErrorCode::kCorrupt,
               path + " is not the file that the dataset was made of: " + what +
                   "; put the right file there, or make the dataset anew",
               {.file = path, .column = ""});
}

void check_size(const File& file, const ExpectedShard& expected) {
  const uint64_t found = file.info().size;
  if (found < expected.bytes) {
    throw truncated_error(file.path(), expected.bytes, found);
  }
  if (found > expected.bytes) {
    throw other_file_error(file.path(), "it has " + std::to_string(found) + " bytes, not " +
                                            std::to_string(expected.bytes));
  }
}

void check_layout(const std::string& path, const ShardLayout& layout, const Schema& schema,
                  uint64_t rows) {
  if (layout.rows != rows) {
    throw other_file_error(
        path, "it has " + std::to_string(layout.rows) + " rows, not " + std::to_string(rows));
  }
  if (const auto difference = find_difference(schema_of(layout), schema)) {
    throw Error(
        ErrorCode::kCorrupt,
        path + " does not fit its dataset: " + describe(*difference, "the file", "the dataset") +
            "; put the right file there, or make the dataset anew",
        {.file = path, .column = difference->column()});
  }
}

// Compares the hash of every record batch that carries one.
void verify_bodies(const File& file, const OpenShard& shard) {
  std::vector<std::byte> memory;
  for (size_t i = 0; i < shard.layout.batches.size(); ++i) {
    const BatchLayout& batch = shard.layout.batches[i];
    bool intact = true;
    if (shard.map != nullptr) {
      const std::span body(shard.map->data() + batch.body.offset, batch.body.bytes);
      auto leaf = [&]() noexcept { intact = body_is_intact(batch, body); };
      if (guarded(leaf) != nullptr) {
        throw_map_fault(*shard.map);
      }
    } else {
      memory.resize(batch.body.bytes);
      file.read(batch.body.offset, memory);
      intact = body_is_intact(batch, memory);
    }
    if (!intact) {
      throw damaged_body_error(file.path(), shard.layout, i);
    }
  }
}

// Compares the hash of the whole file, which tells a sound shard in the place of another.
void verify_file(const File& file, uint64_t expected) {
  constexpr uint64_t kStep = uint64_t{1} << 20;
  Hasher hasher;
  std::vector<std::byte> step(std::min(kStep, file.info().size));
  for (uint64_t done = 0; done < file.info().size; done += step.size()) {
    step.resize(std::min(kStep, file.info().size - done));
    file.read(done, step);
    hasher.update(step);
  }
  if (hasher.digest() != expected) {
    throw other_file_error(file.path(), "its bytes have another hash");
  }
}

}  // namespace

ShardSet::ShardSet(Schema schema, ShardReading reading)
    : schema_(std::move(schema)), reading_(reading) {
  for (const Field& field : schema_) {
    tensor_bytes_ += field.is_tensor() ? field.row_bytes() : 0;
    variable_columns_ += field.is_tensor() ? 0 : 1;
  }
}

ShardSet::~ShardSet() = default;

uint64_t ShardSet::variable_bytes(uint64_t bytes, uint64_t rows) const noexcept {
  const uint64_t tensors =
      tensor_bytes_ == 0 ? 0 : std::min(bytes / tensor_bytes_, rows) * tensor_bytes_;
  return variable_columns_ == 0 ? 0 : (bytes - tensors) / variable_columns_;
}

ShardFile::~ShardFile() { delete opened_.load(std::memory_order_acquire); }

const OpenShard& ShardFile::open() const {
  if (const OpenShard* ready = opened_.load(std::memory_order_acquire)) {
    return *ready;
  }
  std::unique_ptr<const OpenShard> fresh = do_open();
  const OpenShard* published = nullptr;
  if (opened_.compare_exchange_strong(published, fresh.get(), std::memory_order_acq_rel)) {
    return *fresh.release();
  }
  return *published;  // another thread was first; ours is closed again
}

std::unique_ptr<const OpenShard> ShardFile::do_open() const {
  const ExpectedShard expected = this->expected();
  const File file(path(), expected.info, expected.links);
  check_size(file, expected);
  auto shard = std::make_unique<OpenShard>();
  shard->path = file.path();
  shard->info = file.info();
  shard->layout = read_shard_layout(file, expected.rules);
  check_layout(file.path(), shard->layout, set_->schema(), expected.rows);
  shard->map = map_file(file, set_->reading().io);
  if (set_->reading().verify) {
    install_fault_guard();
    verify_bodies(file, *shard);
    if (expected.xxh3.has_value()) {
      verify_file(file, *expected.xxh3);
    }
  }
  return shard;
}

}  // namespace headrace
