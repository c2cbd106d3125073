#include <memory>
#include <span>
#include <string>
#include <utility>

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
#include "python/units.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

using UnitRows = nb::ndarray<const uint64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

nb::object take(const Order& self, uint64_t first, uint64_t count, uint64_t stride) {
  const uint64_t rows = self.rows();
  if (stride == 0 || (count > 0 && (first >= rows || (count - 1) > (rows - 1 - first) / stride))) {
    throw Error(ErrorCode::kIndex, std::to_string(count) + " positions from " +
                                       std::to_string(first) + " by " + std::to_string(stride) +
                                       " leave the " + std::to_string(rows) + " of the order");
  }
  AlignedBytes memory(allocate_aligned(checked_mul(count, sizeof(uint64_t), "positions")));
  {
    const GilRelease unlocked;
    Order::Workspace space;
    self.take(first, stride, {reinterpret_cast<uint64_t*>(memory.get()), count}, space);
  }
  return to_numpy(std::move(memory), count, make_field("rows", DType::kUint64, {}));
}

double unit_entropy(const Order& self, uint64_t batch_size, uint64_t world_size) {
  const WindowShuffle* shuffle = self.window();
  if (shuffle == nullptr || world_size == 0) {
    throw Error(ErrorCode::kInvalid, "unit_entropy needs a shuffle of blocks or shards, and ranks");
  }
  const GilRelease unlocked;
  return expected_unit_entropy(*shuffle, batch_size, world_size);
}

double label_entropy(const Order& self,
                     const nb::ndarray<const uint32_t, nb::ndim<1>, nb::c_contig>& labels,
                     uint32_t classes, uint64_t batch_size) {
  const std::span<const uint32_t> values(labels.data(), labels.size());
  const GilRelease unlocked;
  return measured_label_entropy(self, values, classes, batch_size);
}

}  // namespace

void bind_order(nb::module_& module) {
  nb::class_<PyUnits>(module, "Units", "The units of a shard shuffle: runs of rows.")
      .def(
          "__init__",
          [](PyUnits* self, const UnitRows& rows) {
            new (self) PyUnits{std::make_shared<const UnitTable>(
                std::span<const uint64_t>(rows.data(), rows.size()))};
          },
          "rows"_a, nb::sig("def __init__(self, rows: numpy.typing.NDArray[numpy.uint64]) -> None"))
      .def("__len__", [](const PyUnits& self) { return self.table->units(); })
      .def_prop_ro("rows", [](const PyUnits& self) { return self.table->rows(); })
      .def_prop_ro("digest", [](const PyUnits& self) { return self.table->digest(); });

  nb::class_<Shuffle>(module, "Shuffle", "Which row comes when, without seed and epoch.")
      .def_static("sequential", [] { return Shuffle{}; })
      .def_static("exact", [] { return Shuffle{.kind = Shuffle::Kind::kExact}; })
      .def_static(
          "blocks",
          [](uint64_t block_rows, uint64_t window) {
            return Shuffle{
                .kind = Shuffle::Kind::kBlocks, .block_rows = block_rows, .window = window};
          },
          "block_rows"_a, "window"_a)
      .def_static(
          "shards",
          [](uint64_t window, uint64_t lanes, const PyUnits& units) {
            return Shuffle{.kind = Shuffle::Kind::kShards,
                           .window = window,
                           .lanes = lanes,
                           .units = units.table};
          },
          "window"_a, "lanes"_a, "units"_a);

  nb::class_<Order>(module, "Order", "A bijection from the positions of an epoch to its rows.")
      .def(
          "__init__",
          [](Order* self, uint64_t rows, const Shuffle& shuffle, uint64_t seed, uint64_t epoch) {
            new (self) Order(rows, shuffle, OrderKey{seed, epoch});
          },
          "rows"_a, "shuffle"_a, "seed"_a, "epoch"_a)
      .def("take", &take, "first"_a, "count"_a, "stride"_a = 1,
           nb::sig("def take(self, first: int, count: int, stride: int = 1) -> "
                   "numpy.typing.NDArray[numpy.uint64]"))
      .def("unit_entropy", &unit_entropy, "batch_size"_a, "world_size"_a = 1)
      .def("label_entropy", &label_entropy, "labels"_a, "classes"_a, "batch_size"_a,
           nb::sig("def label_entropy(self, labels: numpy.typing.NDArray[numpy.uint32], "
                   "classes: int, batch_size: int) -> float"));
}

}  // namespace headrace::python
