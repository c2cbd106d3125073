#include "storage/job_sink.h"

namespace headrace {

void JobSink::write(std::span<const std::byte> bytes) {
  const uint64_t offset = bytes_;
  bytes_ += bytes.size();
  if (bytes_ <= job_.bytes()) {
    job_.write(offset, bytes);
  }
}

bool JobSink::finish() {
  if (bytes_ > job_.bytes()) {
    job_.ask_for(bytes_);
    return false;
  }
  job_.done("");
  return true;
}

}  // namespace headrace
