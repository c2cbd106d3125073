#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nanobind/nanobind.h>

#include "column/schema.h"
#include "dataset/source.h"
#include "engine/slot_pool.h"

namespace headrace::python {

// An array that Python gave: its rows, and what a row is. Holds a share in the Python object.
struct ForeignArray {
  Field field;
  uint64_t rows;
  ArraySource::Array array;
};

// Views a numpy array or a CPU torch tensor without copying it. Throws kUnsupported for other
// dtypes; kInvalid for 0-d arrays and for rows that are not contiguous.
ForeignArray view_array(const std::string& name, const nanobind::object& object);

// A writable numpy array of `rows` rows over memory that it owns from now on. Throws kUnsupported
// for bfloat16.
nanobind::object to_numpy(AlignedBytes memory, uint64_t rows, const Field& field);

// An object of Python's that shares memory, for arrays to lie over.
nanobind::object share_memory(std::shared_ptr<std::byte> owner, std::byte* begin, uint64_t bytes);

// The same over part of what share_memory() gave.
nanobind::object to_numpy(const nanobind::object& memory, uint64_t offset, uint64_t rows,
                          const Field& field);

// What becomes of a batch's columns.
enum class Output : uint8_t { kTorch, kNumpy, kDlpack };

// Makes tensors over slots, without a copy; the slot goes back to its pool when the last view of
// the tensor is gone.
class TensorMaker {
 public:
  // Imports torch for Output::kTorch. Throws kUnsupported for bfloat16 columns as numpy arrays.
  TensorMaker(Output output, const Schema& schema);

  nanobind::object make(Slot slot, uint64_t rows, const Field& field) const;

 private:
  Output output_;
  nanobind::object from_dlpack_;  // torch's
};

void bind_arrays(nanobind::module_& module);

}  // namespace headrace::python
