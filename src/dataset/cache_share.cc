#include "dataset/cache_share.h"

namespace headrace {

uint64_t CacheShare::bytes() {
  const auto is_fresh = [this] {
    return Clock::now().time_since_epoch().count() < counted_until_.load();
  };
  if (is_fresh()) {
    return bytes_.load();
  }
  std::unique_lock lock(counting_, std::defer_lock);
  if (!is_known_.load()) {
    lock.lock();
  } else if (!lock.try_lock()) {
    return bytes_.load();
  }
  if (!is_fresh()) {  // who waited for the lock finds what was counted meanwhile
    bytes_ = count_();
    counted_until_ = (Clock::now() + age_).time_since_epoch().count();
    is_known_ = true;
  }
  return bytes_.load();
}

}  // namespace headrace
