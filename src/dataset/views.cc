#include "dataset/views.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "dataset/csr_alignment.h"
#include "order/key.h"

namespace headrace {
namespace {

// `dataset` with every row space replaced, and those of the members of its stacks.
DatasetPtr with_spaces(const Dataset& dataset,
                       const std::function<RowSpacePtr(const RowSpacePtr&)>& change) {
  std::vector<RowSpacePtr> groups;
  for (const RowSpacePtr& group : dataset.groups()) {
    groups.push_back(change(group));
  }
  std::vector<DatasetColumn> columns = dataset.columns();
  for (DatasetColumn& column : columns) {
    if (column.members != nullptr) {
      column.members = with_spaces(*column.members, change);
    }
  }
  return std::make_shared<Dataset>(std::move(columns), std::move(groups));
}

// `dataset` with a row map of `rows` rows on top; one map for all groups, so that it is applied
// once a batch.
DatasetPtr with_map(const Dataset& dataset, uint64_t rows, RowMap map) {
  const auto shared = std::make_shared<const RowMap>(std::move(map));
  return with_spaces(
      dataset, [&](const RowSpacePtr& space) { return RowSpace::mapped(shared, rows, space); });
}

std::string describe_columns(const Dataset& dataset) {
  std::string text;
  for (const DatasetColumn& column : dataset.columns()) {
    text += (text.empty() ? "" : ", ") + column.field.name + ": " + describe_column(column);
  }
  return text;
}

// The steps of a column on its way to the dtype that it shows.
std::vector<ValueStep> between(const DatasetColumn& column) {
  std::vector<ValueStep> path = column.casts;
  if (!path.empty() && path.back().function == nullptr) {
    path.pop_back();
  }
  return path;
}

bool same_column(const DatasetColumn& a, const DatasetColumn& b) {
  const bool same_layout = a.layout == b.layout ||
                           (a.layout != nullptr && b.layout != nullptr && *a.layout == *b.layout);
  return a.field == b.field && same_layout && between(a) == between(b) &&
         (a.members == nullptr) == (b.members == nullptr);
}

// What tells columns apart whose descriptions are the same.
std::string hidden_difference(const Dataset& first, const Dataset& other) {
  const size_t columns = std::min(first.columns().size(), other.columns().size());
  for (size_t c = 0; c < columns; ++c) {
    const DatasetColumn& a = first.columns()[c];
    const DatasetColumn& b = other.columns()[c];
    if (!same_column(a, b) && a.field == b.field && between(a) == between(b)) {
      return "; the layouts of column " + a.field.name +
             " have other options: use with_layout after concat, or the same one on each";
    }
  }
  return "";
}

// Whether some column is csr of another width.
bool other_widths(const Dataset& first, const Dataset& other) {
  bool found = false;
  for (size_t c = 0; c < std::min(first.columns().size(), other.columns().size()); ++c) {
    found = found || first.columns()[c].field.width != other.columns()[c].field.width;
  }
  return found;
}

void check_same_schema(const Dataset& first, const Dataset& other, size_t number) {
  bool same = first.columns().size() == other.columns().size();
  for (size_t c = 0; same && c < first.columns().size(); ++c) {
    same = same_column(first.columns()[c], other.columns()[c]);
  }
  if (!same) {
    throw Error(
        ErrorCode::kInvalid,
        "datasets to concatenate must have the same columns, dtypes, row shapes and layouts; "
        "dataset 0 has (" +
            describe_columns(first) + ") and dataset " + std::to_string(number) + " has (" +
            describe_columns(other) +
            "); cast or select_columns before concat, and cast only once" +
            hidden_difference(first, other) +
            (other_widths(first, other) ? "; csr of other widths needs columns=, the "
                                          "number of columns of the result"
                                        : ""));
  }
}

// A window of stored rows and a stored row of the same shape differ in how many rows a batch takes
// from a source, and runs count those.
void check_same_windows(const Dataset& first, const Dataset& other, size_t number) {
  for (size_t c = 0; c < first.columns().size(); ++c) {
    const uint64_t expected = first.groups()[first.columns()[c].group]->stored_rows();
    const uint64_t found = other.groups()[other.columns()[c].group]->stored_rows();
    if (found != expected) {
      const std::string& name = first.columns()[c].field.name;
      throw Error(ErrorCode::kUnsupported,
                  "windows are concatenated with windows of as many rows; a row of column " + name +
                      " has " + std::to_string(expected) + " stored rows in dataset 0 and " +
                      std::to_string(found) + " in dataset " + std::to_string(number) +
                      "; store both alike, or train on one after the other",
                  {.file = "", .column = name});
    }
  }
}

// Puts columns that share a row space in every part into one group; returns the columns of each.
std::vector<std::vector<size_t>> regroup(const std::vector<DatasetPtr>& parts,
                                         std::vector<DatasetColumn>& columns) {
  std::map<std::vector<uint32_t>, uint32_t> group_of;  // groups in the parts -> new group
  std::vector<std::vector<size_t>> members;
  for (size_t c = 0; c < columns.size(); ++c) {
    std::vector<uint32_t> key(parts.size());
    std::transform(parts.begin(), parts.end(), key.begin(),
                   [c](const DatasetPtr& part) { return part->columns()[c].group; });
    const auto [at, fresh] = group_of.try_emplace(key, static_cast<uint32_t>(members.size()));
    if (fresh) {
      members.emplace_back();
    }
    columns[c].group = at->second;
    columns[c].column = static_cast<uint32_t>(members[at->second].size());
    members[at->second].push_back(c);
  }
  return members;
}

// The rows of all parts, with the columns `members` in that order.
RowSpacePtr joined_space(const std::vector<DatasetPtr>& parts, const std::vector<size_t>& members) {
  std::vector<RowSpacePtr> spaces;
  for (const DatasetPtr& part : parts) {
    std::vector<uint32_t> chosen(members.size());
    std::transform(members.begin(), members.end(), chosen.begin(),
                   [&](size_t c) { return part->columns()[c].column; });
    const RowSpacePtr& space = part->groups()[part->columns()[members.front()].group];
    spaces.push_back(RowSpace::with_columns(space, chosen));
  }
  return RowSpace::concat(spaces);
}

// What the stack at position `c` is made of, in every part.
std::vector<DatasetPtr> members_of(const std::vector<DatasetPtr>& parts, size_t c) {
  std::vector<DatasetPtr> members(parts.size());
  std::transform(parts.begin(), parts.end(), members.begin(),
                 [c](const DatasetPtr& part) { return part->columns()[c].members; });
  return members;
}

// The name and folder of `path`: what stays when a dataset moves.
std::string_view name_and_folder(std::string_view path) {
  const size_t name = path.rfind('/');
  if (name == std::string_view::npos || name == 0) {
    return path;
  }
  const size_t folder = path.rfind('/', name - 1);
  return folder == std::string_view::npos ? path : path.substr(folder + 1);
}

size_t part_of_file(std::string_view path, const std::vector<double>& fractions, uint64_t seed) {
  const std::string_view name = name_and_folder(path);
  const uint64_t hash = hash_words({OrderKey{seed, 0}.derive(Purpose::kSplitByFile),
                                    hash_bytes(std::as_bytes(std::span(name)))});
  const double at = std::ldexp(static_cast<double>(hash >> 11), -53);  // uniform in [0, 1)
  double end = 0;
  for (size_t part = 0; part + 1 < fractions.size(); ++part) {
    end += fractions[part];
    if (at < end) {
      return part;
    }
  }
  return fractions.size() - 1;
}

}  // namespace

DatasetPtr concat(const std::vector<DatasetPtr>& given, const std::vector<uint64_t>& widths) {
  if (given.empty()) {
    throw Error(ErrorCode::kInvalid, "concat needs at least one dataset; found none");
  }
  const std::vector<DatasetPtr> parts = with_equal_csr(given, widths);
  const Dataset& first = *parts.front();
  for (size_t i = 1; i < parts.size(); ++i) {
    check_same_schema(first, *parts[i], i);
    check_same_windows(first, *parts[i], i);
  }
  std::vector<DatasetColumn> columns = first.columns();
  for (size_t c = 0; c < columns.size(); ++c) {
    // A part that stores what the others cast to needs the cast too, where it copies.
    for (const DatasetPtr& part : parts) {
      if (part->columns()[c].casts.size() > columns[c].casts.size()) {
        columns[c].casts = part->columns()[c].casts;
      }
    }
    columns[c].recasts_indices =
        std::any_of(parts.begin(), parts.end(),
                    [c](const DatasetPtr& part) { return part->columns()[c].recasts_indices; });
    if (columns[c].members != nullptr) {
      columns[c].members = concat(members_of(parts, c));
    }
  }
  std::vector<RowSpacePtr> groups;
  for (const std::vector<size_t>& members : regroup(parts, columns)) {
    groups.push_back(joined_space(parts, members));
  }
  return std::make_shared<Dataset>(std::move(columns), std::move(groups));
}

DatasetPtr zip(const std::vector<DatasetPtr>& parts) {
  std::vector<DatasetColumn> columns;
  std::vector<RowSpacePtr> groups;
  for (const DatasetPtr& part : parts) {
    for (DatasetColumn column : part->columns()) {
      column.group += static_cast<uint32_t>(groups.size());
      columns.push_back(std::move(column));
    }
    groups.insert(groups.end(), part->groups().begin(), part->groups().end());
  }
  return std::make_shared<Dataset>(std::move(columns), std::move(groups));
}

DatasetPtr slice(const DatasetPtr& dataset, uint64_t start, uint64_t count, int64_t step) {
  dataset->check_range(start, count, step);
  if (step == 1 || count == 0) {
    return with_spaces(*dataset, [&](const RowSpacePtr& space) {
      return RowSpace::slice(space, count == 0 ? 0 : start, count);
    });
  }
  return with_map(*dataset, count, StepMap{start, step});
}

DatasetPtr subset(const DatasetPtr& dataset, Buffer indices) {
  const uint64_t count = indices.size() / sizeof(int64_t);
  bool ascending = true;
  int64_t before = -1;
  for (uint64_t i = 0; i < count; ++i) {
    int64_t row = 0;
    std::memcpy(&row, indices.data() + i * sizeof(row), sizeof(row));
    if (row < 0 || static_cast<uint64_t>(row) >= dataset->rows()) {
      throw Error(ErrorCode::kIndex, "index " + std::to_string(row) + " at place " +
                                         std::to_string(i) + " is out of range for " +
                                         std::to_string(dataset->rows()) + " rows");
    }
    ascending = ascending && row > before;
    before = row;
  }
  return with_map(*dataset, count, IndexMap{std::move(indices), ascending});
}

std::vector<DatasetPtr> split(const DatasetPtr& dataset, const std::vector<uint64_t>& totals,
                              uint64_t seed) {
  std::vector<DatasetPtr> parts;
  DatasetPtr rest = dataset;
  for (size_t i = 0; i + 1 < totals.size(); ++i) {
    const uint64_t key = OrderKey{seed, 0}.derive(Purpose::kSplit, i);
    if (totals[i] == 0 || totals[i] >= rest->rows()) {
      throw Error(ErrorCode::kInvalid, "every part of a split needs rows; part " +
                                           std::to_string(i) + " would get " +
                                           std::to_string(totals[i]) + " of the remaining " +
                                           std::to_string(rest->rows()) + "; change the fractions");
    }
    const Partition partition(rest->rows(), totals[i], key);
    parts.push_back(with_map(*rest, totals[i], PartMap{partition, true}));
    rest = with_map(*rest, rest->rows() - totals[i], PartMap{partition, false});
  }
  parts.push_back(rest);
  return parts;
}

std::vector<DatasetPtr> split_by_file(const DatasetPtr& dataset,
                                      const std::vector<double>& fractions, uint64_t seed) {
  const DatasetColumn& column = dataset->columns()[dataset->located_column()];
  const RowSpace& space = *dataset->groups()[column.group];
  if (!space.is_table() || !(dataset->in_files() || dataset->is_transient())) {
    throw Error(ErrorCode::kInvalid,
                std::string("split(by=\"file\") needs a dataset of files in ") +
                    "file order; found " + (space.is_table() ? "arrays" : "chosen rows") +
                    "; split before subset or windows, or use split without by=");
  }
  struct Range {
    uint64_t start;
    uint64_t rows;
  };
  std::vector<std::vector<Range>> ranges(fractions.size());
  uint64_t row = 0;
  for (uint64_t i = 0; i < space.piece_count(); ++i) {
    const PieceView piece = space.piece(i);
    const std::string file = piece.source->file(piece.source_column(column.column));
    ranges[part_of_file(file, fractions, seed)].push_back({row, piece.rows});
    row += piece.rows;
  }
  std::vector<DatasetPtr> parts;
  for (size_t part = 0; part < fractions.size(); ++part) {
    if (ranges[part].empty()) {
      throw Error(ErrorCode::kInvalid, "split(by=\"file\") found no file for part " +
                                           std::to_string(part) + " among " +
                                           std::to_string(dataset->file_count()) +
                                           "; use more files, another seed, or split without by=");
    }
    parts.push_back(with_spaces(*dataset, [&](const RowSpacePtr& group) {
      std::vector<RowSpacePtr> chosen;
      for (const Range& range : ranges[part]) {
        chosen.push_back(RowSpace::slice(group, range.start, range.rows));
      }
      return RowSpace::concat(chosen);
    }));
  }
  return parts;
}

}  // namespace headrace
