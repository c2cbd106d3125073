#include "storage/fetch_job.h"

#include <exception>
#include <utility>

#include "storage/fetch_queue.h"
#include "storage/url_text.h"

namespace headrace {

FetchJob::FetchJob(std::shared_ptr<FetchQueue> queue, std::shared_ptr<FetchEntry> entry,
                   size_t range)
    : queue_(std::move(queue)),
      entry_(std::move(entry)),
      number_(range),
      round_(entry_->round),
      request_(entry_->request),
      range_(entry_->ranges[range]) {}

FetchJob::~FetchJob() {
  if (finished_ || queue_->is_foreign()) {
    return;
  }
  try {
    fail("whoever fetched it gave up", {});
  } catch (const std::exception&) {
    return;  // no memory for an error: the deadline ends the request
  }
}

void FetchJob::check_unfinished() const {
  if (finished_) {
    throw Error(ErrorCode::kInvalid,
                request_.name + ": this job has ended; take another one from the queue");
  }
}

void FetchJob::write(uint64_t offset, std::span<const std::byte> data) {
  check_unfinished();
  if (offset != range_.offset + position_) {
    throw Error(ErrorCode::kInvalid, request_.name + ": bytes " + std::to_string(offset) +
                                         " and on were handed over, and " +
                                         std::to_string(range_.offset + position_) +
                                         " are next; hand over a range from its begin to its end");
  }
  if (data.size() > range_.bytes - position_) {
    const Error error(ErrorCode::kCorrupt, "the store sent more than the " +
                                               std::to_string(range_.bytes) +
                                               " bytes that were asked for");
    fail(error.what(), {.code = error.code()});
    throw error;
  }
  const auto file = queue_->begin_write(*this);
  try {
    file->write(offset, data);
  } catch (const Error& error) {
    queue_->end_write(*this, 0);
    fail(error.what(), {.code = error.code(), .retryable = false});
    throw;
  }
  queue_->end_write(*this, data.size());
  position_ += data.size();
}

void FetchJob::done(const std::string& version) {
  check_unfinished();
  if (position_ < range_.bytes && !request_.made) {
    fail("the store sent " + std::to_string(position_) + " bytes of the " +
             std::to_string(range_.bytes) + " that were asked for",
         {.code = ErrorCode::kTruncated});
    return;
  }
  finished_ = true;
  queue_->range_done(*this, version);
}

void FetchJob::ask_for(uint64_t bytes) {
  check_unfinished();
  finished_ = true;
  queue_->range_outgrown(*this, bytes);
}

void FetchJob::fail(const std::string& what, const FetchFailure& how) {
  check_unfinished();
  finished_ = true;
  queue_->range_failed(*this, Error(how.code, without_url_secrets(what)), how);
}

}  // namespace headrace
