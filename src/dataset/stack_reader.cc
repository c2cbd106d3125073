#include "dataset/stack_reader.h"

#include <algorithm>
#include <utility>

#include "column/interleave.h"
#include "dataset/reader.h"

namespace headrace {
namespace {

// A chunk of all members stays in the second-level cache.
constexpr uint64_t kChunkBytes = uint64_t{256} << 10;
constexpr uint64_t kMostChunkRows = 1024;

}  // namespace

StackReader::StackReader(const DatasetPtr& members, std::function<void()> before_wait)
    : members_(members),
      reader_(std::make_unique<Reader>(members, std::move(before_wait))),
      member_bytes_(members->columns().front().field.row_bytes()) {
  const uint64_t count = members->columns().size();
  chunk_rows_ = std::clamp<uint64_t>(kChunkBytes / (count * member_bytes_), 1, kMostChunkRows);
  memory_.resize(count * chunk_rows_ * member_bytes_);
  for (uint64_t i = 0; i < count; ++i) {
    outs_.push_back(memory_.data() + i * chunk_rows_ * member_bytes_);
    starts_.push_back(outs_.back());
  }
}

StackReader::~StackReader() = default;

void StackReader::read(std::span<const uint64_t> rows, std::byte* out, uint64_t asked,
                       const std::function<void()>& poll) {
  for (uint64_t done = 0; done < rows.size(); done += chunk_rows_) {
    const auto chunk = rows.subspan(done, std::min(chunk_rows_, rows.size() - done));
    reader_->read_cold(chunk, outs_, asked > done ? asked - done : 0, poll);
    interleave(starts_, chunk.size(), member_bytes_, out);
    out += chunk.size() * starts_.size() * member_bytes_;
  }
}

void StackReader::check_files() const { reader_->check_files(); }

void StackReader::drop_retired() { reader_->drop_retired(); }

void StackReader::drop_held() { reader_->drop_held(); }

}  // namespace headrace
