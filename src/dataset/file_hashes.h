#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/hash.h"
#include "dataset/reader.h"
#include "format/batch_layout.h"
#include "storage/file.h"

namespace headrace {

// The hashes of a file and of parts of it, such as the bodies of record batches, in one pass over
// its bytes.
class FileHashes {
 public:
  // Whether the hash of the whole is wanted, too: then bytes between the parts are read as well.
  enum class Whole : uint8_t { kNo, kYes };

  // `file` and `poll`, which is called every few hundred kilobytes, must outlive this.
  FileHashes(const File& file, Whole whole, const Poll& poll);

  // XXH3-64 of a part of the file; where `keep` is not null, its bytes are left there. Parts are
  // to come in the order of the file: where one does not, bytes are read twice. Throws as
  // File::read, and what `poll` throws.
  uint64_t part(const Place& place, std::byte* keep = nullptr);

  // XXH3-64 of the whole file, after what is left of it was read. Throws as part(). Requires:
  // kYes, no part that threw, and one call.
  uint64_t whole();

 private:
  void read(const Place& place, Hasher* part, std::byte* keep);

  const File& file_;
  Whole whole_;
  const Poll& poll_;
  uint64_t at_ = 0;  // so many bytes of the file are in hash_
  Hasher hash_;
  std::vector<std::byte> block_;
};

}  // namespace headrace
