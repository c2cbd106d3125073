#pragma once

#include <cstdint>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/remote_shards.h"

namespace headrace {

// Asks for all rows of `dataset`, since they are read next, and returns before they are there: of
// what is in files the kernel is asked for at most `bytes`, in row order. What cannot be asked for
// is left out: it says why when it is read. Returns the bytes that were asked for.
uint64_t ask_for_rows(const Dataset& dataset, uint64_t bytes);

// Shards of stores that are read next: they are fetched while this lives, as there is room behind
// all that is needed now. Of rows that are in the order of their shards; of others none. As many
// as may be in the cache together, the first ones first. What cannot be asked for is left out.
class ComingShards {
 public:
  explicit ComingShards(DatasetPtr dataset);
  ~ComingShards();
  ComingShards(const ComingShards&) = delete;
  ComingShards& operator=(const ComingShards&) = delete;

  // How many were asked for.
  uint64_t size() const noexcept { return shards_.size(); }

 private:
  void ask(const RemoteShards& store);

  DatasetPtr dataset_;
  pid_t process_;
  std::vector<std::pair<const RemoteShards*, uint64_t>> shards_;
};

}  // namespace headrace
