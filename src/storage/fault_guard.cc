#include "storage/fault_guard.h"

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <thread>
#include <ucontext.h>

namespace headrace {
namespace {

struct Frame {
  sigjmp_buf jump;
  const void* volatile address;
};

// Initial-exec: the handler may not allocate, as the first use of a lazily allocated thread-local
// would.
__attribute__((tls_model("initial-exec"))) thread_local Frame* volatile current_frame = nullptr;

// A signal handler has no other place for its state; written only by the thread that set
// installing.
struct sigaction previous_action;
std::atomic_flag installing = ATOMIC_FLAG_INIT;  // not a mutex: a fork could find it locked

void chain(int signal_number, siginfo_t* info, void* context) {
  // A handler that was installed over ours and remembers it would call back for ever: the same
  // fault in another frame. A flag would stay set when a handler leaves by a jump.
  __attribute__((tls_model("initial-exec"))) static thread_local const void* last_fault = nullptr;
  __attribute__((tls_model("initial-exec"))) static thread_local const void* last_frame = nullptr;
  const void* frame = __builtin_frame_address(0);
  const bool again = context == last_fault && frame != last_frame;
  last_fault = context;
  last_frame = frame;
  if (!again && (previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal_number, info, context);
  } else if (!again && previous_action.sa_handler != SIG_DFL &&
             previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal_number);
  } else {
    std::signal(signal_number, SIG_DFL);  // returning runs the faulting instruction again
  }
  last_fault = nullptr;
}

void on_sigbus(int signal_number, siginfo_t* info, void* context) {
  Frame* frame = current_frame;
  if (frame == nullptr || info->si_code <= 0) {  // not ours, or sent by a process
    chain(signal_number, info, context);
    return;
  }
  current_frame = nullptr;
  frame->address = info->si_addr;
  // The jump skips the kernel's restoring of the mask, and ThreadSanitizer blocks all signals here.
  pthread_sigmask(SIG_SETMASK, &static_cast<ucontext_t*>(context)->uc_sigmask, nullptr);
  siglongjmp(frame->jump, 1);
}

}  // namespace

void install_fault_guard() {
  constexpr int kPatience = 1000;  // another thread is done by then, or was lost in a fork
  struct sigaction in_force = {};
  for (int tries = 0; tries < kPatience; ++tries) {
    sigaction(SIGBUS, nullptr, &in_force);
    if ((in_force.sa_flags & SA_SIGINFO) != 0 && in_force.sa_sigaction == on_sigbus) {
      return;
    }
    if (!installing.test_and_set()) {
      break;
    }
    std::this_thread::yield();
  }
  struct sigaction ours = {};
  ours.sa_sigaction = on_sigbus;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&ours.sa_mask);
  previous_action = in_force;
  sigaction(SIGBUS, &ours, nullptr);
  installing.clear();
}

const void* guarded(void (*leaf)(void*) noexcept, void* context) noexcept {
  Frame frame;
  frame.address = nullptr;
  if (sigsetjmp(frame.jump, 0) != 0) {
    return frame.address;
  }
  current_frame = &frame;
  leaf(context);
  current_frame = nullptr;
  return nullptr;
}

}  // namespace headrace
