#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "dataset/shard_store.h"
#include "storage/fetch_job.h"

namespace headrace {

// Threads that take the jobs of a store until this goes. Jobs that are cancelled meanwhile are left
// alone.
class JobThreads {
 public:
  // Calls `work` from several threads. Requires: `store` outlives this, as does what `work` uses.
  JobThreads(const ShardStore& store, int threads, std::function<void(FetchJob&)> work)
      : store_(store), work_(std::move(work)) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { run(); });
    }
  }
  ~JobThreads() {
    stop_ = true;
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }
  JobThreads(const JobThreads&) = delete;
  JobThreads& operator=(const JobThreads&) = delete;

 private:
  void run() {
    while (!stop_) {
      try {
        if (const auto job = store_.jobs()->take(std::chrono::milliseconds(20))) {
          work_(*job);
        }
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kCancelled) {
          throw;  // ends the test program: nothing else may come
        }
      }
    }
  }

  const ShardStore& store_;
  const std::function<void(FetchJob&)> work_;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

}  // namespace headrace
