#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "storage/fetch_queue.h"
#include "storage/part_file.h"
#include "testing/temp_dir.h"

namespace headrace {

// A clock that goes when it is told to.
class HandClock {
 public:
  FetchClock clock() {
    return {.now = [this] { return now_; }, .random = [] { return 1.0; }};
  }
  void go(std::chrono::nanoseconds time) { now_ += time; }

 private:
  std::chrono::steady_clock::time_point now_ = std::chrono::steady_clock::now();
};

// A keeper of objects for a FetchQueue: files in a directory, and answers as a test wants them.
class FakeKeeper {
 public:
  static constexpr uint64_t kBytes = 10;

  // What start() answers for an object; kGranted if nothing is said.
  void answer(uint64_t id, FetchStep step) { steps_[id] = step; }

  FetchHooks hooks() {
    return {.start = [this](const FetchRequest& request,
                            bool urgent) { return start(request, urgent); },
            .check =
                [this](const FetchRequest& request) {
                  checked.push_back(request.id);
                  return check_answer;
                },
            .admit =
                [this](const FetchRequest& request) {
                  admitted.push_back(request.id);
                  admitted_bytes.push_back(request.bytes);
                  if (admit_error) {
                    throw Error(*std::exchange(admit_error,
                                               admit_error_stays ? admit_error : std::nullopt));
                  }
                }};
  }

  std::vector<uint64_t> started;
  std::vector<bool> urgent;
  std::vector<uint64_t> checked;
  std::vector<uint64_t> admitted;
  std::vector<uint64_t> admitted_bytes;
  bool check_answer = true;
  uint64_t most_room = UINT64_MAX;  // of a file
  std::optional<Error> start_error;
  std::optional<Error> admit_error;
  bool admit_error_stays = false;
  std::map<uint64_t, std::weak_ptr<const PartFile>> files;
  TempDir dir;

 private:
  FetchStart start(const FetchRequest& request, bool is_urgent) {
    started.push_back(request.id);
    urgent.push_back(is_urgent);
    if (start_error) {
      throw Error(*start_error);
    }
    const auto step = steps_.find(request.id);
    if (step != steps_.end() && step->second != FetchStep::kGranted) {
      return {.step = step->second};
    }
    const auto file = std::make_shared<const PartFile>(
        dir.path(std::to_string(request.id) + "-" + std::to_string(started.size())),
        std::min(request.bytes, most_room));
    files[request.id] = file;
    return {.step = FetchStep::kGranted, .file = file};
  }

  std::map<uint64_t, FetchStep> steps_;
};

inline std::vector<std::byte> some_bytes(uint64_t count, int fill = 1) {
  return std::vector<std::byte>(count, static_cast<std::byte>(fill));
}

}  // namespace headrace
