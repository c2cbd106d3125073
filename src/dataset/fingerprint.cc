#include "dataset/fingerprint.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/hash.h"
#include "dataset/column_views.h"
#include "dataset/reader.h"
#include "dataset/row_identity.h"
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
  const Source* source = space.piece(runs.front().piece).source;
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

// Hashes rows of one dataset, one at a time.
class RowHasher {
 public:
  RowHasher(DatasetPtr dataset, FingerprintOf of, Hasher& hasher)
      : dataset_(std::move(dataset)), of_(of), hasher_(hasher), reader_(dataset_) {
    for (const DatasetColumn& column : dataset_->columns()) {
      memory_.emplace_back(column.gathered() ? allocate_aligned(column.field.row_bytes())
                                             : nullptr);
    }
  }

  // Asks the kernel for those of the rows that will be read.
  void will_need(std::span<const uint64_t> rows) {
    const auto& columns = dataset_->columns();
    std::vector<bool> wanted(columns.size());
    for (size_t c = 0; c < columns.size(); ++c) {
      wanted[c] = std::any_of(rows.begin(), rows.end(),
                              [&](uint64_t row) { return !identity(columns[c], row); });
    }
    RowRequests(*dataset_).will_need(rows, wanted);
  }

  void add(uint64_t row) {
    const auto& columns = dataset_->columns();
    std::vector<std::optional<std::vector<uint64_t>>> identities;
    std::vector<std::byte*> outs;
    for (size_t c = 0; c < columns.size(); ++c) {
      auto own = identity(columns[c], row);
      outs.push_back(own ? nullptr : memory_[c].get());
      identities.push_back(std::move(own));
    }
    reader_.read({&row, 1}, outs);
    for (size_t c = 0; c < columns.size(); ++c) {
      if (const auto& own = identities[c]) {
        hasher_.update(std::as_bytes(std::span(*own)));
      } else if (outs[c] != nullptr) {
        hasher_.update({outs[c], columns[c].field.row_bytes()});
      } else {
        add_parts(c, row);
      }
    }
  }

  void check_files() const { reader_.check_files(); }

 private:
  std::optional<std::vector<uint64_t>> identity(const DatasetColumn& column, uint64_t row) const {
    return of_ == FingerprintOf::kPlaces ? row_identity(*dataset_, column, row) : std::nullopt;
  }

  // Of a column that is not gathered.
  void add_parts(size_t column, uint64_t row) {
    if (const Source* file = file_of_row(*dataset_, dataset_->columns()[column], row)) {
      hash_file_head(*file, files_, hasher_);
      return;
    }
    PartMemory parts;
    std::vector<bool> wanted(dataset_->columns().size());
    wanted[column] = true;
    reader_.read_parts({&row, 1}, wanted, parts.allocate());
    parts.hash_into(hasher_);
  }

  DatasetPtr dataset_;
  FingerprintOf of_;
  Hasher& hasher_;
  Reader reader_;
  OpenFiles files_;
  std::vector<AlignedBytes> memory_;  // of a row, for each column; null for what is not gathered
};

}  // namespace

uint64_t fingerprint(const DatasetPtr& shown, FingerprintOf of) {
  Hasher hasher;
  hasher.update(schema_hash(shown->schema()));
  hasher.update(shown->rows());
  const uint64_t last = shown->rows() - 1;
  std::vector<uint64_t> rows(kFingerprintRows);
  for (uint64_t i = 0; i < kFingerprintRows; ++i) {
    rows[i] = mul_div(last, i, kFingerprintRows - 1);
  }
  RowHasher of_rows(without_layouts(shown), of, hasher);
  of_rows.will_need(rows);
  for (const uint64_t row : rows) {
    of_rows.add(row);
  }
  of_rows.check_files();
  return hasher.digest();
}

}  // namespace headrace
