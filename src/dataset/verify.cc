#include "dataset/verify.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "column/row_faults.h"
#include "column/schema_difference.h"
#include "dataset/file_hashes.h"
#include "format/shard_expander.h"
#include "format/shard_layout.h"
#include "storage/fault_guard.h"
#include "storage/file.h"
#include "storage/mapped_file.h"

namespace headrace {
namespace {

// Whether rows of a column can be wrong by themselves.
bool can_be_faulty(const ColumnLayout& column) noexcept {
  const bool stored_bools = column.field.dtype == DType::kBool && !column.packed_bits;
  return !column.field.is_tensor() || stored_bools;
}

// One shard on its way to a verdict.
class ShardVerifier {
 public:
  ShardVerifier(const std::string& path, const CommittedShard* committed, const Poll& poll,
                ShardVerdict& verdict)
      : file_(path, std::nullopt, committed != nullptr ? Links::kRefuse : Links::kFollow),
        committed_(committed),
        poll_(poll),
        verdict_(verdict) {
    verdict_.bytes = file_.info().size;
  }

  void run() {
    if (committed_ != nullptr && verdict_.bytes != committed_->stored_bytes) {
      lose_all("it has " + std::to_string(verdict_.bytes) + " bytes, and " +
               std::to_string(committed_->stored_bytes) + " were committed");
      return;
    }
    read_layout();
    if (!keeps_promises()) {
      return;
    }
    if (!is_compressed()) {
      map_ = MappedFile::open(file_);
      install_fault_guard();
    }
    using enum FileHashes::Whole;
    hashes_ = std::make_unique<FileHashes>(file_, committed_ != nullptr ? kYes : kNo, poll_);
    for (size_t number = 0; number < layout_.batches.size(); ++number) {
      check_batch(number);
    }
    // Found damage is why the hash of the whole would differ.
    if (committed_ != nullptr && verdict_.findings.empty() &&
        hashes_->whole() != committed_->stored_xxh3) {
      lose_all("its parts fit together, but it is another file than the one that was committed");
    }
    if (is_compressed() && verdict_.findings.empty()) {
      NullSink nowhere;
      expand_shard(file_, committed_->bytes, nowhere, poll_);
    }
  }

 private:
  class NullSink : public ByteSink {
    void write(std::span<const std::byte> /*bytes*/) override {}
  };

  bool is_compressed() const noexcept {
    return committed_ != nullptr && committed_->encoding != ShardEncoding::kPlain;
  }

  void read_layout() {
    LayoutRules rules = LayoutRules::kAnyArrow;
    if (committed_ != nullptr) {
      rules = is_compressed() ? LayoutRules::kCompressed : LayoutRules::kProfileOnly;
    }
    layout_ = read_shard_layout(file_, rules);
    verdict_.rows = layout_.rows;
    verdict_.batches = layout_.batches.size();
    verdict_.hashed = std::ranges::all_of(
        layout_.batches, [](const BatchLayout& batch) { return batch.xxh3.has_value(); });
  }

  // Looks at what the manifest says of rows and columns.
  bool keeps_promises() {
    if (committed_ == nullptr) {
      return true;
    }
    if (layout_.rows != committed_->rows || layout_.rows_per_batch != committed_->batch_rows) {
      lose_all("it has " + std::to_string(layout_.rows) + " rows in batches of " +
               std::to_string(layout_.rows_per_batch) + ", and " +
               std::to_string(committed_->rows) + " in batches of " +
               std::to_string(committed_->batch_rows) + " were committed");
      return false;
    }
    if (const auto difference = find_difference(schema_of(layout_), committed_->schema)) {
      lose_all(describe(*difference, "the file", "the dataset"));
      return false;
    }
    return true;
  }

  void lose_all(std::string what) {
    verdict_.rows_lost = verdict_.rows;
    verdict_.findings.push_back({.what = std::move(what), .rows = verdict_.rows});
  }

  void lose_batch(size_t number, ErrorCode code, std::string what) {
    const BatchLayout& batch = layout_.batches[number];
    verdict_.rows_lost += batch.rows;
    verdict_.findings.push_back({.code = code,
                                 .what = std::move(what),
                                 .batch = number,
                                 .first_row = batch.first_row,
                                 .rows = batch.rows});
  }

  void check_batch(size_t number) {
    const BatchLayout& batch = layout_.batches[number];
    const size_t findings = verdict_.findings.size();
    const uint64_t rows_lost = verdict_.rows_lost;
    try {
      // Without a hash to compare with, it is still known that every byte can be read.
      const uint64_t hash = hashes_->part(batch.body, room_for(batch.body));
      if (hash != batch.xxh3.value_or(hash)) {
        lose_batch(number, ErrorCode::kCorrupt, "its bytes do not have the hash that they carry");
        return;
      }
      if (!is_compressed()) {
        check_rows(number);
      }
    } catch (const Error& error) {
      verdict_.findings.resize(findings);
      verdict_.rows_lost = rows_lost;
      lose_batch(number, error.code(), error.what());
    }
  }

  // Where the body has to be left for check_rows(); nowhere if the map has it or no row matters.
  std::byte* room_for(const Place& body) {
    if (map_ != nullptr || is_compressed() ||
        std::ranges::none_of(layout_.columns, can_be_faulty)) {
      return nullptr;
    }
    body_.resize(body.bytes);
    return body_.data();
  }

  void check_rows(size_t number) {
    const BatchLayout& batch = layout_.batches[number];
    const std::byte* body = map_ != nullptr ? map_->data() + batch.body.offset : body_.data();
    std::vector<bool> lost(batch.rows);
    for (size_t i = 0; i < layout_.columns.size(); ++i) {
      if (can_be_faulty(layout_.columns[i])) {
        check_column(number, i, view_in_body(layout_.columns[i], batch, i, body), lost);
      }
    }
    verdict_.rows_lost += static_cast<uint64_t>(std::ranges::count(lost, true));
  }

  // Looks at the rows of one column of a batch; adds one finding for all that are wrong.
  void check_column(size_t number, size_t column, const ColumnView& view, std::vector<bool>& lost) {
    const Field& field = layout_.columns[column].field;
    ShardFinding finding{.column = field.name, .batch = number};
    const uint64_t step_rows = rows_per_look(field, view);
    for (uint64_t row = 0; row < view.rows;) {
      poll_();
      const uint64_t count = std::min(step_rows, view.rows - row);
      const ColumnView step = slice(view, field, row, count);
      const RowFault fault = find_guarded(field, step);
      if (!fault) {
        row += count;
        continue;
      }
      row += fault.row;
      if (finding.rows++ == 0) {
        finding.first_row = layout_.batches[number].first_row + row;
        finding.what = describe(fault, field, step);
      }
      lost[row++] = true;
    }
    if (finding.rows > 0) {
      verdict_.findings.push_back(std::move(finding));
    }
  }

  // find_row_fault() on what may be mapped. Throws kTruncated.
  RowFault find_guarded(const Field& field, const ColumnView& view) const {
    RowFault fault;
    auto leaf = [&]() noexcept { fault = find_row_fault(field, view); };
    if (guarded(leaf) != nullptr) {
      throw Error(ErrorCode::kTruncated,
                  "'" + file_.path() +
                      "' has become shorter, or its device failed, while it was "
                      "read; it has to be restored from a copy",
                  {.file = file_.path(), .column = {}});
    }
    return fault;
  }

  File file_;
  const CommittedShard* committed_;
  const Poll& poll_;
  ShardVerdict& verdict_;
  ShardLayout layout_ = {};
  std::shared_ptr<const MappedFile> map_ = nullptr;
  std::unique_ptr<FileHashes> hashes_;
  std::vector<std::byte> body_ = {};  // of a file that cannot be mapped
};

}  // namespace

ShardVerdict verify_shard(const std::string& path, const CommittedShard* committed,
                          const Poll& poll) {
  ShardVerdict verdict;
  verdict.rows = committed != nullptr ? committed->rows : 0;
  try {
    ShardVerifier(path, committed, poll, verdict).run();
  } catch (const Error& error) {
    verdict.rows_lost = verdict.rows;
    verdict.findings.push_back({.code = error.code(),
                                .what = error.what(),
                                .column = error.context().column,
                                .rows = verdict.rows});
  }
  return verdict;
}

}  // namespace headrace
