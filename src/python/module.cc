#include <nanobind/nanobind.h>

#include "python/bindings.h"

NB_MODULE(_core, module) {
  // A process that ends by os._exit, as workers of torch's DataLoader do, leaves objects behind.
  nanobind::set_leak_warnings(false);
  module.doc() =
      "The C++ core of headrace. Use the package headrace; this module may change at any time.";
  headrace::python::bind_errors();
  headrace::python::bind_cache(module);
  headrace::python::bind_order(module);
  headrace::python::bind_data(module);
  headrace::python::bind_directory(module);
  headrace::python::bind_shards(module);
  headrace::python::bind_batch_order(module);
  headrace::python::bind_byte_rows(module);
  headrace::python::bind_loader(module);
  headrace::python::bind_native(module);
  headrace::python::bind_store(module);
  headrace::python::bind_svmlight(module);
  headrace::python::bind_text(module);
  headrace::python::bind_verify(module);
}
