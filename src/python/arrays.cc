#include "python/arrays.h"

#include <array>
#include <memory>
#include <utility>

#include <dlpack/dlpack.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include "base/error.h"
#include "python/owners.h"

namespace nb = nanobind;

namespace headrace::python {
namespace {

constexpr uint8_t kDlBool =
    6;  // kDLBool of DLPack 0.8; Debian 12 ships 0.6, whose structures are the same

struct DlType {
  DType dtype;
  DLDataType dl;
};

constexpr DlType kDlTypes[] = {
    {DType::kBool, {kDlBool, 8, 1}},        {DType::kUint8, {kDLUInt, 8, 1}},
    {DType::kUint16, {kDLUInt, 16, 1}},     {DType::kUint32, {kDLUInt, 32, 1}},
    {DType::kUint64, {kDLUInt, 64, 1}},     {DType::kInt8, {kDLInt, 8, 1}},
    {DType::kInt16, {kDLInt, 16, 1}},       {DType::kInt32, {kDLInt, 32, 1}},
    {DType::kInt64, {kDLInt, 64, 1}},       {DType::kFloat16, {kDLFloat, 16, 1}},
    {DType::kBfloat16, {kDLBfloat, 16, 1}}, {DType::kFloat32, {kDLFloat, 32, 1}},
    {DType::kFloat64, {kDLFloat, 64, 1}},
};

DLDataType dl_type(DType dtype) {
  for (const DlType& known : kDlTypes) {
    if (known.dtype == dtype) {
      return known.dl;
    }
  }
  throw Error(ErrorCode::kUnsupported, std::string(dtype_name(dtype)) + " has no DLPack type");
}

DType from_dl_type(const std::string& name, nb::dlpack::dtype dl) {
  for (const DlType& known : kDlTypes) {
    if (known.dl.code == dl.code && known.dl.bits == dl.bits && known.dl.lanes == dl.lanes) {
      return known.dtype;
    }
  }
  throw Error(ErrorCode::kUnsupported,
              "column " + name +
                  " has an unsupported dtype; use bool, int8-64, uint8-64, "
                  "float16-64 or bfloat16",
              {.file = "", .column = name});
}

Error no_numpy_type(const Field& field) {
  return Error(ErrorCode::kUnsupported,
               "column " + field.name +
                   " is bfloat16, which numpy does not have; use "
                   "ds.cast(" +
                   field.name + "=\"float32\"), or a Loader with output=\"torch\"",
               {.file = "", .column = field.name});
}

// A DLPack tensor over shared memory, with what its consumer must keep alive.
struct Export {
  DLManagedTensor managed;
  std::shared_ptr<const Slot> slot;
  std::vector<int64_t> shape;
};

void delete_export(DLManagedTensor* managed) { delete static_cast<Export*>(managed->manager_ctx); }

// A capsule that nobody consumed still owns its tensor.
void delete_capsule(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, "dltensor") != 0) {
    auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, "dltensor"));
    managed->deleter(managed);
  }
}

std::vector<int64_t> full_shape(uint64_t rows, const Field& field) {
  std::vector<int64_t> shape = {static_cast<int64_t>(rows)};
  shape.insert(shape.end(), field.row_shape.begin(), field.row_shape.end());
  return shape;
}

// Our own capsule: nanobind's deleter would take the GIL, ours runs on any thread and at shutdown.
nb::object make_capsule(std::shared_ptr<const Slot> slot, uint64_t rows, const Field& field) {
  auto exported = std::make_unique<Export>();
  exported->slot = std::move(slot);
  exported->shape = full_shape(rows, field);
  exported->managed.dl_tensor = {
      .data = exported->slot->data(),
      .device = {kDLCPU, 0},
      .ndim = static_cast<int32_t>(exported->shape.size()),
      .dtype = dl_type(field.dtype),
      .shape = exported->shape.data(),
      .strides = nullptr,
      .byte_offset = 0,
  };
  exported->managed.manager_ctx = exported.get();
  exported->managed.deleter = delete_export;
  PyObject* capsule = PyCapsule_New(&exported->managed, "dltensor", delete_capsule);
  if (capsule == nullptr) {
    throw nb::python_error();
  }
  static_cast<void>(exported.release());
  return nb::steal(capsule);
}

// output="dlpack": for any library that speaks the protocol.
class DlpackTensor {
 public:
  DlpackTensor(Slot slot, uint64_t rows, Field field)
      : slot_(std::make_shared<const Slot>(std::move(slot))),
        rows_(rows),
        field_(std::move(field)) {}

  nb::object dlpack() const { return make_capsule(slot_, rows_, field_); }
  nb::tuple shape() const {
    nb::list extents;
    for (const int64_t extent : full_shape(rows_, field_)) {
      extents.append(extent);
    }
    return nb::tuple(extents);
  }
  const char* dtype() const { return dtype_name(field_.dtype); }

 private:
  std::shared_ptr<const Slot> slot_;
  uint64_t rows_;
  Field field_;
};

// What a numpy array is over: memory of ours, by the buffer protocol. It is the array's base
// itself: through nanobind's arrays that would be a memoryview, and each one is work for Python's
// collector of cycles, which costs more than small arrays do.
class ArrayMemory {
 public:
  ArrayMemory(AlignedBytes memory, uint64_t bytes)
      : data_(memory.get()), bytes_(bytes), memory_(std::move(memory)) {}
  ArrayMemory(Slot slot, uint64_t bytes)
      : data_(slot.data()), bytes_(bytes), slot_(std::move(slot)) {}
  ArrayMemory(std::shared_ptr<std::byte> shared, std::byte* begin, uint64_t bytes)
      : data_(begin), bytes_(bytes), shared_(std::move(shared)) {}

  static int get_buffer(PyObject* self, Py_buffer* view, int flags) noexcept {
    const auto* memory = nb::inst_ptr<ArrayMemory>(self);
    return PyBuffer_FillInfo(view, self, memory->data_, static_cast<Py_ssize_t>(memory->bytes_), 0,
                             flags);
  }

 private:
  std::byte* data_;
  uint64_t bytes_;
  AlignedBytes memory_;
  Slot slot_;
  std::shared_ptr<std::byte> shared_;
};

// numpy's names, looked up once. They are never let go of: the interpreter may be gone by then.
struct Numpy {
  nb::object array;
  std::array<nb::object, kDTypeCount> dtypes;

  static const Numpy& get() {
    static const auto* numpy = new Numpy();
    return *numpy;
  }

 private:
  Numpy() {
    const nb::module_ module = nb::module_::import_("numpy");
    array = module.attr("ndarray");
    for (size_t i = 0; i < kDTypeCount; ++i) {
      if (static_cast<DType>(i) != DType::kBfloat16) {
        dtypes[i] = module.attr("dtype")(dtype_name(static_cast<DType>(i)));
      }
    }
  }
};

nb::object numpy_over(const nb::object& memory, uint64_t offset, uint64_t rows,
                      const Field& field) {
  const Numpy& numpy = Numpy::get();
  const nb::object shape =
      nb::steal(PyTuple_New(static_cast<Py_ssize_t>(1 + field.row_shape.size())));
  if (!shape.is_valid()) {
    throw nb::python_error();
  }
  const auto set_extent = [&shape](size_t axis, uint64_t extent) {
    if (PyTuple_SetItem(shape.ptr(), static_cast<Py_ssize_t>(axis),
                        PyLong_FromUnsignedLongLong(extent)) != 0) {
      throw nb::python_error();
    }
  };
  set_extent(0, rows);
  for (size_t axis = 0; axis < field.row_shape.size(); ++axis) {
    set_extent(axis + 1, field.row_shape[axis]);
  }
  return numpy.array(shape, numpy.dtypes[static_cast<size_t>(field.dtype)], memory, offset);
}

nb::object numpy_over(ArrayMemory memory, uint64_t rows, const Field& field) {
  return numpy_over(nb::cast(std::move(memory)), 0, rows, field);
}

}  // namespace

ForeignArray view_array(const std::string& name, const nb::object& object) {
  const auto view = nb::cast<nb::ndarray<nb::ro, nb::device::cpu>>(object);
  if (view.ndim() == 0) {
    throw Error(ErrorCode::kInvalid,
                "column " + name + " is a single number; its first axis must count rows",
                {.file = "", .column = name});
  }
  const DType dtype = from_dl_type(name, view.dtype());
  const auto item = static_cast<int64_t>(dtype_size(dtype));
  std::vector<uint64_t> row_shape;
  for (size_t axis = 1; axis < view.ndim(); ++axis) {
    row_shape.push_back(view.shape(axis));
  }
  int64_t expected = 1;
  for (size_t axis = view.ndim() - 1; axis > 0; --axis) {
    if (view.shape(axis) != 1 && view.stride(axis) != expected) {
      throw Error(ErrorCode::kInvalid,
                  "the rows of column " + name + " are not contiguous in memory (axis " +
                      std::to_string(axis) + " has a stride of " +
                      std::to_string(view.stride(axis)) + " elements instead of " +
                      std::to_string(expected) +
                      "); pass np.ascontiguousarray(array) or tensor.contiguous()",
                  {.file = "", .column = name});
    }
    expected *= static_cast<int64_t>(view.shape(axis));
  }
  const uint64_t rows = view.shape(0);
  Field field = make_field(name, dtype, std::move(row_shape));
  const int64_t stride = view.stride(0) * item;
  const auto* data = static_cast<const std::byte*>(view.data());
  const uint64_t row_bytes = field.row_bytes();
  // The view itself is the owner: it holds the exporter's own handle on the memory.
  Buffer owner(share_owner(nb::cast(view)), data, 0);
  ArraySource::Array array{std::move(owner), {}, row_bytes, dtype};
  array.rows.rows = data;
  array.rows.stride = stride;
  return {std::move(field), rows, std::move(array)};
}

nb::object to_numpy(AlignedBytes memory, uint64_t rows, const Field& field) {
  if (field.dtype == DType::kBfloat16) {
    throw no_numpy_type(field);
  }
  return numpy_over(ArrayMemory(std::move(memory), rows * field.row_bytes()), rows, field);
}

nb::object share_memory(std::shared_ptr<std::byte> owner, std::byte* begin, uint64_t bytes) {
  return nb::cast(ArrayMemory(std::move(owner), begin, bytes));
}

nb::object to_numpy(const nb::object& memory, uint64_t offset, uint64_t rows, const Field& field) {
  if (field.dtype == DType::kBfloat16) {
    throw no_numpy_type(field);
  }
  return numpy_over(memory, offset, rows, field);
}

TensorMaker::TensorMaker(Output output, const Schema& schema) : output_(output) {
  if (output == Output::kTorch) {
    // The function behind torch.utils.dlpack.from_dlpack: a third of the cost per batch.
    from_dlpack_ = nb::module_::import_("torch").attr("_C").attr("_from_dlpack");
  }
  for (const Field& field : schema) {
    if (output == Output::kNumpy && field.dtype == DType::kBfloat16) {
      throw no_numpy_type(field);
    }
  }
}

nb::object TensorMaker::make(Slot slot, uint64_t rows, const Field& field) const {
  switch (output_) {
    case Output::kTorch:
      return from_dlpack_(make_capsule(std::make_shared<const Slot>(std::move(slot)), rows, field));
    case Output::kDlpack:
      return nb::cast(DlpackTensor(std::move(slot), rows, field));
    case Output::kNumpy:
      break;
  }
  return numpy_over(ArrayMemory(std::move(slot), rows * field.row_bytes()), rows, field);
}

void bind_arrays(nb::module_& module) {
  static PyType_Slot slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(ArrayMemory::get_buffer)},
                                {0, nullptr}};
  // Now: later, one thread could wait for the GIL, and another with it for the first one's look-up.
  static_cast<void>(Numpy::get());
  const nb::class_<ArrayMemory> memory(module, "ArrayMemory", nb::type_slots(slots),
                                       "What a numpy array is over: its base.");
  nb::class_<DlpackTensor>(module, "DlpackTensor", "A column of a batch for any DLPack consumer.")
      .def(
          "__dlpack__",
          [](const DlpackTensor& self, const nb::kwargs& /*options*/) { return self.dlpack(); },
          nb::sig("def __dlpack__(self, **kwargs: object) -> object"))
      .def(
          "__dlpack_device__",
          [](const DlpackTensor& /*self*/) { return nb::make_tuple(static_cast<int>(kDLCPU), 0); },
          nb::sig("def __dlpack_device__(self) -> tuple[int, int]"))
      .def_prop_ro("shape", &DlpackTensor::shape, nb::sig("def shape(self) -> tuple[int, ...]"))
      .def_prop_ro("dtype", &DlpackTensor::dtype);
}

}  // namespace headrace::python
