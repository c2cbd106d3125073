#pragma once

#include <unistd.h>

#include <nanobind/nanobind.h>

namespace headrace::python {

// Lets other Python threads run while this lives. As nanobind's gil_scoped_release, but for one
// case: a daemon thread that comes back while the interpreter shuts down. Python before 3.14 ends
// it with pthread_exit, whose unwinding through a destructor would abort the process; here the
// thread is parked instead, as 3.14 does.
class GilRelease {
 public:
  GilRelease() noexcept : state_(PyEval_SaveThread()) {}
  ~GilRelease() {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      while (true) {
        pause();
      }
    }
  }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

 private:
  PyThreadState* state_;
};

}  // namespace headrace::python
