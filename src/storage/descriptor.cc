#include "storage/descriptor.h"

#include <algorithm>
#include <fcntl.h>
#include <mutex>
#include <pthread.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "storage/interrupts.h"

namespace headrace {
namespace {

// What the process has open. fork() waits for the mutex, so that the child finds it free and the
// list whole.
struct OpenNumbers {
  std::mutex mutex;
  std::vector<int> numbers;
};

OpenNumbers& open_numbers();

void before_fork() { open_numbers().mutex.lock(); }

void after_fork_in_parent() { open_numbers().mutex.unlock(); }

void after_fork_in_child() {
  for (const int number : open_numbers().numbers) {
    ::close(number);
  }
  open_numbers().numbers.clear();
  open_numbers().mutex.unlock();
}

OpenNumbers& open_numbers() {
  static OpenNumbers* const kAll = [] {
    // Without memory for it children keep what is open: their parent's locks outlive it.
    static_cast<void>(::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child));
    return new OpenNumbers;
  }();
  return *kAll;
}

}  // namespace

Descriptor Descriptor::open(const std::string& path, int flags, mode_t mode) {
  OpenNumbers& all = open_numbers();
  const std::lock_guard lock(all.mutex);
  all.numbers.reserve(all.numbers.size() + 1);
  Descriptor descriptor;
  descriptor.number_ =
      retry_interrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); });
  if (descriptor.number_ >= 0) {
    descriptor.process_ = ::getpid();
    all.numbers.push_back(descriptor.number_);
  }
  return descriptor;
}

Descriptor::~Descriptor() { close(); }

Descriptor::Descriptor(Descriptor&& other) noexcept
    : number_(std::exchange(other.number_, -1)), process_(other.process_) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    number_ = std::exchange(other.number_, -1);
    process_ = other.process_;
  }
  return *this;
}

void Descriptor::close() noexcept {
  const int number = std::exchange(number_, -1);
  if (number < 0 || process_ != ::getpid()) {
    return;  // in a child the number may stand for another file by now
  }
  OpenNumbers& all = open_numbers();
  const std::lock_guard lock(all.mutex);
  std::erase(all.numbers, number);
  ::close(number);
}

}  // namespace headrace
