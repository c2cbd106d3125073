#include "dataset/dataset.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "dataset/shard_file.h"

namespace headrace {

std::vector<ValueStep> DatasetColumn::conversion_path(DType dtype) const {
  std::vector<ValueStep> path = {dtype};
  for (const ValueStep& next : casts) {
    if (next.function != nullptr || next.dtype != path.back().dtype) {
      path.push_back(next);
    }
  }
  return path;
}

std::string describe_column(const DatasetColumn& column) {
  std::string text = describe(column.field);
  if (column.members != nullptr) {
    text += " stacked of " + std::to_string(column.members->columns().size()) + " columns";
  }
  if (column.layout != nullptr) {
    text += std::string(", ") + layout_name(column.layout->layout.kind) + " of " +
            describe(column.stored());
  }
  return text;
}

Dataset::Dataset(std::vector<DatasetColumn> columns, std::vector<RowSpacePtr> groups)
    : columns_(std::move(columns)), groups_(std::move(groups)) {
  if (columns_.empty()) {
    throw Error(ErrorCode::kInvalid, "a dataset needs at least one column; found none");
  }
  std::set<std::string_view> names;
  for (const DatasetColumn& column : columns_) {
    if (!names.insert(column.field.name).second) {
      throw Error(ErrorCode::kInvalid,
                  "column " + column.field.name + " appears twice; rename one of them",
                  {.file = "", .column = column.field.name});
    }
  }
  rows_ = groups_.front()->rows();
  for (const DatasetColumn& column : columns_) {
    const uint64_t found = groups_[column.group]->rows();
    if (found != rows_) {
      throw Error(ErrorCode::kInvalid,
                  "columns must have the same number of rows; column " +
                      columns_.front().field.name + " has " + std::to_string(rows_) +
                      " and column " + column.field.name + " has " + std::to_string(found),
                  {.file = "", .column = column.field.name});
    }
  }
  if (rows_ == 0) {
    throw Error(ErrorCode::kInvalid, "a dataset needs at least one row; found 0");
  }
  look_at_pieces();
}

// Finds the columns that need a conversion and the one that locates rows.
void Dataset::look_at_pieces() {
  const auto knowledge = [](const Source& source) {  // of where rows are
    return source.in_files() || source.is_transient() ? 2 : source.is_numbers() ? 0 : 1;
  };
  int best = -1;
  for (size_t c = 0; c < columns_.size(); ++c) {
    const DatasetColumn& column = columns_[c];
    bool converts = false;
    int known = 0;
    groups_[column.group]->for_each_kind([&](const PieceView& piece) {
      const uint32_t number = piece.source_column(column.column);
      converts = converts || piece.source->dtype(number) != column.stored().dtype ||
                 column.casts.size() > 1 || column.has_functions();
      known = std::max(known, knowledge(*piece.source));
      in_files_ = in_files_ || piece.source->in_files();
      add_remote(piece.source->remote());
    });
    if (column.members != nullptr) {
      const bool elsewhere = column.members->in_files() || column.members->is_transient();
      known = elsewhere ? 2 : known;
      in_files_ = in_files_ || column.members->in_files();
      for (const RemoteShards* remote : column.members->remotes()) {
        add_remote(remote);
      }
    }
    converts_.push_back(converts);
    variable_bytes_.push_back(column.stored().is_tensor() ? 0 : variable_bytes_of(column));
    if (known > best) {
      best = known;
      located_column_ = c;
    }
  }
}

void Dataset::add_remote(const RemoteShards* remote) {
  if (remote != nullptr && std::find(remotes_.begin(), remotes_.end(), remote) == remotes_.end()) {
    remotes_.push_back(remote);
  }
}

// Bytes of a column with offsets: of its pieces, in proportion to their rows.
uint64_t Dataset::variable_bytes_of(const DatasetColumn& column) const noexcept {
  const auto [bytes, rows] = groups_[column.group]->variable_bytes(column.column);
  if (rows == rows_) {
    return bytes;
  }
  // Doubles, and a limit: a subset may repeat rows, and a manifest may say anything of its bytes.
  const double scaled =
      static_cast<double>(bytes) * static_cast<double>(rows_) / static_cast<double>(rows);
  return static_cast<uint64_t>(std::min(scaled, 0x1p62));
}

struct Dataset::Files {
  std::map<const ShardSet*, std::vector<uint64_t>> shards = {};  // by number
  std::unordered_set<std::string> paths = {};
};

uint64_t Dataset::file_count() const {
  Files files;
  add_files(files);
  uint64_t of_one_set = 0;
  for (auto& [set, shards] : files.shards) {
    std::sort(shards.begin(), shards.end());
    shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
    if (files.shards.size() == 1) {  // which has no file twice, and may have a million
      of_one_set = shards.size();
      continue;
    }
    for (const uint64_t shard : shards) {
      files.paths.insert(set->path(shard));
    }
  }
  return of_one_set + files.paths.size();
}

void Dataset::add_files(Files& files) const {
  for (uint32_t group = 0; group < groups_.size(); ++group) {
    const RowSpace& space = *groups_[group];
    for (uint64_t i = 0; i < space.piece_count();
         i = space.is_table() ? space.file_end(i) : i + 1) {
      if (const ShardPlace place = space.place(i); place.set != nullptr) {
        files.shards[place.set].push_back(place.shard);
        continue;
      }
      const PieceView piece = space.piece(i);
      for (const DatasetColumn& column : columns_) {
        if (column.group == group && piece.source->in_files()) {
          files.paths.insert(piece.source->file(piece.source_column(column.column)));
        }
      }
    }
  }
  for (const DatasetColumn& column : columns_) {
    if (column.members != nullptr) {
      column.members->add_files(files);
    }
  }
}

Schema Dataset::schema() const {
  Schema schema;
  for (const DatasetColumn& column : columns_) {
    schema.push_back(column.field);
  }
  return schema;
}

uint64_t Dataset::bytes() const noexcept {
  uint64_t bytes = 0;
  for (size_t c = 0; c < columns_.size(); ++c) {
    const DatasetColumn& column = columns_[c];
    const Field& rows_of = column.field.is_tensor() ? column.field : column.stored();
    // Dense rows of a wide column may be more than anybody has.
    bytes = saturating_add(bytes, rows_of.is_tensor() ? saturating_mul(rows_, rows_of.row_bytes())
                                                      : variable_bytes_[c]);
  }
  return bytes;
}

uint64_t Dataset::read_bytes_of_row() const noexcept {
  uint64_t bytes = 0;
  for (size_t c = 0; c < columns_.size(); ++c) {
    const Field& stored = columns_[c].stored();
    bytes += stored.is_tensor() ? stored.row_bytes() : variable_bytes_[c] / rows_;
  }
  return bytes;
}

void Dataset::check_gathered(const char* what) const {
  std::string found;
  std::string first;
  for (const DatasetColumn& column : columns_) {
    if (!column.gathered()) {
      found +=
          (found.empty() ? "" : ", ") + column.field.name + " (" + describe_column(column) + ")";
      first = first.empty() ? column.field.name : first;
    }
  }
  if (!found.empty()) {
    throw Error(ErrorCode::kUnsupported,
                std::string(what) + " needs columns that are stored with rows of one size; found " +
                    found +
                    ": take the others with select_columns, make class ids of labels with "
                    "encode_labels, or choose layouts and stack afterwards",
                {.file = "", .column = first});
  }
}

Dataset::Location Dataset::locate(uint64_t row, size_t column) const {
  if (row >= rows_) {
    throw Error(
        ErrorCode::kIndex,
        "row " + std::to_string(row) + " is out of range for " + std::to_string(rows_) + " rows",
        {.file = "", .column = "", .row = row});
  }
  const DatasetColumn& shown = columns_.at(column);
  RowSpace::Workspace space;
  const std::span<const Run> runs = groups_[shown.group]->locate({&row, 1}, space);
  const Run& run = *std::min_element(runs.begin(), runs.end(),
                                     [](const Run& a, const Run& b) { return a.out < b.out; });
  const PieceView piece = groups_[shown.group]->piece(run.piece);
  return {piece.source->file(piece.source_column(shown.column)),
          piece.source->first_row_in_file() + run.first};
}

void Dataset::check_range(uint64_t start, uint64_t count, int64_t step) const {
  // How many steps lead to a row: the product with the step, which may overflow, is never formed.
  const uint64_t stride = step < 0 ? 0 - static_cast<uint64_t>(step) : static_cast<uint64_t>(step);
  const uint64_t room = start >= rows_ ? 0 : step < 0 ? start : rows_ - 1 - start;
  if (count > 0 && (start >= rows_ || (stride > 0 && count - 1 > room / stride))) {
    throw Error(ErrorCode::kIndex, "a slice of " + std::to_string(count) + " rows from " +
                                       std::to_string(start) + " by " + std::to_string(step) +
                                       " leaves the " + std::to_string(rows_) + " rows");
  }
}

void Dataset::check_files() const {
  for (const DatasetColumn& column : columns_) {
    if (column.members != nullptr) {
      column.members->check_files();
    }
  }
  for (const RowSpacePtr& space : groups_) {
    for (uint64_t i = 0; i < space->piece_count(); ++i) {
      if (const Source* source = space->made_source(i)) {
        source->check_files();
      }
    }
  }
}

}  // namespace headrace
