#pragma once

#include <chrono>
#include <cxxabi.h>
#include <optional>
#include <unistd.h>
#include <utility>

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

// Returns what `call` does, which calls Python from below a function that Python has called. A
// daemon thread that is ended in there, as GilRelease says, is parked, too: what Python has called
// lets no unwinding through.
template <typename Call>
auto calling_python(Call&& call) -> decltype(call()) {
  try {
    return call();
  } catch (const abi::__forced_unwind&) {
    while (true) {
      pause();
    }
  }
}

// Work without the GIL that Ctrl-C stops.
class Interruptible {
 public:
  using Clock = std::chrono::steady_clock;

  // How often a signal is looked for.
  static constexpr std::chrono::milliseconds kLookEvery{50};

  // Throws what the handler of a signal raised, with the GIL held from then on.
  void poll() {
    if (Clock::now() < next_look_) {
      return;
    }
    unlocked_.reset();
    if (PyErr_CheckSignals() != 0) {
      throw nanobind::python_error();
    }
    unlocked_.emplace();
    next_look_ = Clock::now() + kLookEvery;
  }

 private:
  std::optional<GilRelease> unlocked_{std::in_place};
  Clock::time_point next_look_ = Clock::now() + kLookEvery;
};

}  // namespace headrace::python
