// What the tests of crashes run and kill of the cache of remote shards, and a check of what it
// left.
//
//   cache_driver fill DIRECTORY STEPS    exit status 3 after an error of ours, 4 where descriptors
//                                        leak
//   cache_driver check DIRECTORY         exit status 1 and a line where a promise is broken
//
// Linked statically, so that most of its system calls are ours.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/uuid.h"
#include "crash/driver.h"
#include "storage/cache_directory.h"
#include "storage/file.h"
#include "storage/shard_cache.h"
#include "testing/open_descriptors.h"

namespace headrace {
namespace {

constexpr int kTypedError = 3;
constexpr int kLeak = 4;

constexpr uint64_t kShardBytes = 5000;
constexpr uint64_t kCharge = 8192;
constexpr uint64_t kRoom = 4;
constexpr std::chrono::seconds kMostWait{5};

void say(const std::string& line) {
  std::string text = line + "\n";
  const iovec out{text.data(), text.size()};
  if (::writev(STDOUT_FILENO, &out, 1) != static_cast<ssize_t>(text.size())) {
    throw std::runtime_error("nobody listens");
  }
}

// Shards from here on are fetched compressed, with another room than they have in the end.
constexpr uint64_t kFirstExpanded = 5000;
constexpr ShardRoom kExpandedRoom = {.bytes = 9000, .stored_bytes = 2000};

// And from here on they are made, with room for more than they need.
constexpr uint64_t kFirstMade = 10'000;
constexpr ShardRoom kMadeRoom = {.bytes = 9000};

CacheKey key_of(uint64_t number) {
  const bool made = number >= kFirstMade;
  return {
      .dataset = {8}, .xxh3 = number, .expanded = number >= kFirstExpanded && !made, .made = made};
}

std::vector<std::byte> content(uint64_t number) {
  std::vector<std::byte> bytes(kShardBytes);
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(number * 31 + i / 100);
  }
  return bytes;
}

bool is_right(const std::string& path, uint64_t number) {
  const File file(path, std::nullopt, Links::kRefuse);
  std::vector<std::byte> bytes(file.info().size);
  file.read(0, bytes);
  return bytes == content(number);
}

std::shared_ptr<ShardCache> open_cache(const std::string& directory) {
  return ShardCache::open({.directory = directory, .limit_bytes = kRoom * kCharge});
}

ShardRoom room_of(const CacheKey& key) {
  return key.expanded ? kExpandedRoom : key.made ? kMadeRoom : ShardRoom{.bytes = kShardBytes};
}

void write_content(const PartFile& file, uint64_t number) {
  const std::vector<std::byte> bytes = content(number);
  file.write(0, std::span(bytes).first(2000));
  file.write(2000, std::span(bytes).subspan(2000));
}

std::shared_ptr<const CachedShard> fill_and_publish(ShardCache& cache, Reservation& reservation,
                                                    const std::shared_ptr<const KeyPin>& pin) {
  const uint64_t number = pin->key().xxh3;
  if (pin->key().expanded) {
    reservation.file().write(0, std::vector<std::byte>(kExpandedRoom.stored_bytes));
    write_content(reservation.expanded(), number);
    return cache.publish_expanded(reservation, pin, kShardBytes);
  }
  write_content(reservation.file(), number);
  if (pin->key().made) {
    cache.shorten(reservation, kShardBytes);
  }
  if (!is_right(reservation.file().path(), number)) {
    throw Error(ErrorCode::kCorrupt, "what was written is not what is there");
  }
  return cache.publish(reservation, pin);
}

// As ShardStore does it; nothing where there is no room.
std::shared_ptr<const CachedShard> bring(ShardCache& cache, uint64_t number) {
  const auto pin = cache.pin(key_of(number));
  const ShardRoom room = room_of(pin->key());
  if (auto found = cache.find(pin, room.bytes)) {
    return found;
  }
  auto claim = cache.claim(key_of(number));
  if (claim == nullptr) {
    return nullptr;
  }
  if (const auto path = cache.unchecked(*claim, room.bytes); path && is_right(*path, number)) {
    cache.adopt(*claim, *path);
    return cache.find(pin, room.bytes);
  }
  const auto reservation = cache.reserve(claim, room, 0);
  return reservation == nullptr ? nullptr : fill_and_publish(cache, *reservation, pin);
}

class Driver {
 public:
  explicit Driver(std::string directory)
      : directory_(std::move(directory)), cache_(open_cache(directory_)) {}

  void step(uint64_t number) {
    switch (number % 5) {
      case 0:
        bring(*cache_, number);
        cache_->release(key_of(number), kNoKnownUse);
        bring(*cache_, kFirstExpanded + number);
        bring(*cache_, kFirstMade + number);
        break;
      case 1:  // room that is given back
        for (const uint64_t unfinished : {number, kFirstExpanded + number, kFirstMade + number}) {
          if (auto claim = cache_->claim(key_of(unfinished))) {
            cache_->reserve(claim, room_of(claim->key()), 0);
          }
        }
        break;
      case 2: {  // two at once, one of which is dead then
        const auto held = bring(*cache_, number);
        bring(*cache_, number + 1000);
        cache_->release(key_of(number + 1000), kLaterPass);
        break;
      }
      case 3:
        restart(number);
        break;
      default:
        bring(*cache_, number - 2);
        cache_.reset();
        cache_ = open_cache(directory_);
    }
  }

 private:
  // As if the machine had started again after the step before.
  void restart(uint64_t number) {
    cache_.reset();
    const CachePaths paths(directory_);
    Uuid before = {static_cast<uint8_t>(number), 77};
    ::rename(paths.boot(boot_id()).c_str(), paths.boot(before).c_str());
    cache_ = open_cache(directory_);
    bring(*cache_, number - 1);
  }

  std::string directory_;
  std::shared_ptr<ShardCache> cache_;
};

int fill(const std::string& directory, uint64_t steps) {
  const int before = open_descriptors();
  int status = 0;
  try {
    Driver driver(directory);
    for (uint64_t i = 0; i < steps; ++i) {
      driver.step(i);
      say("done " + std::to_string(i));
    }
  } catch (const Error& error) {
    say(std::string("error ") + error_code_name(error.code()) + " " + error.what());
    status = kTypedError;
  }
  return open_descriptors() == before ? status : kLeak;
}

uint64_t bytes_in(const CachePaths& paths, uint64_t* parts) {
  uint64_t bytes = 0;
  for (const CacheFile& file : list_cache(paths).files) {
    bytes += charged_bytes(file.bytes);
    *parts += file.name.kind != CacheFileKind::kShard ? 1 : 0;
  }
  return bytes;
}

// What has its final name is whole, unless the machine started again since.
void check_content(const CachePaths& paths) {
  for (const CacheFile& file : list_cache(paths).files) {
    if (file.name.kind == CacheFileKind::kShard) {
      demand(is_right(paths.file(file.boot, file.name), file.name.key.xxh3),
             paths.file(file.boot, file.name) + " is not whole");
    }
  }
}

// P3: whoever comes next is not held up, and what was left goes.
void check_use(const std::string& directory) {
  const auto cache = open_cache(directory);
  const auto start = std::chrono::steady_clock::now();
  for (uint64_t number = 2000; number < 2000 + 2 * kRoom; ++number) {
    while (bring(*cache, number) == nullptr) {
      demand(std::chrono::steady_clock::now() - start < kMostWait, "there is no room");
      ::usleep(10'000);
    }
    cache->release(key_of(number), kNoKnownUse);
  }
  uint64_t parts = 0;
  const uint64_t bytes = bytes_in(CachePaths(directory), &parts);
  demand(parts == 0, "parts are left");
  demand(bytes == kRoom * kCharge, "the cache is not full");
  demand(cache->used_bytes() == bytes, "the ledger says " + std::to_string(cache->used_bytes()) +
                                           ", and there are " + std::to_string(bytes));
}

void check(const std::string& directory) {
  struct stat status = {};
  if (::stat(directory.c_str(), &status) == 0) {
    uint64_t parts = 0;
    demand(bytes_in(CachePaths(directory), &parts) <= kRoom * kCharge, "the limit was exceeded");
    check_content(CachePaths(directory));
  }
  check_use(directory);
  check_content(CachePaths(directory));
  std::puts("unharmed");
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 3 && arguments[0] == "fill") {
    return fill(arguments[1], std::stoull(arguments[2]));
  }
  if (arguments.size() == 2 && arguments[0] == "check") {
    check(arguments[1]);
    return 0;
  }
  std::fputs("cache_driver: see the first lines of its source\n", stderr);
  return 2;
}

}  // namespace
}  // namespace headrace

int main(int count, char** arguments) {
  return headrace::run_driver(headrace::run, count, arguments);
}
