#include "dataset/memory_limit.h"

#include <cstdio>

#include "base/error.h"
#include "storage/memory.h"

namespace headrace {
namespace {

// "1.9 GiB".
std::string gibibytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f GiB", static_cast<double>(bytes) / 0x1p30);
  return text;
}

}  // namespace

void check_memory(uint64_t bytes, const std::string& what) {
  if (bytes >= kSmallRequest) {
    check_memory(bytes, what, available_memory());
  }
}

void check_memory(uint64_t bytes, const std::string& what, uint64_t available) {
  if (bytes > available) {
    throw Error(ErrorCode::kInvalid,
                what + " need " + std::to_string(bytes) + " bytes (" + gibibytes(bytes) +
                    "), and " + gibibytes(available) +
                    " of memory are left; take fewer rows at once (batch_size), fewer columns "
                    "(columns= of the layout), or layout csr in place of dense");
  }
}

}  // namespace headrace
