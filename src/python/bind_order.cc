#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/error.h"
#include "order/mixing.h"
#include "order/order.h"
#include "python/arrays.h"
#include "python/bindings.h"
#include "python/gil.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

// An Order with what its diagnostics need.
struct PyOrder {
  Order order;
  Shuffle shuffle;
  OrderKey key;
};

nb::object take(const PyOrder& self, uint64_t first, uint64_t count, uint64_t stride) {
  const uint64_t rows = self.order.rows();
  if (stride == 0 || (count > 0 && (first >= rows || (count - 1) > (rows - 1 - first) / stride))) {
    throw Error(ErrorCode::kIndex, std::to_string(count) + " positions from " +
                                       std::to_string(first) + " by " + std::to_string(stride) +
                                       " leave the " + std::to_string(rows) + " of the order");
  }
  AlignedBytes memory(allocate_aligned(checked_mul(count, sizeof(uint64_t), "positions")));
  {
    const GilRelease unlocked;
    Order::Workspace space;
    self.order.take(first, stride, {reinterpret_cast<uint64_t*>(memory.get()), count}, space);
  }
  return to_numpy(std::move(memory), count, make_field("rows", DType::kUint64, {}));
}

double unit_entropy(const PyOrder& self, uint64_t batch_size) {
  if (self.shuffle.kind != Shuffle::Kind::kBlocks) {
    throw Error(ErrorCode::kInvalid, "unit_entropy needs a block shuffle");
  }
  const GilRelease unlocked;
  return expected_block_entropy(
      WindowShuffle(self.order.rows(), self.shuffle.block_rows, self.shuffle.window, self.key),
      batch_size);
}

double label_entropy(const PyOrder& self,
                     const nb::ndarray<const uint32_t, nb::ndim<1>, nb::c_contig>& labels,
                     uint32_t classes, uint64_t batch_size) {
  const std::span<const uint32_t> values(labels.data(), labels.size());
  const GilRelease unlocked;
  return measured_label_entropy(self.order, values, classes, batch_size);
}

}  // namespace

void bind_order(nb::module_& module) {
  nb::class_<Shuffle>(module, "Shuffle", "Which row comes when, without seed and epoch.")
      .def_static("sequential", [] { return Shuffle{}; })
      .def_static("exact", [] { return Shuffle{.kind = Shuffle::Kind::kExact}; })
      .def_static(
          "blocks",
          [](uint64_t block_rows, uint64_t window) {
            return Shuffle{Shuffle::Kind::kBlocks, block_rows, window};
          },
          "block_rows"_a, "window"_a);

  nb::class_<PyOrder>(module, "Order", "A bijection from the positions of an epoch to its rows.")
      .def(
          "__init__",
          [](PyOrder* self, uint64_t rows, const Shuffle& shuffle, uint64_t seed, uint64_t epoch) {
            const OrderKey key{seed, epoch};
            new (self) PyOrder{Order(rows, shuffle, key), shuffle, key};
          },
          "rows"_a, "shuffle"_a, "seed"_a, "epoch"_a)
      .def("take", &take, "first"_a, "count"_a, "stride"_a = 1,
           nb::sig("def take(self, first: int, count: int, stride: int = 1) -> "
                   "numpy.typing.NDArray[numpy.uint64]"))
      .def("unit_entropy", &unit_entropy, "batch_size"_a)
      .def("label_entropy", &label_entropy, "labels"_a, "classes"_a, "batch_size"_a,
           nb::sig("def label_entropy(self, labels: numpy.typing.NDArray[numpy.uint32], "
                   "classes: int, batch_size: int) -> float"));
}

}  // namespace headrace::python
