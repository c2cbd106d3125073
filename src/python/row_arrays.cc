#include "python/row_arrays.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/error.h"
#include "dataset/memory_limit.h"
#include "dataset/reader.h"
#include "python/arrays.h"
#include "python/gil.h"
#include "python/part_arrays.h"
#include "python/remotes.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

using Handle = std::shared_ptr<Dataset>;
using Indices = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// What becomes of bfloat16, which numpy does not have.
enum class Bfloat16 : uint8_t { kRefuse, kBits };

// The memory of one column of a batch.
struct ColumnMemory {
  struct Part {
    AlignedBytes memory;
    uint64_t bytes = 0;
  };
  Part values;  // of a tensor: the rows
  Part offsets;
  Part indices;
  Part lengths;

  Part& part(ColumnPart part) {
    switch (part) {
      case ColumnPart::kOffsets:
        return offsets;
      case ColumnPart::kValues:
        return values;
      case ColumnPart::kIndices:
        return indices;
      case ColumnPart::kLengths:
        break;
    }
    return lengths;
  }
};

nb::object column_arrays(ColumnMemory memory, uint64_t rows, const DatasetColumn& column) {
  if (column.field.is_tensor()) {
    return to_numpy(std::move(memory.values.memory), rows, column.field);
  }
  nb::list arrays;
  for (const ColumnPart part : kPartsInOrder) {
    ColumnMemory::Part& made = memory.part(part);
    if (made.memory == nullptr) {
      arrays.append(nb::none());
      continue;
    }
    const PartArray array = part_array(column, part, made.bytes, rows);
    arrays.append(to_numpy(std::move(made.memory), array.rows, array.element));
  }
  return nb::tuple(arrays);
}

std::vector<uint64_t> checked_rows(const Dataset& dataset, const Indices& rows) {
  std::vector<uint64_t> checked(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t row = rows.data()[i];
    if (row < 0 || static_cast<uint64_t>(row) >= dataset.rows()) {
      throw Error(ErrorCode::kIndex, "row " + std::to_string(row) + " is out of range for " +
                                         std::to_string(dataset.rows()) + " rows");
    }
    checked[i] = static_cast<uint64_t>(row);
  }
  return checked;
}

// Memory for `bytes` bytes of a column's rows.
ColumnMemory::Part allocate_part(const Field& field, uint64_t rows, uint64_t bytes) {
  check_memory(
      bytes, "column " + field.name + ": " + std::to_string(rows) + " rows of " + describe(field));
  return {AlignedBytes(allocate_aligned(bytes)), bytes};
}

// The arrays of `rows` rows: tensors filled by fill_tensors(outs, poll), the other columns by
// fill_variable(wanted, allocate, poll), both without the GIL.
template <typename FillTensors, typename FillVariable>
nb::list make_arrays(const Dataset& dataset, uint64_t rows, Bfloat16 bfloat16,
                     const FillTensors& fill_tensors, const FillVariable& fill_variable) {
  const auto& columns = dataset.columns();
  std::vector<ColumnMemory> memory(columns.size());
  wake_remotes(dataset);
  {
    Interruptible work;
    const Poll poll = [&work] { work.poll(); };
    std::vector<std::byte*> outs(columns.size());
    std::vector<bool> variable(columns.size());
    for (size_t c = 0; c < columns.size(); ++c) {
      variable[c] = !columns[c].gathered();
      if (!variable[c]) {
        const uint64_t bytes = checked_mul(rows, columns[c].field.row_bytes(), "bytes of the rows");
        memory[c].values = allocate_part(columns[c].field, rows, bytes);
        outs[c] = memory[c].values.memory.get();
      }
    }
    fill_tensors(outs, poll);
    const AllocatePart allocate = [&](size_t column, ColumnPart part, uint64_t bytes) {
      ColumnMemory::Part& made = memory[column].part(part);
      made = allocate_part(columns[column].field, rows, bytes);
      return made.memory.get();
    };
    if (std::find(variable.begin(), variable.end(), true) != variable.end()) {
      fill_variable(variable, allocate, poll);
    }
  }
  nb::list arrays;
  for (size_t c = 0; c < memory.size(); ++c) {
    DatasetColumn column = columns[c];
    if (column.field.dtype == DType::kBfloat16 && bfloat16 == Bfloat16::kBits) {
      column.field.dtype = DType::kUint16;
    }
    arrays.append(column_arrays(std::move(memory[c]), rows, column));
  }
  return arrays;
}

nb::list read_rows(const Handle& dataset, const Indices& wanted) {
  if (wanted.size() > INT32_MAX) {
    throw Error(ErrorCode::kInvalid, "at most 2^31 - 1 rows can be read by number at once; found " +
                                         std::to_string(wanted.size()) + "; read them in parts");
  }
  const std::vector<uint64_t> rows = checked_rows(*dataset, wanted);
  Reader reader(dataset);
  return make_arrays(
      *dataset, rows.size(), Bfloat16::kRefuse,
      [&](const std::vector<std::byte*>& outs, const Poll& poll) {
        reader.read_cold(rows, outs, 0, poll);
        reader.check_files();
      },
      [&](const std::vector<bool>& columns, const AllocatePart& allocate, const Poll& poll) {
        reader.read_parts(rows, columns, allocate, poll);
        reader.check_files();
      });
}

nb::list read_slice(const Handle& dataset, uint64_t start, uint64_t count, int64_t step,
                    bool bfloat16_bits) {
  dataset->check_range(start, count, step);
  return make_arrays(
      *dataset, count, bfloat16_bits ? Bfloat16::kBits : Bfloat16::kRefuse,
      [&](const std::vector<std::byte*>& outs, const Poll& poll) {
        read_range(dataset, start, count, step, outs, poll);
      },
      [&](const std::vector<bool>& columns, const AllocatePart& allocate, const Poll& poll) {
        read_parts_range(dataset, start, count, step, columns, allocate, poll);
      });
}

}  // namespace

void bind_reading(DatasetClass& dataset) {
  dataset
      .def("read", &read_rows, "rows"_a,
           nb::sig("def read(self, rows: numpy.typing.NDArray[numpy.int64]) -> "
                   "list[typing.Any]"))
      .def(
          "read_slice", &read_slice, "start"_a, "count"_a, "step"_a, "bfloat16_bits"_a = false,
          "Rows start, start + step, ...; bfloat16, which numpy does not have, as uint16 if asked.",
          nb::sig("def read_slice(self, start: int, count: int, step: int, "
                  "bfloat16_bits: bool = False) -> list[typing.Any]"));
}

}  // namespace headrace::python
