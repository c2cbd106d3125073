#include "dataset/fingerprint.h"

#include <cstddef>
#include <vector>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/hash.h"
#include "dataset/column_views.h"
#include "dataset/reader.h"
#include "dataset/row_requests.h"

namespace headrace {
namespace {

constexpr uint64_t kFingerprintRows = 64;

// The same rows before their layouts: a layout may refuse a row, which is an error of the batch
// that has it.
DatasetPtr without_layouts(DatasetPtr dataset) {
  for (size_t c = 0; c < dataset->columns().size(); ++c) {
    if (dataset->columns()[c].layout != nullptr) {
      dataset = without_layout(dataset, c);
    }
  }
  return dataset;
}

// The rows of one column with offsets, kept as long as this lives.
class PartMemory {
 public:
  AllocatePart allocate() {
    return [this](size_t /*column*/, ColumnPart /*part*/, uint64_t bytes) {
      parts_.push_back({AlignedBytes(allocate_aligned(bytes)), bytes});
      return parts_.back().memory.get();
    };
  }

  void hash_into(Hasher& hasher) const {
    for (const Part& part : parts_) {
      hasher.update({part.memory.get(), part.bytes});
    }
  }

 private:
  struct Part {
    AlignedBytes memory;
    uint64_t bytes;
  };
  std::vector<Part> parts_;
};

}  // namespace

uint64_t fingerprint(const DatasetPtr& shown) {
  Hasher hasher;
  hasher.update(schema_hash(shown->schema()));
  hasher.update(shown->rows());
  const DatasetPtr dataset = without_layouts(shown);
  Reader reader(dataset);
  const uint64_t last = dataset->rows() - 1;
  std::vector<AlignedBytes> memory;
  std::vector<std::byte*> outs;
  for (const DatasetColumn& column : dataset->columns()) {
    memory.emplace_back(column.gathered() ? allocate_aligned(column.field.row_bytes()) : nullptr);
    outs.push_back(memory.back().get());
  }
  std::vector<uint64_t> rows(kFingerprintRows);
  for (uint64_t i = 0; i < kFingerprintRows; ++i) {
    rows[i] = mul_div(last, i, kFingerprintRows - 1);
  }
  RowRequests(*dataset).will_need(rows);
  for (const uint64_t row : rows) {
    reader.read({&row, 1}, outs);
    for (size_t c = 0; c < outs.size(); ++c) {
      if (outs[c] != nullptr) {
        hasher.update({outs[c], dataset->columns()[c].field.row_bytes()});
        continue;
      }
      PartMemory parts;
      std::vector<bool> wanted(outs.size());
      wanted[c] = true;
      reader.read_parts({&row, 1}, wanted, parts.allocate());
      parts.hash_into(hasher);
    }
  }
  reader.check_files();
  return hasher.digest();
}

}  // namespace headrace
