#include "dataset/shard_pieces.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"
#include "dataset/source_runs.h"

namespace headrace {
namespace {

// As the sources have them, in one row space.
std::vector<DatasetColumn> columns_of(const Schema& schema) {
  std::vector<DatasetColumn> columns;
  for (uint32_t c = 0; c < schema.size(); ++c) {
    columns.push_back({.field = schema[c], .group = 0, .column = c, .casts = {}});
  }
  return columns;
}

RowSpacePtr space_of(std::vector<Piece> pieces, const std::vector<uint32_t>& columns) {
  const auto shared = std::make_shared<const std::vector<uint32_t>>(columns);
  for (Piece& piece : pieces) {
    piece.columns = shared;
  }
  return RowSpace::table(std::move(pieces));
}

}  // namespace

DatasetPtr dataset_of_pieces(const Schema& schema, std::vector<Piece> pieces,
                             const std::vector<bool>& packed) {
  std::vector<uint32_t> members[2];  // of the columns that are not packed, and of those that are
  std::vector<DatasetColumn> columns = columns_of(schema);
  for (uint32_t c = 0; c < schema.size(); ++c) {
    std::vector<uint32_t>& group = members[packed[c] ? 1 : 0];
    columns[c].group = packed[c] ? 1U : 0U;
    columns[c].column = static_cast<uint32_t>(group.size());
    group.push_back(c);
  }
  if (members[1].empty()) {
    return std::make_shared<Dataset>(std::move(columns),
                                     std::vector{RowSpace::table(std::move(pieces))});
  }
  std::vector<RowSpacePtr> groups;
  if (members[0].empty()) {
    for (DatasetColumn& column : columns) {
      column.group = 0;
    }
  } else {
    groups.push_back(space_of(pieces, members[0]));
  }
  groups.push_back(space_of(std::move(pieces), members[1]));
  return std::make_shared<Dataset>(std::move(columns), std::move(groups));
}

DatasetPtr dataset_of_shards(const Schema& schema, std::shared_ptr<const ShardList> shards) {
  return std::make_shared<Dataset>(columns_of(schema),
                                   std::vector{RowSpace::of_shards(std::move(shards))});
}

std::vector<ShardRows> shard_rows(const Dataset& dataset) {
  const RowSpace& space = *dataset.groups()[dataset.columns()[dataset.located_column()].group];
  const auto refuse = [](const std::string& found) {
    return Error(
        ErrorCode::kInvalid,
        "shards are those of a dataset's directory, with their rows in order; found " + found);
  };
  if (!space.is_table()) {
    throw refuse("chosen rows; take shards before subset, split or windows");
  }
  std::vector<ShardRows> shards;
  uint64_t row = 0;
  for (const SourceRun& run : source_runs(dataset, "a list of shards")) {
    const ShardPlace place = run.table->place(run.piece);
    std::string id = place.set == nullptr ? std::string() : place.set->id(place.shard);
    if (id.empty()) {
      throw refuse(run.table->piece(run.piece).source->in_files()
                       ? "files; write them as shards with hr.convert"
                       : "rows in memory; write them with hr.Writer");
    }
    shards.push_back({std::move(id), row, run.rows});
    row += run.rows;
  }
  return shards;
}

}  // namespace headrace
