#include "engine/batch_maker.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"
#include "column/row_faults.h"
#include "dataset/memory_limit.h"

namespace headrace {
namespace {

// Throws kCorrupt for a row of text that is not UTF-8: whoever makes strings of it, later and
// elsewhere, no longer knows the rows.
void check_text(const Dataset& dataset, size_t column, std::span<const uint64_t> rows,
                const BatchColumn& text) {
  const Field& field = dataset.columns()[column].field;
  const ColumnView view{.rows = rows.size(),
                        .values = text.data(ColumnPart::kValues),
                        .offsets = text.data(ColumnPart::kOffsets),
                        .elements = text[ColumnPart::kValues].bytes};
  const RowFault fault = find_row_fault(field, view);
  if (!fault) {
    return;
  }
  const uint64_t row = rows[fault.row];
  const Dataset::Location at = dataset.locate(row, column);
  throw Error(ErrorCode::kCorrupt,
              (at.file.empty() ? "" : at.file + ": ") + "column " + field.name + ": row " +
                  std::to_string(row) + " is no UTF-8 text: " + describe(fault, field, view) +
                  "; the file is damaged, or was written as text without being it: see headrace "
                  "verify",
              {.file = at.file, .column = field.name, .row = row});
}

}  // namespace

BatchMaker::BatchMaker(DatasetPtr dataset, const LoaderOptions& options, uint64_t epoch,
                       uint64_t position, SlotPools pools)
    : dataset_(std::move(dataset)),
      order_(order_of(*dataset_, options, epoch, position)),
      pools_(std::move(pools)),
      lists_(options.listed > 0 ? std::make_unique<RowLists>() : nullptr) {}

bool BatchMaker::rows_of(uint64_t number, Order::Workspace& space,
                         std::vector<uint64_t>& rows) const {
  if (lists_ != nullptr) {
    return lists_->look(number, rows);
  }
  order_->items_of(number, space, rows);
  return true;
}

void BatchMaker::make(uint64_t number, Workspace& space, Batch& batch,
                      const std::optional<Cold>& cold) const {
  batch.number = number;
  batch.repeated = plan().batch(number).repeated;
  if (lists_ == nullptr) {
    order_->items_of(number, space.order, space.rows);
    read(space.rows, pools_, space, batch, cold);
    return;
  }
  RowList list = lists_->take(number);
  try {
    read(list.rows, list.pools, space, batch, cold);
  } catch (...) {
    lists_->put(number, std::move(list));
    throw;
  }
  batch.repeated = batch.repeated == 0 ? 0 : batch.rows;
}

void BatchMaker::read(std::span<const uint64_t> rows, const SlotPools& pools, Workspace& space,
                      Batch& batch, const std::optional<Cold>& cold) {
  const auto& columns = space.dataset->columns();
  batch.rows = rows.size();
  batch.columns.clear();
  batch.columns.resize(columns.size());
  space.outs.assign(columns.size(), nullptr);
  space.built.assign(columns.size(), false);
  for (size_t c = 0; c < columns.size(); ++c) {
    if (!columns[c].gathered()) {
      space.built[c] = true;
      continue;
    }
    const uint64_t bytes = rows.size() * columns[c].field.row_bytes();
    batch.columns[c] = BatchColumn(pools[c].acquire(ColumnPart::kValues, bytes), bytes);
    space.outs[c] = batch.columns[c].data(ColumnPart::kValues);
  }
  gather(rows, space, cold);
  build(rows, pools, space, batch, cold);
}

// Reads the columns whose rows are copied as they are.
void BatchMaker::gather(std::span<const uint64_t> rows, Workspace& space,
                        const std::optional<Cold>& cold) {
  if (std::find(space.built.begin(), space.built.end(), false) == space.built.end()) {
    return;
  }
  if (cold) {
    space.reader.read_cold(rows, space.outs, cold->asked, cold->poll);
  } else {
    space.reader.read(rows, space.outs);
  }
}

// Reads the other columns, whose parts are known in size only while they are read.
void BatchMaker::build(std::span<const uint64_t> rows, const SlotPools& pools, Workspace& space,
                       Batch& batch, const std::optional<Cold>& cold) {
  if (std::find(space.built.begin(), space.built.end(), true) == space.built.end()) {
    return;
  }
  const AllocatePart allocate = [&](size_t column, ColumnPart part, uint64_t bytes) {
    BatchColumn::Part& made = batch.columns[column][part];
    if (pools[column].parts != nullptr && !pools[column].parts->knows(part, bytes)) {
      // Of a size that is new: one long row among those of a padded batch may need any memory.
      check_memory(bytes, "column " + space.dataset->columns()[column].field.name + ": " +
                              std::to_string(rows.size()) + " rows");
    }
    made = {pools[column].acquire(part, bytes), bytes};
    return made.slot.data();
  };
  if (cold) {
    space.reader.read_parts(rows, space.built, allocate, cold->poll, cold->asked);
  } else {
    space.reader.read_parts(
        rows, space.built, allocate, [] {}, rows.size());
  }
  for (size_t c = 0; c < batch.columns.size(); ++c) {
    const DatasetColumn& column = space.dataset->columns()[c];
    if (column.field.kind == ColumnKind::kText && column.layout == nullptr) {
      check_text(*space.dataset, c, rows, batch.columns[c]);
    }
  }
}

std::shared_ptr<const BatchOrder> order_of(const Dataset& dataset, const LoaderOptions& options,
                                           uint64_t epoch, uint64_t position) {
  const uint64_t items = options.listed > 0 ? options.listed : dataset.rows();
  return std::make_shared<const BatchOrder>(items, options.shuffle, OrderKey{options.seed, epoch},
                                            position, options.split);
}

}  // namespace headrace
