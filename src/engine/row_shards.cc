#include "engine/row_shards.h"

#include <algorithm>
#include <numeric>

#include "dataset/source_runs.h"

namespace headrace {
namespace {

// Rows that are looked up at a time.
constexpr uint64_t kLookUpRows = 8192;

void sort_out(std::vector<uint64_t>& shards) {
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
}

// The row spaces that the columns are read from, those of stacks included.
void add_spaces(const Dataset& dataset, std::vector<RowSpacePtr>& spaces) {
  for (const RowSpacePtr& space : dataset.groups()) {
    if (std::find(spaces.begin(), spaces.end(), space) == spaces.end()) {
      spaces.push_back(space);
    }
  }
  for (const DatasetColumn& column : dataset.columns()) {
    if (column.members != nullptr) {
      add_spaces(*column.members, spaces);
    }
  }
}

}  // namespace

RowShards::RowShards(const Dataset& dataset, const RemoteShards& store) : store_(&store) {
  std::vector<RowSpacePtr> spaces;
  add_spaces(dataset, spaces);
  for (const RowSpacePtr& space : spaces) {
    add_space(space);
  }
}

void RowShards::add_space(const RowSpacePtr& space) {
  bool here = false;
  space->for_each_kind(
      [&](const PieceView& piece) { here = here || piece.source->remote() == store_; });
  if (!here) {
    return;
  }
  all_spaces_.push_back(space);
  // A window may reach into the next file, which runs do not say.
  const auto found = space->stored_rows() == 1 ? source_runs(*space) : std::nullopt;
  if (!found) {
    spaces_.push_back(space);
    return;
  }
  std::vector<Run> runs;
  for (const SourceRun& run : *found) {
    add_run(runs, run.rows, shard_of(run.table->place(run.piece)));
  }
  runs_.push_back(std::move(runs));
}

void RowShards::add_run(std::vector<Run>& runs, uint64_t rows, uint64_t shard) {
  if (!runs.empty() && runs.back().shard == shard) {
    runs.back().end += rows;
  } else {
    runs.push_back({.end = (runs.empty() ? 0 : runs.back().end) + rows, .shard = shard});
  }
}

uint64_t RowShards::shard_of(const ShardPlace& place) const noexcept {
  return place.set == store_ ? place.shard : kElsewhere;
}

std::vector<uint64_t> RowShards::of_range(uint64_t first, uint64_t rows, Workspace& space) const {
  std::vector<uint64_t> shards;
  for (const std::vector<Run>& runs : runs_) {
    auto run = std::upper_bound(runs.begin(), runs.end(), first,
                                [](uint64_t row, const Run& of) { return row < of.end; });
    for (uint64_t begin = first; run != runs.end() && begin < first + rows; begin = run++->end) {
      if (run->shard != kElsewhere) {
        shards.push_back(run->shard);
      }
    }
  }
  std::vector<uint64_t> numbers;
  for (uint64_t done = 0; !spaces_.empty() && done < rows; done += kLookUpRows) {
    numbers.resize(std::min(kLookUpRows, rows - done));
    std::iota(numbers.begin(), numbers.end(), first + done);
    for (const RowSpacePtr& of : spaces_) {
      look_up(*of, numbers, space, shards);
    }
    sort_out(shards);  // or it would grow with the rows
  }
  sort_out(shards);
  return shards;
}

std::vector<uint64_t> RowShards::of_rows(std::span<const uint64_t> rows, Workspace& space) const {
  std::vector<uint64_t> shards;
  for (const RowSpacePtr& of : all_spaces_) {
    for (uint64_t done = 0; done < rows.size(); done += kLookUpRows) {
      const uint64_t count = std::min<uint64_t>(kLookUpRows, rows.size() - done);
      look_up(*of, rows.subspan(done, count), space, shards);
    }
  }
  sort_out(shards);
  return shards;
}

std::vector<uint64_t> RowShards::all() const {
  std::vector<uint64_t> shards;
  for (const RowSpacePtr& space : all_spaces_) {
    for (uint64_t i = 0; i < space->piece_count(); ++i) {
      const uint64_t shard = shard_of(space->place(i));
      if (shard != kElsewhere && (shards.empty() || shards.back() != shard)) {
        shards.push_back(shard);
      }
    }
  }
  sort_out(shards);
  return shards;
}

// Adds the shards of `rows`, neighbours once.
void RowShards::look_up(const RowSpace& of, std::span<const uint64_t> rows, Workspace& space,
                        std::vector<uint64_t>& shards) const {
  // A row of windows has many stored rows, of which locate() takes fewer than 2^32.
  const uint64_t step = std::max<uint64_t>(1, kLookUpRows / of.stored_rows());
  for (uint64_t done = 0; done < rows.size(); done += step) {
    const uint64_t count = std::min<uint64_t>(step, rows.size() - done);
    for (const headrace::Run& run : of.locate(rows.subspan(done, count), space)) {
      const uint64_t shard = shard_of(of.place(run.piece));
      if (shard != kElsewhere && (shards.empty() || shards.back() != shard)) {
        shards.push_back(shard);
      }
    }
  }
}

}  // namespace headrace
