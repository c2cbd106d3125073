#pragma once

#include <cerrno>
#include <csignal>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace headrace {

// A forked child. It runs `action`, which returns its exit status, and ends without what the
// parent would do at its end; an exception is status 99.
class ChildProcess {
 public:
  template <typename Action>
  explicit ChildProcess(Action&& action) : id_(::fork()) {
    if (id_ < 0) {
      throw std::runtime_error("fork failed");
    }
    if (id_ == 0) {
      int status = 99;
      try {
        status = action();
      } catch (const std::exception& error) {
        std::cerr << "in a child: " << error.what() << std::endl;
      }
      ::_exit(status);
    }
  }
  ~ChildProcess() {
    if (id_ > 0) {
      kill();
    }
  }
  ChildProcess(ChildProcess&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t id() const noexcept { return id_; }

  // Its exit status, or minus the signal that ended it.
  int wait() {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  // The same of a child that is killed now.
  int kill() {
    ::kill(id_, SIGKILL);
    return wait();
  }

 private:
  pid_t id_;
};

// Signals between a parent and a child, which share it: a pipe.
class Handshake {
 public:
  Handshake() {
    if (::pipe(ends_) != 0) {
      throw std::runtime_error("no pipe");
    }
  }
  ~Handshake() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  void signal() const {
    const char byte = 1;
    if (::write(ends_[1], &byte, 1) != 1) {
      throw std::runtime_error("nobody listens");
    }
  }
  void wait() const {
    char byte = 0;
    if (::read(ends_[0], &byte, 1) != 1) {
      throw std::runtime_error("nobody signals");
    }
  }

 private:
  int ends_[2] = {-1, -1};
};

}  // namespace headrace
