#include "dataset/shard_admission.h"

#include <span>
#include <utility>

#include "base/error.h"
#include "dataset/file_hashes.h"
#include "dataset/verify.h"
#include "format/shard_expander.h"
#include "storage/byte_sink.h"
#include "storage/file.h"

namespace headrace {
namespace {

// Expanding takes up to 80 MiB of memory each.
constexpr std::ptrdiff_t kMostExpansions = 3;

const Poll kNeverStop = [] {};

// Writes one piece behind the other.
class PartSink : public ByteSink {
 public:
  explicit PartSink(const PartFile& file) : file_(file) {}

  void write(std::span<const std::byte> bytes) override {
    file_.write(written_, bytes);
    written_ += bytes.size();
  }

 private:
  const PartFile& file_;
  uint64_t written_ = 0;
};

}  // namespace

ShardAdmission::ShardAdmission(std::shared_ptr<ShardCache> cache,
                               std::shared_ptr<const ShardTable> shards)
    : cache_(std::move(cache)), shards_(std::move(shards)), expansions_(kMostExpansions) {}

std::shared_ptr<const CachedShard> ShardAdmission::admit(Reservation& reservation,
                                                         const std::shared_ptr<const KeyPin>& pin,
                                                         size_t shard, uint64_t bytes,
                                                         const Poll& poll) {
  if (reservation.key().made) {
    cache_->shorten(reservation, bytes);
    if (const auto flaw = find_flaw(reservation.file().path(), shard, poll)) {
      throw Error(ErrorCode::kCorrupt, "what was written of it is damaged: " + *flaw);
    }
    return cache_->publish(reservation, pin);
  }
  check_stored(reservation.file().path(), shard);
  if (!reservation.key().expanded) {
    return cache_->publish(reservation, pin);
  }
  return cache_->publish_expanded(reservation, pin, expand(reservation, poll));
}

bool ShardAdmission::adopt(const KeyClaim& claim, const std::string& path, size_t shard) const {
  if (claim.key().has_own_size()) {
    if (find_flaw(path, shard, kNeverStop)) {
      return false;
    }
  } else {
    try {
      check_stored(path, shard);
    } catch (const Error&) {
      return false;
    }
  }
  cache_->adopt(claim, path);
  return true;
}

// What is wrong with a shard by what it says itself, and by the rows that are known of it.
std::optional<std::string> ShardAdmission::find_flaw(const std::string& path, size_t shard,
                                                     const Poll& poll) const {
  const ShardVerdict verdict = verify_shard(path, nullptr, poll);
  if (!verdict.findings.empty()) {
    return verdict.findings[0].what;
  }
  const uint64_t rows = shards_->rows[shard];
  if (!verdict.hashed || (rows != 0 && verdict.rows != rows)) {
    return "it has " + std::to_string(verdict.rows) + " rows, not " + std::to_string(rows) +
           ", or no hashes";
  }
  return std::nullopt;
}

void ShardAdmission::check_stored(const std::string& path, size_t shard) const {
  const File file(path, std::nullopt, Links::kRefuse);
  if (file.info().size != shards_->stored_bytes[shard]) {
    throw Error(ErrorCode::kTruncated, "it has " + std::to_string(file.info().size) +
                                           " bytes, and the manifest says " +
                                           std::to_string(shards_->stored_bytes[shard]));
  }
  if (FileHashes(file, FileHashes::Whole::kYes, kNeverStop).whole() !=
      shards_->stored_xxh3[shard]) {
    throw Error(ErrorCode::kCorrupt, "its bytes have another hash than the manifest says");
  }
}

// Returns how many bytes there are then.
uint64_t ShardAdmission::expand(const Reservation& reservation, const Poll& poll) {
  struct Turn {
    explicit Turn(std::counting_semaphore<>& of) : turns(of) { turns.acquire(); }
    ~Turn() { turns.release(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    std::counting_semaphore<>& turns;
  };
  const Turn turn(expansions_);
  const File stored(reservation.file().path(), std::nullopt, Links::kRefuse);
  PartSink sink(reservation.expanded());
  return expand_shard(stored, reservation.expanded().bytes(), sink, poll).bytes;
}

}  // namespace headrace
