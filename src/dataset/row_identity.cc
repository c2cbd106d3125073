#include "dataset/row_identity.h"

#include <array>
#include <bit>
#include <span>
#include <string_view>
#include <variant>

#include "base/hash.h"
#include "column/element_functions.h"
#include "dataset/shard_file.h"

namespace headrace {
namespace {

using Words = std::vector<uint64_t>;

// Names stay when enumerators get new neighbours.
void add_name(Words& words, std::string_view name) {
  words.push_back(hash_bytes(std::as_bytes(std::span(name))));
}

void add_numbers(Words& words, std::span<const double> numbers) {
  words.push_back(numbers.size());
  for (const double number : numbers) {
    words.push_back(std::bit_cast<uint64_t>(number));
  }
}

// The arguments of a function, in words.
struct AddArguments {
  Words& words;

  void operator()(const Standardize& function) const {
    add_numbers(words, function.means);
    add_numbers(words, function.factors);
  }
  void operator()(const Clip& function) const {
    add_numbers(words, std::array{function.low, function.high});
  }
  void operator()(const Log1p& /*function*/) const {}
  void operator()(const Bucketize& function) const {
    add_numbers(words, function.edges);
    words.push_back(function.right ? 1 : 0);
    words.push_back(function.signed_starts.size());
    words.insert(words.end(), function.signed_starts.begin(), function.signed_starts.end());
    words.insert(words.end(), function.unsigned_starts.begin(), function.unsigned_starts.end());
  }
  void operator()(const HashCategory& function) const {
    words.push_back(function.buckets);
    words.push_back(function.seed);
  }
};

void add_steps(Words& words, const std::vector<ValueStep>& steps) {
  words.push_back(steps.size());
  for (const ValueStep& step : steps) {
    add_name(words, dtype_name(step.dtype));
    if (step.function != nullptr) {
      add_name(words, function_name(*step.function));
      std::visit(AddArguments{words}, *step.function);
    }
  }
}

bool add_row(Words& words, const Dataset& dataset, const DatasetColumn& column, uint64_t row) {
  if (column.members != nullptr) {
    for (const DatasetColumn& member : column.members->columns()) {
      if (!add_row(words, *column.members, member, row)) {
        return false;
      }
    }
    return true;
  }
  const RowSpace& space = *dataset.groups()[column.group];
  RowSpace::Workspace workspace;
  for (const Run& run : space.locate({&row, 1}, workspace)) {
    const PieceView piece = space.piece(run.piece);
    const ShardPlace place = piece.source->place();
    if (place.set == nullptr) {
      return false;
    }
    const ExpectedShard shard = place.set->expected(place.shard);
    if (!shard.xxh3) {
      return false;
    }
    words.insert(words.end(), {*shard.xxh3, shard.bytes, piece.source_column(column.column),
                               piece.source->first_row_in_file() + run.first, run.count});
  }
  add_steps(words, column.casts);
  return true;
}

}  // namespace

std::optional<std::vector<uint64_t>> row_identity(const Dataset& dataset,
                                                  const DatasetColumn& column, uint64_t row) {
  Words words;
  if (!add_row(words, dataset, column, row)) {
    return std::nullopt;
  }
  return words;
}

}  // namespace headrace
