// Functions as people bind them with pybind11, without a thought of headrace: what
// tests/python/test_existing_bindings.py hands to from_items, convert, cache and Loader as it is.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <complex>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace {

std::atomic<int> live_vectors = 0;

// Three numbers that tell k.
std::vector<float> numbers(int k) {
  const auto value = static_cast<float>(k);
  return {value, 2 * value, -value};
}

// An array over memory of C++, which goes when the array does.
py::array_t<float> over(std::vector<float> values, py::ssize_t first, py::ssize_t step) {
  auto owned = std::make_unique<std::vector<float>>(std::move(values));
  const auto count = static_cast<py::ssize_t>(owned->size()) / std::abs(step);
  const float* start = owned->data() + first;
  ++live_vectors;
  const py::capsule owner(owned.release(), [](void* vector) {
    delete static_cast<std::vector<float>*>(vector);
    --live_vectors;
  });
  return py::array_t<float>({count}, {step * static_cast<py::ssize_t>(sizeof(float))}, start,
                            owner);
}

py::array_t<float> contiguous(int k) { return over(numbers(k), 0, 1); }

py::array_t<float> read_only(int k) {
  py::array_t<float> array = contiguous(k);
  array.attr("setflags")(py::arg("write") = false);
  return array;
}

py::array_t<float> backwards(int k) {
  std::vector<float> values = numbers(k);
  std::reverse(values.begin(), values.end());
  return over(std::move(values), 2, -1);
}

py::array_t<float> every_other(int k) {
  std::vector<float> values;
  for (const float value : numbers(k)) {
    values.insert(values.end(), {value, 1e9F});
  }
  return over(std::move(values), 0, 2);
}

py::array_t<float> of_numpy(int k) {
  py::array_t<float> array(3);
  const std::vector<float> values = numbers(k);
  std::copy(values.begin(), values.end(), array.mutable_data());
  return array;
}

py::tuple as_tuple(int k) { return py::make_tuple(backwards(k), k); }

py::dict as_dict(int k) {
  py::dict row;
  row["x"] = read_only(k);
  row["y"] = k;
  return row;
}

// k rows of two columns and one of text; the columns lie in one block of memory, rows first.
py::dict many(int k) {
  py::array_t<double, py::array::f_style> x({k, 2});
  auto values = x.mutable_unchecked<2>();
  std::vector<std::string> names;
  for (int i = 0; i < k; ++i) {
    values(i, 0) = k;
    values(i, 1) = i;
    names.push_back(std::to_string(k) + "." + std::to_string(i));
  }
  py::dict rows;
  rows["x"] = x;
  rows["name"] = names;
  return rows;
}

// How often each letter comes in a file.
py::dict count_letters(const std::string& path) {
  std::array<int64_t, 26> counts = {};
  int64_t bytes = 0;
  {
    const py::gil_scoped_release unlocked;
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      throw std::runtime_error("cannot open " + path);
    }
    for (auto it = std::istreambuf_iterator<char>(file); it != std::istreambuf_iterator<char>();
         ++it, ++bytes) {
      if (*it >= 'a' && *it <= 'z') {
        ++counts[static_cast<size_t>(*it - 'a')];
      }
    }
  }
  py::dict row;
  row["counts"] = py::array_t<int64_t>(counts.size(), counts.data());
  row["bytes"] = bytes;
  return row;
}

struct Refusal {};  // no std::exception

int fail_at_seven(int k) {
  if (k == 7) {
    throw std::invalid_argument("seven is refused");
  }
  return k;
}

int fail_strangely_at_seven(int k) {
  if (k == 7) {
    throw Refusal();
  }
  return k;
}

// Returns once two threads are here at the same time, which they are only without the GIL.
py::object meet(py::object result) {
  static std::mutex mutex;
  static std::condition_variable arrived;
  static int arrivals = 0;
  {
    const py::gil_scoped_release unlocked;
    std::unique_lock lock(mutex);
    const int pair = arrivals++ / 2;
    arrived.notify_all();
    if (!arrived.wait_for(lock, std::chrono::seconds(20),
                          [&] { return arrivals >= 2 * (pair + 1); })) {
      throw std::runtime_error("no other thread came within 20 seconds");
    }
  }
  return result;
}

py::dict doubled(const py::dict& batch) {
  const auto x = batch["x"].cast<py::array_t<float, py::array::c_style>>();
  py::array_t<float> out(std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
  std::transform(x.data(), x.data() + x.size(), out.mutable_data(),
                 [](float value) { return 2 * value; });
  py::dict result;
  result["x"] = out;
  result["y"] = batch["y"];
  return result;
}

// Another function for each k; nobody outside sees which.
py::cpp_function adder(int k) {
  return py::cpp_function([k](int value) { return py::make_tuple(value + k); });
}

}  // namespace

// What ctypes finds: C, or what Rust exports by the same rules.
extern "C" __attribute__((visibility("default"))) double mean_of(const float* values,
                                                                 int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    sum += values[i];
  }
  return sum / static_cast<double>(count);
}

PYBIND11_MODULE(existing_bindings, module) {
  module.def("live_vectors", [] { return live_vectors.load(); });
  module.def("of_numpy", &of_numpy);
  module.def("contiguous", &contiguous);
  module.def("read_only", &read_only);
  module.def("backwards", &backwards);
  module.def("every_other", &every_other);
  module.def("as_tuple", &as_tuple);
  module.def("as_dict", &as_dict);
  module.def("many", &many);
  module.def("complex", [](int k) { return py::array_t<std::complex<float>>(k); });
  module.def("count_letters", &count_letters);
  module.def("fail_at_seven", &fail_at_seven);
  module.def("fail_strangely_at_seven", &fail_strangely_at_seven);
  module.def("meet", &meet);
  module.def("doubled", &doubled);
  module.def("nothing", [](const py::dict&) { return py::none(); });
  module.def("adder", &adder);
}
