#include "dataset/shard_file.h"

#include <algorithm>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "column/schema_difference.h"
#include "dataset/file_hashes.h"
#include "dataset/read_faults.h"

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
  if (rows != 0 && layout.rows != rows) {
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

// Compares the hash of every record batch that carries one and, where it is known, that of the
// file, which tells a sound shard in the place of another.
void verify_bytes(const File& file, const ShardLayout& layout, std::optional<uint64_t> expected) {
  const Poll never_stop = [] {};
  using enum FileHashes::Whole;
  FileHashes hashes(file, expected ? kYes : kNo, never_stop);
  for (size_t i = 0; i < layout.batches.size(); ++i) {
    const BatchLayout& batch = layout.batches[i];
    if (batch.xxh3 && hashes.part(batch.body) != *batch.xxh3) {
      throw damaged_body_error(file.path(), layout, i);
    }
  }
  if (expected && hashes.whole() != *expected) {
    throw other_file_error(file.path(), "its bytes have another hash");
  }
}

// One thread at a time is between construction and destruction; the others wait. No mutex: a fork
// copies one that is held, and with it no thread that gives it back. Here the process is known.
class Turn {
 public:
  explicit Turn(std::atomic<pid_t>& holder) noexcept : holder_(holder) {
    const pid_t own = ::getpid();
    for (pid_t found = 0; !holder_.compare_exchange_weak(found, own);) {
      if (found == own) {
        holder_.wait(own);
        found = 0;
      }
    }
  }
  ~Turn() {
    holder_.store(0);
    holder_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::atomic<pid_t>& holder_;
};

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

OpenShard read_open_shard(const File& file, const ShardSet& set, const ExpectedShard& expected) {
  check_size(file, expected);
  OpenShard shard{.path = file.path(),
                  .info = file.info(),
                  .layout = read_shard_layout(file, expected.rules),
                  .map = nullptr};
  check_layout(file.path(), shard.layout, set.schema(), expected.rows);
  return shard;
}

ShardFile::~ShardFile() { delete opened_.load(std::memory_order_acquire); }

const OpenShard& ShardFile::open() const {
  if (const OpenShard* ready = opened_.load(std::memory_order_acquire)) {
    return *ready;
  }
  std::optional<Turn> turn;
  if (set_->reading().verify) {  // reads the whole file, which is for one thread to do
    turn.emplace(opening_);
    if (const OpenShard* ready = opened_.load(std::memory_order_acquire)) {
      return *ready;
    }
  }
  std::unique_ptr<const OpenShard> fresh = do_open();
  const OpenShard* published = nullptr;
  if (opened_.compare_exchange_strong(published, fresh.get(), std::memory_order_acq_rel)) {
    return *fresh.release();
  }
  return *published;  // another thread was first; ours is closed again
}

File ShardFile::open_file(const ExpectedShard& expected) const {
  try {
    return File(path(), expected.info, expected.links);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) {
      throw set_->missing_error(number_, error);
    }
    throw;
  }
}

std::unique_ptr<const OpenShard> ShardFile::do_open() const {
  const ExpectedShard expected = this->expected();
  const File file = open_file(expected);
  auto shard = std::make_unique<OpenShard>(read_open_shard(file, *set_, expected));
  shard->map = map_file(file, set_->reading().io);
  if (set_->reading().verify) {
    verify_bytes(file, shard->layout, expected.xxh3);
  }
  return shard;
}

}  // namespace headrace
