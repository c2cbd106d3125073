#include "dataset/arrow_files.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"
#include "column/schema_difference.h"
#include "dataset/shard_pieces.h"
#include "dataset/shard_source.h"

namespace headrace {
namespace {

struct ArrowFile {
  std::string path;
  FileInfo info;
  uint64_t rows;
};

class ArrowFileSet : public ShardSet {
 public:
  ArrowFileSet(Schema schema, const ShardReading& reading, std::vector<ArrowFile> files)
      : ShardSet(std::move(schema), reading), files_(std::move(files)) {}

  std::string path(size_t shard) const override { return files_[shard].path; }
  std::string id(size_t /*shard*/) const override { return {}; }
  ExpectedShard expected(size_t shard) const override {
    const ArrowFile& file = files_[shard];
    return {.rows = file.rows, .bytes = file.info.size, .info = file.info};
  }

 private:
  std::vector<ArrowFile> files_;
};

// A record batch as the files' metadata have it.
struct FoundBatch {
  size_t file;
  size_t number;
  uint64_t first_row;
  uint64_t rows;
};

void check_same_columns(const Schema& schema, const Schema& found, const std::string& first_path,
                        const std::string& path) {
  if (const auto difference = find_difference(found, schema)) {
    throw Error(ErrorCode::kInvalid,
                "files of one dataset must have the same columns; " +
                    describe(*difference, path, first_path) +
                    "; open them one by one and rename or cast them",
                {.file = path, .column = difference->column()});
  }
}

// The schema of all files: the first one's, with csr as wide as the widest.
void widen(Schema& schema, const Schema& found) {
  for (size_t c = 0; c < std::min(schema.size(), found.size()); ++c) {
    if (reads_as(schema[c], found[c])) {
      schema[c].width = std::max(schema[c].width, found[c].width);
    }
  }
}

}  // namespace

DatasetPtr dataset_from_arrow_files(const std::vector<std::string>& paths,
                                    const ShardReading& reading) {
  Schema schema;
  std::vector<ArrowFile> files;
  std::vector<FoundBatch> batches;
  std::vector<bool> packed;
  for (const std::string& path : paths) {
    const File file(path);
    const ShardLayout layout = read_shard_layout(file);
    const Schema found = schema_of(layout);
    if (files.empty()) {
      schema = found;
      packed.resize(schema.size());
    }
    widen(schema, found);
    check_same_columns(schema, found, paths.front(), path);
    for (size_t c = 0; c < packed.size(); ++c) {
      packed[c] = packed[c] || layout.columns[c].packed_bits;
    }
    for (size_t b = 0; b < layout.batches.size(); ++b) {
      batches.push_back({files.size(), b, layout.batches[b].first_row, layout.batches[b].rows});
    }
    files.push_back({path, file.info(), layout.rows});
  }
  const size_t count = files.size();
  const auto set = std::make_shared<const ArrowFileSet>(schema, reading, std::move(files));
  std::vector<std::shared_ptr<const ShardFile>> shards;
  for (size_t i = 0; i < count; ++i) {
    shards.push_back(std::make_shared<const ShardFile>(set, i));
  }
  std::vector<Piece> pieces;
  pieces.reserve(batches.size());
  for (const FoundBatch& batch : batches) {
    pieces.push_back({.source = std::make_shared<const ShardSource>(
                          shards[batch.file], batch.number, batch.first_row, batch.rows),
                      .first = 0,
                      .rows = batch.rows,
                      .columns = nullptr});
  }
  return dataset_of_pieces(schema, std::move(pieces), packed);
}

}  // namespace headrace
