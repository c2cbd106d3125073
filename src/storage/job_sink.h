#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "storage/byte_sink.h"
#include "storage/fetch_job.h"

namespace headrace {

// What somebody makes, on its way to the file of its job. Bytes beyond the room of the job are
// counted, so that it is known how much to ask for. One thread at a time.
class JobSink : public ByteSink {
 public:
  // Requires: job.request().made, and `job` outlives this.
  explicit JobSink(FetchJob& job) noexcept : job_(job) {}

  // Throws as FetchJob::write().
  void write(std::span<const std::byte> bytes) override;

  // Bytes so far.
  uint64_t bytes() const noexcept { return bytes_; }

  // Ends the job. False: there was not enough room, and it is asked for; then all has to be written
  // again to the job that comes next. Throws as FetchJob::done() and FetchJob::ask_for().
  bool finish();

 private:
  FetchJob& job_;
  uint64_t bytes_ = 0;
};

}  // namespace headrace
