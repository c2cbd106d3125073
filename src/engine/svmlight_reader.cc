#include "engine/svmlight_reader.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace headrace {
namespace {

// Parts of files that are read whole. They become smaller as less is left, so that threads end at
// about the same time; but arrays of a few megabytes have pages of 4 KiB, whose faults make threads
// wait for each other (133 MB on 2 threads: 84 ms by 8 MB, 58 by 16).
constexpr uint64_t kSmallestPart = uint64_t{1} << 20;
constexpr uint64_t kEnoughForHugePages = uint64_t{16} << 20;
constexpr uint64_t kPartsPerThread = 4;  // that small files have
// Arrays of a part may end in a huge page that is not full, which is little of this.
constexpr uint64_t kLargestPart = uint64_t{64} << 20;
// How many results there may be for each thread, so that one that is ahead does not wait.
constexpr uint64_t kPlacesPerThread = 2;
// Rows are alike mostly; where they are not, arrays grow once more.
constexpr double kHeadroom = 1.05;

// A file whose bytes are read in blocks.
class BlockReader {
 public:
  BlockReader(const File& file, std::vector<char>& block) : file_(file), block_(block) {}

  // Reads what fits behind the `kept` first bytes of the block, which lie before `offset` in the
  // file. Returns how many bytes there are then.
  uint64_t fill(uint64_t kept, uint64_t offset) {
    const uint64_t room = block_.size() - SvmlightParser::kPadding - 1 - kept;
    const uint64_t wanted = std::min(room, file_.info().size - std::min(file_.info().size, offset));
    file_.read(offset, std::as_writable_bytes(std::span(block_).subspan(kept, wanted)));
    return kept + wanted;
  }

  bool ends_at(uint64_t offset) const { return offset >= file_.info().size; }

 private:
  const File& file_;
  std::vector<char>& block_;
};

// Where the first line that begins in [begin, end) of a file does; `end` where none does.
uint64_t first_line(const File& file, std::vector<char>& block, uint64_t begin, uint64_t end) {
  if (begin == 0) {
    return 0;
  }
  BlockReader reader(file, block);
  for (uint64_t at = begin - 1; at < end && !reader.ends_at(at);) {
    const uint64_t bytes = reader.fill(0, at);
    const void* found = std::memchr(block.data(), '\n', bytes);
    if (found != nullptr) {
      const auto line_end = static_cast<uint64_t>(static_cast<const char*>(found) - block.data());
      return std::min(at + line_end + 1, end);
    }
    at += bytes;
  }
  return end;
}

// The error for a fault at byte `offset` of a file: its lines up to there are counted now, unless
// `closed` says that nobody will see it.
Error fault_error(const File& file, std::vector<char>& block, uint64_t offset,
                  const std::string& what, const std::atomic<bool>& closed) {
  uint64_t line = 1;
  uint64_t line_begin = 0;
  BlockReader reader(file, block);
  for (uint64_t at = 0; at < offset && !closed.load(std::memory_order_relaxed);) {
    const uint64_t bytes = std::min(reader.fill(0, at), offset - at);
    for (uint64_t i = 0; i < bytes; ++i) {
      if (block[i] == '\n') {
        ++line;
        line_begin = at + i + 1;
      }
    }
    at += bytes;
  }
  return {ErrorCode::kCorrupt,
          file.path() + ", line " + std::to_string(line) + ", column " +
              std::to_string(offset - line_begin + 1) + ": " + what,
          {.file = file.path(), .column = "", .offset = offset}};
}

}  // namespace

SvmlightReader::SvmlightReader(std::vector<Span> spans, const Options& options)
    : spans_(std::move(spans)), options_(options) {
  uint64_t bytes = 0;
  for (Span& span : spans_) {
    files_.push_back(inspect_file(span.path));
    span.end = std::min(span.end, files_.back().size);
    bytes += span.end - std::min(span.begin, span.end);
  }
  cut(bytes);
  const uint64_t places = kPlacesPerThread * options_.threads;
  blocks_.resize(options_.threads);
  places_.resize(places);
  map_ = std::make_unique<ParallelMap>(
      ParallelMap::Options{.items = parts_.size(), .threads = options_.threads, .places = places},
      [this](uint64_t item, uint64_t place, uint64_t thread) {
        blocks_[thread].resize(options_.block_bytes + SvmlightParser::kPadding + 1);
        places_[place] = {.span = parts_[item].span};
        read(parts_[item], blocks_[thread], places_[place].rows);
      });
}

SvmlightReader::~SvmlightReader() { closed_.store(true, std::memory_order_relaxed); }

void SvmlightReader::cut(uint64_t bytes) {
  const uint64_t threads = options_.threads;
  const uint64_t smallest =
      std::clamp(bytes / (threads * kPartsPerThread), kSmallestPart, kEnoughForHugePages);
  for (size_t i = 0; i < spans_.size(); ++i) {
    for (uint64_t begin = spans_[i].begin; begin < spans_[i].end;) {
      const uint64_t wanted = options_.part_bytes != 0
                                  ? options_.part_bytes
                                  : std::clamp(bytes / (2 * threads), smallest, kLargestPart);
      const uint64_t size = std::min(wanted, spans_[i].end - begin);
      parts_.push_back({i, begin, begin + size});
      begin += size;
      bytes -= size;
    }
  }
}

std::optional<SvmlightReader::Rows> SvmlightReader::next(const std::function<void()>& poll) {
  const std::optional<uint64_t> place = map_->next(poll);
  if (!place) {
    return std::nullopt;
  }
  return std::move(places_[*place]);
}

void SvmlightReader::read(const Part& part, std::vector<char>& block, SvmlightRows& rows) {
  const File file(spans_[part.span].path, files_[part.span]);
  if (file.info().size < part.end) {
    throw truncated_error(file.path(), files_[part.span].size, file.info().size);
  }
  const uint64_t first = first_line(file, block, part.begin, part.end);
  if (first >= part.end) {
    return;
  }
  SvmlightFormat format = options_.format;
  format.base =
      options_.guess_base ? (zero_seen_.load(std::memory_order_relaxed) ? 0 : 1) : format.base;
  rows.base = format.base;
  SvmlightParser parser(format);
  BlockReader reader(file, block);
  uint64_t at = first;  // where the block begins in the file
  uint64_t kept = 0;    // of the block before: the beginning of a word
  bool is_last = false;
  while (!is_last && !closed()) {
    uint64_t bytes = reader.fill(kept, at + kept);
    // The last line is the one in which the last byte of the part lies.
    if (at + bytes >= part.end) {
      const uint64_t from = part.end - 1 - std::min(at, part.end - 1);
      const void* found = std::memchr(block.data() + from, '\n', bytes - from);
      if (found != nullptr) {
        bytes = static_cast<uint64_t>(static_cast<const char*>(found) - block.data()) + 1;
        is_last = true;
      } else if (reader.ends_at(at + bytes)) {
        block[bytes++] = '\n';
        is_last = true;
      }
    }
    const uint64_t used = parser.parse({block.data(), bytes}, rows);
    if (const std::optional<SvmlightFault> fault = parser.fault()) {
      throw fault_error(file, block, first + fault->offset, fault->what, closed_);
    }
    if (!options_.keep_rows) {
      rows.clear();
    } else if (at == first && !is_last && used > 0) {
      rows.reserve_times(static_cast<double>(part.end - first) / static_cast<double>(used) *
                         kHeadroom);
    }
    kept = bytes - used;
    std::memmove(block.data(), block.data() + used, kept);
    at += used;
  }
  rows.fit();
  if (rows.lowest_index == 0) {
    zero_seen_.store(true, std::memory_order_relaxed);
  }
}

}  // namespace headrace
