#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/parallel_map.h"
#include "storage/file.h"
#include "transform/svmlight.h"

namespace headrace {

// The rows of files in svmlight format, in order, parsed on all cores.
//
// 1. Files are cut into parts of bytes; a line belongs to the part that its first byte lies in.
// 2. Each part is read a block at a time into memory that stays in the cache, and parsed from there
//    to the arrays of its rows. What is read and not yet given away is bounded by the parts that
//    are worked on, however large files are.
class SvmlightReader {
 public:
  // Where lines begin: within [begin, end) of a file.
  struct Span {
    std::string path;
    uint64_t begin = 0;
    uint64_t end = UINT64_MAX;
  };

  struct Options {
    SvmlightFormat format = {};
    // Whether 1 is subtracted from indices until an index 0 was seen somewhere: a guess that
    // SvmlightRows::base lets the caller put right.
    bool guess_base = false;
    bool keep_rows = true;  // otherwise only the ends of the indices are of interest
    uint64_t threads = 1;
    uint64_t part_bytes = 0;  // 0 = large ones that become smaller, for files read whole
    uint64_t block_bytes = uint64_t{256} << 10;
  };

  // Looks at every file. Throws as inspect_file(). Requires: threads > 0; block_bytes above
  // SvmlightParser::kLongestNumber.
  SvmlightReader(std::vector<Span> spans, const Options& options);

  // Stops what is read within a block.
  ~SvmlightReader();
  SvmlightReader(const SvmlightReader&) = delete;
  SvmlightReader& operator=(const SvmlightReader&) = delete;

  // Rows of a part of spans[span], possibly none.
  struct Rows {
    size_t span = 0;
    SvmlightRows rows = {};
  };

  // The rows of the next part; nothing behind the last. Throws kCorrupt with file,
  // line and column in its message and the byte in its context, kTruncated, kIo, what `poll`
  // throws, and as ParallelMap::next().
  std::optional<Rows> next(const std::function<void()>& poll);

 private:
  struct Part {
    size_t span;
    uint64_t begin;
    uint64_t end;
  };

  // Makes parts of the spans, which have `bytes` bytes in all.
  void cut(uint64_t bytes);
  void read(const Part& part, std::vector<char>& block, SvmlightRows& rows);
  bool closed() const noexcept { return closed_.load(std::memory_order_relaxed); }

  std::vector<Span> spans_;
  std::vector<FileInfo> files_;  // of the spans
  Options options_;
  std::vector<Part> parts_;
  std::atomic<bool> zero_seen_{false};
  std::atomic<bool> closed_{false};
  std::vector<std::vector<char>> blocks_;  // by thread
  std::vector<Rows> places_;
  std::unique_ptr<ParallelMap> map_;  // last: its threads use all of these
};

}  // namespace headrace
