#pragma once

#include "dataset/dataset.h"

namespace headrace::python {

// Called with the GIL before rows of `dataset` are read: starts the threads that download, where
// rows come from a store and none run in this process.
void wake_remotes(const Dataset& dataset);

}  // namespace headrace::python
