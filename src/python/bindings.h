#pragma once

#include <nanobind/nanobind.h>

// One function per file of bindings; module.cc calls them in order.
namespace headrace::python {

void bind_cache(nanobind::module_& module);
void bind_errors();
void bind_order(nanobind::module_& module);
void bind_data(nanobind::module_& module);
void bind_directory(nanobind::module_& module);
void bind_shards(nanobind::module_& module);
void bind_batch_order(nanobind::module_& module);
void bind_byte_rows(nanobind::module_& module);
void bind_loader(nanobind::module_& module);
void bind_native(nanobind::module_& module);
void bind_store(nanobind::module_& module);
void bind_svmlight(nanobind::module_& module);
void bind_text(nanobind::module_& module);
void bind_verify(nanobind::module_& module);

}  // namespace headrace::python
