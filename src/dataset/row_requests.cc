#include "dataset/row_requests.h"

#include <algorithm>
#include <utility>

namespace headrace {
namespace {

// Reading so much more than is needed costs a device no more than a second request.
constexpr uint64_t kGapBytes = uint64_t{16} << 10;

}  // namespace

RowRequests::RowRequests(const Dataset& dataset)
    : dataset_(dataset), columns_(dataset.groups().size()), locator_(dataset), variable_(dataset) {
  for (size_t c = 0; c < dataset.columns().size(); ++c) {
    const DatasetColumn& column = dataset.columns()[c];
    if (column.members != nullptr) {
      stacks_.push_back({c, std::make_unique<RowRequests>(*column.members)});
    } else {
      columns_[column.group].push_back(c);
    }
  }
}

uint64_t RowRequests::will_need(std::span<const uint64_t> rows, const std::vector<bool>& wanted) {
  return advise(rows, wanted, Advice::kWillNeed);
}

uint64_t RowRequests::used(std::span<const uint64_t> rows, const std::vector<bool>& wanted) {
  return advise(rows, wanted, Advice::kUsed) + advise_elements(rows, wanted, Advice::kUsed);
}

// Of tensors.
uint64_t RowRequests::advise(std::span<const uint64_t> rows, const std::vector<bool>& wanted,
                             Advice advice) {
  locator_.start(rows);
  uint64_t bytes = 0;
  for (uint32_t group = 0; group < columns_.size(); ++group) {
    const auto& columns = columns_[group];
    if (std::none_of(columns.begin(), columns.end(),
                     [&](size_t c) { return wanted.empty() || wanted[c]; })) {
      continue;
    }
    for (uint64_t done = 0; done < rows.size();) {
      const RowLocator::Part part = locator_.locate(group, done);
      bytes += advise_group(group, part.runs, wanted, advice);
      done += part.rows;
    }
  }
  for (const Stack& stack : stacks_) {
    bytes += wanted.empty() || wanted[stack.column] ? stack.members->advise(rows, {}, advice) : 0;
  }
  return bytes;
}

// Calls ask(column, runs) for every wanted column with offsets, whose sources are open then.
template <typename Ask>
uint64_t RowRequests::for_each_variable(std::span<const uint64_t> rows,
                                        const std::vector<bool>& wanted, const Ask& ask) {
  if (dataset_.is_transient()) {
    return 0;  // what is not here cannot be asked of the kernel
  }
  locator_.start(rows);
  uint64_t bytes = 0;
  for (uint32_t group = 0; group < columns_.size() && !rows.empty(); ++group) {
    std::span<const Run> runs;
    for (const size_t c : columns_[group]) {
      if (!wanted[c] || dataset_.columns()[c].stored().is_tensor()) {
        continue;
      }
      if (runs.empty()) {
        // There are no windows of such columns, so that one part is the whole batch.
        runs = locator_.locate(group, 0).runs;
        for (const Run& run : runs) {
          dataset_.groups()[group]->piece(run.piece).source->open();
        }
      }
      bytes += ask(c, runs);
    }
  }
  return bytes;
}

uint64_t RowRequests::will_need_offsets(std::span<const uint64_t> rows,
                                        const std::vector<bool>& wanted) {
  return for_each_variable(rows, wanted, [&](size_t column, std::span<const Run> runs) {
    return variable_.will_need_offsets(column, runs, rows.size(), files_);
  });
}

uint64_t RowRequests::will_need_elements(std::span<const uint64_t> rows,
                                         const std::vector<bool>& wanted) {
  return advise_elements(rows, wanted, Advice::kWillNeed);
}

uint64_t RowRequests::advise_elements(std::span<const uint64_t> rows,
                                      const std::vector<bool>& wanted, Advice advice) {
  return for_each_variable(rows, wanted, [&](size_t column, std::span<const Run> runs) {
    return variable_.advise_elements(column, runs, rows.size(), advice, files_);
  });
}

// Of the rows of `runs`, which it leaves sorted.
uint64_t RowRequests::advise_group(uint32_t group, std::span<Run> runs,
                                   const std::vector<bool>& wanted, Advice advice) {
  std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) {
    return std::pair(a.piece, a.first) < std::pair(b.piece, b.first);
  });
  uint64_t bytes = 0;
  for (size_t begin = 0; begin < runs.size();) {
    const Run& start = runs[begin];
    const PieceView piece = dataset_.groups()[group]->piece(start.piece);
    const uint64_t gap = rows_of_gap(group, piece);
    uint64_t end = start.first + start.count;
    size_t next = begin + 1;
    while (next < runs.size() && runs[next].piece == start.piece && runs[next].first <= end + gap) {
      end = std::max(end, runs[next].first + runs[next].count);
      ++next;
    }
    for (const size_t c : columns_[group]) {
      const uint32_t column = piece.source_column(dataset_.columns()[c].column);
      const StoredRows* stored = piece.source->stored(column);
      if (stored != nullptr && (wanted.empty() || wanted[c])) {
        piece.source->advise(column, start.first, end - start.first, advice, files_);
        bytes += (end - start.first) * stored->row_bytes;
      }
    }
    begin = next;
  }
  return bytes;
}

// How many rows between two that are wanted are read with them.
uint64_t RowRequests::rows_of_gap(uint32_t group, const PieceView& piece) const {
  uint64_t row_bytes = 1;  // of the widest column: there gaps cost most
  for (const size_t c : columns_[group]) {
    const uint32_t column = piece.source_column(dataset_.columns()[c].column);
    if (const StoredRows* stored = piece.source->stored(column)) {
      row_bytes = std::max(row_bytes, stored->row_bytes);
    }
  }
  return kGapBytes / row_bytes;
}

}  // namespace headrace
