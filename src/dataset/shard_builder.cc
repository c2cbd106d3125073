#include "dataset/shard_builder.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "base/uuid.h"
#include "dataset/dataset_paths.h"
#include "dataset/given_rows_check.h"
#include "dataset/leftovers.h"
#include "storage/directory.h"

namespace headrace {
namespace {

// Of a column of variable size so much of a record batch is planned to be filled, so that batches
// whose rows are larger than those before still fit.
constexpr uint64_t planned(uint64_t bytes) noexcept { return bytes / 4 * 3; }

// A shard ends where less than this is left of it, rather than with a batch of a few rows.
constexpr uint64_t least_batch(uint64_t bytes) noexcept { return bytes / 8; }

// After so many batches that fill no more than so little, the number of rows was a bad guess.
constexpr uint64_t kTrialBatches = 16;
constexpr uint64_t poor_batch(uint64_t bytes) noexcept { return bytes / 16; }

// Bytes of `bytes` in a body, where every buffer begins at a multiple of 64.
constexpr uint64_t padded(uint64_t bytes) noexcept { return (bytes + 63) / 64 * 64; }

bool all_fixed_size(const Schema& schema) {
  return std::all_of(schema.begin(), schema.end(), [](const Field& f) { return f.is_tensor(); });
}

// What cannot be removed is collected by age, as if this process had died.
void remove_shard(const std::string& dataset, const std::string& id) noexcept {
  try {
    if (const std::optional<Uuid> uuid = parse_uuid(id)) {
      remove_file(DatasetPaths(dataset).shard(*uuid));
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
}

// Bytes of a body of `rows` rows of tensors.
uint64_t fixed_body_bytes(const Schema& schema, uint64_t rows) {
  uint64_t bytes = 0;
  for (const Field& field : schema) {
    bytes =
        checked_add(bytes, padded(checked_mul(rows, field.row_bytes(), "bytes of a record batch")),
                    "bytes of a record batch");
  }
  return bytes;
}

// The most rows of tensors, a power of two, that are a record batch; at least one.
uint64_t fixed_batch_rows(const Schema& schema, const ShardLimits& limits) {
  uint64_t most = limits.body_bytes;
  for (const Field& field : schema) {
    most = std::min({most, limits.body_bytes / field.row_bytes(),
                     (limits.batch_elements - 1) / field.row_elements()});
  }
  uint64_t rows = std::bit_floor(std::max<uint64_t>(most, 1));
  while (rows > 1 && fixed_body_bytes(schema, rows) > limits.body_bytes) {
    rows /= 2;
  }
  return rows;
}

// What padding may add to a body of columns of any kind: three buffers each.
uint64_t most_padding(const Schema& schema) { return schema.size() * 3 * (padded(1) - 1); }

}  // namespace

ShardBuilder::ShardBuilder(std::string dataset, Schema schema, const ShardLimits& limits,
                           ShardEncoding encoding)
    : dataset_(std::move(dataset)),
      schema_(std::move(schema)),
      limits_(limits),
      encoding_(encoding),
      process_(::getpid()),
      fixed_size_(all_fixed_size(schema_)),
      pending_(schema_) {
  check_shard_schema(schema_);
  if (limits_.shard_bytes == 0 || limits_.body_bytes == 0 || limits_.batch_elements < 2) {
    throw Error(ErrorCode::kInvalid, "the limits of a shard and of its record batches are above 0");
  }
  limits_.body_bytes = std::min(limits_.body_bytes, limits_.shard_bytes);
  if (fixed_size_) {
    limits_.body_bytes = std::max(limits_.body_bytes, fixed_body_bytes(schema_, 1));
    rows_per_batch_ = fixed_batch_rows(schema_, limits_);
  } else if (const uint64_t padding = most_padding(schema_); limits_.body_bytes > 4 * padding) {
    limits_.body_bytes -= padding;
  }
}

ShardBuilder::~ShardBuilder() { abort(); }

void ShardBuilder::require_usable() const {
  if (::getpid() != process_) {
    throw Error(ErrorCode::kInvalid,
                "this shard builder belongs to the process that forked this one; make one in each "
                "process");
  }
  if (!usable_) {
    throw Error(ErrorCode::kInvalid,
                "a write to " + dataset_ +
                    " failed before, or was given up; begin again with a new builder",
                {.file = dataset_, .column = ""});
  }
}

void ShardBuilder::write(std::span<const ColumnView> columns, const Poll& poll) {
  require_usable();
  check_given_rows(schema_, columns, limits_.batch_elements, poll);
  const uint64_t rows = columns[0].rows;
  usable_ = false;  // until all of it is taken
  for (uint64_t first = 0; first < rows;) {
    poll();
    first += rows_per_batch_ == 0 ? take_to_estimate(columns, first, rows - first)
                                  : take(columns, first, rows - first);
  }
  rows_ += rows;
  usable_ = true;
}

// Room for a batch of `bytes` beside the rows that wait for it.
BatchRoom ShardBuilder::room(uint64_t bytes) const {
  BatchRoom left;
  left.bytes = bytes - std::min(bytes, pending_.bytes());
  for (size_t c = 0; c < schema_.size(); ++c) {
    left.elements.push_back(limits_.batch_elements - 1 - pending_.elements(schema_, c));
  }
  return left;
}

// Bytes that the next batch may have in the shard that is open.
uint64_t ShardBuilder::batch_room() const noexcept {
  if (!open_) {
    return limits_.body_bytes;
  }
  const uint64_t written = std::min(open_->writer.expanded_bytes(), limits_.shard_bytes);
  const uint64_t left = limits_.shard_bytes - written;
  return left < least_batch(limits_.body_bytes) ? 0 : std::min(left, limits_.body_bytes);
}

// Collects rows until there are enough to say how many make a record batch.
uint64_t ShardBuilder::take_to_estimate(std::span<const ColumnView> columns, uint64_t first,
                                        uint64_t count) {
  const uint64_t taken =
      rows_that_fit(schema_, columns, first, count, room(planned(limits_.body_bytes)));
  if (taken == count) {
    pending_.append(schema_, columns, first, count);
    return count;
  }
  rows_per_batch_ = std::bit_floor(std::max<uint64_t>(pending_.rows() + taken, 1));
  if (pending_.rows() >= rows_per_batch_) {
    write_batch(pending_.views(schema_, rows_per_batch_));
    pending_.drop(schema_, rows_per_batch_);
  }
  return 0;
}

// Takes what fits into the record batch that is due, and writes it when it is full; returns how
// many rows that was. Returns 0 where only a shard was ended to make room.
uint64_t ShardBuilder::take(std::span<const ColumnView> columns, uint64_t first, uint64_t count) {
  const uint64_t wanted = std::min(count, rows_per_batch_ - pending_.rows());
  uint64_t taken = rows_that_fit(schema_, columns, first, wanted, room(batch_room()));
  if (taken == 0 && pending_.rows() == 0 && !open_) {
    taken = 1;  // larger than any batch should be
  }
  const bool whole = taken == rows_per_batch_ || (taken == 1 && taken < wanted);
  if (whole && pending_.rows() == 0) {
    write_batch(rows_of(columns, first, taken));
  } else {
    pending_.append(schema_, columns, first, taken);
    if (taken < wanted || pending_.rows() == rows_per_batch_) {
      write_pending();
    }
  }
  if (taken < wanted || guessed_badly()) {
    end_shard();
  }
  return taken;
}

std::vector<ColumnView> ShardBuilder::rows_of(std::span<const ColumnView> columns, uint64_t first,
                                              uint64_t count) const {
  std::vector<ColumnView> rows;
  for (size_t c = 0; c < schema_.size(); ++c) {
    rows.push_back(slice(columns[c], schema_[c], first, count));
  }
  return rows;
}

// Whether the rows of the open shard turned out to be far smaller than those it was planned for.
bool ShardBuilder::guessed_badly() const noexcept {
  return !fixed_size_ && open_ && pending_.rows() == 0 && open_->batches >= kTrialBatches &&
         open_->writer.expanded_bytes() / open_->batches < poor_batch(limits_.body_bytes);
}

void ShardBuilder::write_pending() {
  if (pending_.rows() > 0) {
    write_batch(pending_.views(schema_, pending_.rows()));
    pending_.drop(schema_, pending_.rows());
    pending_.shrink(2 * limits_.body_bytes);
  }
}

void ShardBuilder::write_batch(std::span<const ColumnView> columns) {
  if (!open_) {
    const std::string directory = DatasetPaths(dataset_).shards();
    create_directories_durably(directory);
    open_ =
        std::make_unique<Open>(DurableFile::create(directory), schema_, rows_per_batch_, encoding_);
  }
  open_->writer.write_batch(columns, ShardWriter::Rows::kChecked);  // by write()
  ++open_->batches;
}

void ShardBuilder::end_shard() {
  if (!open_) {
    return;
  }
  const ShardSummary summary = open_->writer.finish();
  Uuid id = {};
  do {
    id = make_uuid();
    // Before the file has its name: abort() must know of it.
    entries_.push_back({.id = uuid_text(id),
                        .rows = summary.rows,
                        .batch_rows = rows_per_batch_,
                        .bytes = summary.expanded_bytes,
                        .stored_bytes = summary.bytes,
                        .stored_xxh3 = summary.xxh3,
                        .encoding = encoding_});
    if (open_->file.publish(DatasetPaths::shard_name(id))) {
      break;
    }
    entries_.pop_back();  // somebody else's
  } while (true);
  open_.reset();
  if (!fixed_size_) {
    const uint64_t rows = summary.rows;
    rows_per_batch_ = std::bit_floor(
        std::max<uint64_t>(mul_div(rows, planned(limits_.body_bytes), summary.expanded_bytes), 1));
  }
}

std::vector<ShardEntry> ShardBuilder::finish() {
  require_usable();
  usable_ = false;
  if (rows_per_batch_ == 0) {
    rows_per_batch_ = std::bit_ceil(std::max<uint64_t>(pending_.rows(), 1));
  }
  write_pending();
  end_shard();
  usable_ = true;
  rows_ = 0;
  return std::exchange(entries_, {});
}

void ShardBuilder::abort() noexcept {
  usable_ = false;
  if (::getpid() != process_) {
    static_cast<void>(open_.release());  // the parent's file: closing it would remove it
    return;
  }
  open_.reset();
  for (const ShardEntry& entry : entries_) {
    remove_shard(dataset_, entry.id);
  }
  entries_.clear();
}

void discard_shards(const std::string& dataset, std::span<const std::string> ids) noexcept {
  try {
    std::vector<Uuid> uuids;
    for (const std::string& id : ids) {
      if (const std::optional<Uuid> uuid = parse_uuid(id)) {
        uuids.push_back(*uuid);
      }
    }
    remove_uncommitted(DatasetPaths(dataset), uuids);
  } catch (...) {  // NOLINT(bugprone-empty-catch): what stays is collected by age
  }
}

}  // namespace headrace
