#include "format/shard_expander.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/checked.h"
#include "base/error.h"
#include "base/hash.h"
#include "format/arrow_errors.h"
#include "format/batch_layout.h"
#include "format/shard_layout.h"
#include "format/stored_body.h"
#include "format/zstd_frames.h"

namespace headrace {
namespace {

using Bytes = std::span<const std::byte>;
using Consumer = ZstdReader::Consumer;

constexpr uint64_t kHeldBody = uint64_t{64} << 20;
constexpr uint64_t kReadBytes = uint64_t{256} << 10;
constexpr std::array<std::byte, kBodyAlignment> kZeros{};

// Passes on as many bytes as a manifest promises, and throws instead of one more.
class PromisedBytes : public ByteSink {
 public:
  PromisedBytes(ByteSink& sink, uint64_t most, const std::string& path)
      : sink_(sink), most_(most), path_(path) {}

  // Throws where `bytes` more would be too many.
  void check(uint64_t bytes) const {
    if (!range_fits(written_, bytes, most_)) {
      throw corrupt_arrow(
          path_, "it expands to " + std::to_string(saturating_add(written_, bytes)) +
                     " bytes or more, and its manifest promises at most " + std::to_string(most_));
    }
  }

  void write(Bytes bytes) override {
    check(bytes.size());
    sink_.write(bytes);
    written_ += bytes.size();
  }

 private:
  ByteSink& sink_;
  uint64_t most_;
  const std::string& path_;
  uint64_t written_ = 0;
};

// One shard on its way.
class Expander {
 public:
  Expander(const File& file, uint64_t most_bytes, ByteSink& sink, const ExpandPoll& poll)
      : file_(file),
        poll_(poll),
        layout_(read_shard_layout(file, LayoutRules::kCompressed)),
        sink_(sink, most_bytes, file.path()),
        frame_(schema_of(layout_), layout_.metadata, layout_.rows_per_batch, sink_),
        block_(kReadBytes) {}

  ShardSummary run() {
    for (size_t number = 0; number < layout_.batches.size(); ++number) {
      check_hash(number);
      expand(number);
    }
    return frame_.finish();
  }

 private:
  Error corrupt(size_t number, const std::string& what) const {
    return corrupt_arrow(file_.path(), "record batch " + std::to_string(number) + " " + what);
  }

  // Gives the bytes of `place` to `out`, in pieces.
  void read(const Place& place, const Consumer& out) {
    for (uint64_t at = 0; at < place.bytes;) {
      poll_();
      const auto piece =
          std::span(block_).first(std::min<uint64_t>(block_.size(), place.bytes - at));
      file_.read(place.offset + at, piece);
      out(piece);
      at += piece.size();
    }
  }

  void check_hash(size_t number) {
    const BatchLayout& batch = layout_.batches[number];
    Hasher hasher;
    read(batch.body, [&hasher](Bytes piece) { hasher.update(piece); });
    if (hasher.digest() != batch.xxh3) {
      throw damaged_body_error(file_.path(), layout_, number);
    }
  }

  // How many bytes the stored `part` says that it expands to.
  uint64_t announced_bytes(size_t number, const Place& part) const {
    int64_t length = 0;
    file_.read(part.offset, std::as_writable_bytes(std::span(&length, 1)));
    if (length == kStoredRaw) {
      return part.bytes - kStoredPrefix;
    }
    if (length <= 0) {
      throw corrupt(number, "has a buffer that announces " + std::to_string(length) + " bytes");
    }
    return static_cast<uint64_t>(length);
  }

  // The batch as it is without compression, its body at 0. Throws unless every buffer announces
  // the size that it then has.
  BatchLayout expanded_batch(size_t number) const {
    const BatchLayout& stored = layout_.batches[number];
    std::vector<uint64_t> elements;
    for (size_t i = 0; i < stored.columns.size(); ++i) {
      const ColumnKind kind = layout_.columns[i].field.kind;
      const ColumnPlace& place = stored.columns[i];
      const bool bytes = kind == ColumnKind::kBytes || kind == ColumnKind::kText;
      elements.push_back(bytes && place.values.bytes > 0 ? announced_bytes(number, place.values)
                                                         : place.elements);
      if (leaf_elements(layout_.columns[i].field, stored.rows, elements[i]) >= kMaxBatchElements) {
        throw corrupt(number, "has more elements than record batches of shards have");
      }
    }
    BatchLayout plain = profile_batch(layout_.columns, stored.rows, elements, 0);
    for (size_t i = 0; i < stored.columns.size(); ++i) {
      check_parts(number, stored.columns[i], plain.columns[i]);
    }
    return plain;
  }

  void check_parts(size_t number, const ColumnPlace& stored, const ColumnPlace& plain) const {
    using Part = Place ColumnPlace::*;
    for (const Part part : {&ColumnPlace::offsets, &ColumnPlace::indices, &ColumnPlace::values}) {
      const Place& from = stored.*part;
      const uint64_t announced = from.bytes == 0 ? 0 : announced_bytes(number, from);
      const uint64_t needed = (plain.*part).bytes;
      if (announced != needed) {
        throw corrupt(number, "has a buffer that announces " + std::to_string(announced) +
                                  " bytes, and its rows need " + std::to_string(needed));
      }
    }
  }

  void expand(size_t number) {
    BatchLayout plain = expanded_batch(number);
    sink_.check(plain.body.bytes);
    Hasher hasher;
    const bool held = plain.body.bytes <= kHeldBody;
    held_.clear();
    if (held) {
      held_.reserve(plain.body.bytes);
    }
    expand_body(number, plain, [&](Bytes piece) {
      hasher.update(piece);
      if (held) {
        held_.insert(held_.end(), piece.begin(), piece.end());
      }
    });
    plain.xxh3 = hasher.digest();
    frame_.begin_batch(plain);
    if (held) {
      frame_.write(held_);
    } else {
      expand_body(number, plain, [this](Bytes piece) { frame_.write(piece); });
    }
  }

  // Gives the body of `plain` to `out`, in pieces.
  void expand_body(size_t number, const BatchLayout& plain, const Consumer& out) {
    for (size_t i = 0; i < plain.columns.size(); ++i) {
      ColumnPlace stored = layout_.batches[number].columns[i];
      ColumnPlace expanded = plain.columns[i];
      const std::vector<Place*> from = stored_parts(stored);
      const std::vector<Place*> to = stored_parts(expanded);
      for (size_t part = 0; part < to.size(); ++part) {
        expand_part(number, *from[part], to[part]->bytes, out);
        out(Bytes(kZeros).first(aligned_body_size(to[part]->bytes) - to[part]->bytes));
      }
    }
  }

  void expand_part(size_t number, const Place& stored, uint64_t bytes, const Consumer& out) {
    int64_t length = 0;
    file_.read(stored.offset, std::as_writable_bytes(std::span(&length, 1)));
    const Place rest{stored.offset + kStoredPrefix, stored.bytes - kStoredPrefix};
    if (length == kStoredRaw && rest.bytes == bytes) {
      read(rest, out);
      return;
    }
    frames_.begin(bytes);
    FrameState state = FrameState::kOpen;
    read(rest, [&](Bytes piece) {
      if (state != FrameState::kOpen) {
        state = FrameState::kBad;  // more than a frame
        return;
      }
      state = frames_.feed(piece, out);
    });
    if (state != FrameState::kWhole) {
      throw corrupt(number, "has a buffer that does not expand to the " + std::to_string(bytes) +
                                " bytes that it announces");
    }
  }

  const File& file_;
  const ExpandPoll& poll_;
  ShardLayout layout_;
  PromisedBytes sink_;
  ShardFrame frame_;
  ZstdReader frames_;
  std::vector<std::byte> block_;
  std::vector<std::byte> held_;
};

}  // namespace

ShardSummary expand_shard(const File& file, uint64_t most_bytes, ByteSink& sink,
                          const ExpandPoll& poll) {
  return Expander(file, most_bytes, sink, poll).run();
}

}  // namespace headrace
