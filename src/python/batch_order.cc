#include "python/batch_order.h"

#include <cstring>
#include <string>
#include <vector>

#include <nanobind/stl/shared_ptr.h>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/error.h"
#include "python/arrays.h"
#include "python/bindings.h"
#include "python/gil.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {

Plan::Batch PyBatchOrder::batch(uint64_t number) const {
  if (number >= plan().batches()) {
    throw Error(ErrorCode::kIndex, "batch " + std::to_string(number) + " is out of range for " +
                                       std::to_string(plan().batches()) + " batches");
  }
  return plan().batch(number);
}

nb::object PyBatchOrder::items(uint64_t number) const {
  const uint64_t count = batch(number).count;
  const uint64_t bytes = checked_mul(count, sizeof(uint64_t), "items of a batch");
  AlignedBytes memory(allocate_aligned(bytes));
  {
    const GilRelease unlocked;
    std::vector<uint64_t> items;
    fill(number, items);
    std::memcpy(memory.get(), items.data(), bytes);
  }
  return to_numpy(std::move(memory), count, make_field("items", DType::kInt64, {}));
}

void PyBatchOrder::fill(uint64_t number, std::vector<uint64_t>& items) const {
  const std::unique_lock lock(space_mutex_, std::try_to_lock);
  if (lock.owns_lock()) {
    order_->items_of(number, space_, items);
    return;
  }
  Order::Workspace own;
  order_->items_of(number, own, items);
}

void bind_batch_order(nb::module_& module) {
  nb::class_<PyBatchOrder>(module, "BatchOrder", "Which items each batch of a pass holds.")
      .def(
          "__init__",
          [](PyBatchOrder* self, uint64_t items, uint64_t batch_size, const Shuffle& shuffle,
             uint64_t seed, uint64_t epoch, uint64_t position, bool drop_last, bool exact,
             uint64_t rank, uint64_t world_size) {
            if (batch_size == 0 || rank >= world_size || position > items) {
              throw Error(ErrorCode::kInvalid, "no batches can be made of these numbers");
            }
            const Tail tail = drop_last ? Tail::kDrop : exact ? Tail::kExact : Tail::kRepeat;
            const Plan::Split split = {batch_size, world_size, rank, tail};
            new (self) PyBatchOrder(std::make_shared<const BatchOrder>(
                items, shuffle, OrderKey{seed, epoch}, position, split));
          },
          "items"_a, nb::kw_only(), "batch_size"_a, "shuffle"_a, "seed"_a, "epoch"_a, "position"_a,
          "drop_last"_a, "exact"_a, "rank"_a, "world_size"_a)
      .def_prop_ro("batches", [](const PyBatchOrder& self) { return self.plan().batches(); })
      .def_prop_ro("complete", [](const PyBatchOrder& self) { return self.plan().complete(); })
      .def(
          "position_after",
          [](const PyBatchOrder& self, uint64_t count) {
            return self.plan().position_after(count);
          },
          "count"_a)
      .def(
          "position",
          [](const PyBatchOrder& self, uint64_t number) { return self.batch(number).first; },
          "number"_a)
      .def(
          "count",
          [](const PyBatchOrder& self, uint64_t number) { return self.batch(number).count; },
          "number"_a)
      .def("items", &PyBatchOrder::items, "number"_a,
           nb::sig("def items(self, number: int) -> numpy.typing.NDArray[numpy.int64]"));
}

}  // namespace headrace::python
