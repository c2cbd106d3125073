#include "dataset/fingerprint.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/hash.h"
#include "dataset/column_views.h"
#include "dataset/reader.h"
#include "dataset/row_requests.h"
#include "storage/open_files.h"

namespace headrace {
namespace {

constexpr uint64_t kFingerprintRows = 64;

// So much is read of a row that is a whole file.
constexpr uint64_t kFileHeadBytes = uint64_t{64} << 10;

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

// The file that is row `row` of `column`, opened; nullptr where rows are no whole files.
const Source* file_of_row(const Dataset& dataset, const DatasetColumn& column, uint64_t row) {
  const RowSpace& space = *dataset.groups()[column.group];
  RowSpace::Workspace workspace;
  const std::span<const Run> runs = space.locate({&row, 1}, workspace);
  const Source* source = space.piece(runs.front().piece).source.get();
  if (!source->rows_are_files()) {
    return nullptr;
  }
  source->open();
  return source;
}

// As the parts of a column with offsets, so that a short file counts as the same bytes elsewhere.
void hash_file_head(const Source& source, OpenFiles& files, Hasher& hasher) {
  const uint64_t size = source.opened()->variable.front().elements;
  const std::array<int64_t, 2> offsets = {0, static_cast<int64_t>(size)};
  hasher.update(std::as_bytes(std::span(offsets)));
  std::vector<std::byte> head(std::min(size, kFileHeadBytes));
  if (!head.empty()) {
    source.read_part(0, ColumnPart::kValues, 0, head.size(), head.data(), files);
  }
  hasher.update(head);
}

}  // namespace

uint64_t fingerprint(const DatasetPtr& shown) {
  Hasher hasher;
  hasher.update(schema_hash(shown->schema()));
  hasher.update(shown->rows());
  const DatasetPtr dataset = without_layouts(shown);
  Reader reader(dataset);
  OpenFiles files;
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
      if (const Source* file = file_of_row(*dataset, dataset->columns()[c], row)) {
        hash_file_head(*file, files, hasher);
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
