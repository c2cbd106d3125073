#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/shard_list.h"

namespace headrace {

// The dataset of sources that all have the columns `schema`, in this order. Columns that are
// `packed`, which no map can show, get a row space of their own, so that the others are gathered.
DatasetPtr dataset_of_pieces(const Schema& schema, std::vector<Piece> pieces,
                             const std::vector<bool>& packed);

// The dataset of the record batches of a version's shards, a piece each. Throws kInvalid for none.
DatasetPtr dataset_of_shards(const Schema& schema, std::shared_ptr<const ShardList> shards);

// Rows [first, first + rows) of a dataset, all of one shard.
struct ShardRows {
  std::string id;
  uint64_t first = 0;
  uint64_t rows = 0;
};

// Which shards the rows of `dataset` lie in, in row order; neighbours of one shard are one entry.
// Throws kInvalid for a dataset whose rows are not in the order of their files, or that has other
// sources than shards of a dataset's directory.
std::vector<ShardRows> shard_rows(const Dataset& dataset);

}  // namespace headrace
