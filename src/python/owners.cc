#include "python/owners.h"

#include <atomic>
#include <utility>

namespace nb = nanobind;

namespace headrace::python {
namespace {

struct Dropped {
  PyObject* object;
  Dropped* next;
};

// Threads without the GIL have nowhere else to leave an object.
std::atomic<Dropped*> dropped{nullptr};

bool holds_gil() noexcept {
#if defined(Py_LIMITED_API)
  // From Python 3.12 on, the first of which we build for the stable ABI, the current thread state
  // is the thread's own, and only a thread with the GIL has one.
  return PyThreadState_GetDict() != nullptr;
#else
  return PyGILState_Check() != 0;
#endif
}

void drop(Dropped* owner) noexcept {
  if (Py_IsInitialized() == 0) {
    return;  // too late to tell anybody; the process is ending
  }
  if (holds_gil()) {
    Py_DECREF(owner->object);
    delete owner;
    return;
  }
  owner->next = dropped.load(std::memory_order_relaxed);
  while (!dropped.compare_exchange_weak(owner->next, owner, std::memory_order_release,
                                        std::memory_order_relaxed)) {
  }
}

}  // namespace

std::shared_ptr<const void> share_owner(nb::object object) {
  auto* owner = new Dropped{object.release().ptr(), nullptr};
  return {static_cast<const void*>(owner->object), [owner](const void*) { drop(owner); }};
}

void release_dropped_owners() noexcept {
  Dropped* owner = dropped.exchange(nullptr, std::memory_order_acquire);
  while (owner != nullptr) {
    Dropped* next = owner->next;
    Py_DECREF(owner->object);
    delete owner;
    owner = next;
  }
}

}  // namespace headrace::python
