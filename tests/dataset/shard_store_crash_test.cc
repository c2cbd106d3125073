// Processes that train from one cache, are killed and stopped at random, and begin again: every
// byte that they read is right, the cache keeps its limit at every look, nothing that is mapped is
// removed, and nobody waits for the dead.
//
// CACHE_SOAK_SECONDS=60 (make test-asan; 600 in make check-cache) goes on for longer, in processes
// that leave room to whatever runs beside; CACHE_SOAK_SEED repeats a run.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/shard_store.h"
#include "storage/cache_directory.h"
#include "storage/cache_ledger.h"
#include "testing/child_process.h"
#include "testing/numbered_shards.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr size_t kProcesses = 4;
constexpr uint64_t kShards = 60;
constexpr uint64_t kRoom = 12;  // a fifth of them
constexpr uint64_t kAhead = 3;
constexpr seconds kMostWait{5};
constexpr useconds_t kMostStepUs = 8000;  // that training takes for a shard

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// What the processes tell each other, in memory that they share.
struct Tally {
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> read{0};
  std::atomic<uint64_t> wrong{0};
  std::atomic<uint64_t> errors{0};
  std::atomic<uint64_t> longest_wait_ms{0};

  void waited(steady_clock::duration time) {
    const auto ms = static_cast<uint64_t>(std::chrono::duration_cast<milliseconds>(time).count());
    for (uint64_t seen = longest_wait_ms; seen < ms;) {
      longest_wait_ms.compare_exchange_weak(seen, ms);
    }
  }
};

struct Soak {
  const std::string directory;
  const LockTest lock_test;
  const NumberedShards shards{kShards};
  Tally* const tally = make_tally();

  Soak(std::string where, LockTest test)
      : directory(std::move(where)), lock_test(std::move(test)) {}
  ~Soak() { ::munmap(tally, sizeof(Tally)); }
  Soak(const Soak&) = delete;
  Soak& operator=(const Soak&) = delete;

  static Tally* make_tally() {
    void* const memory =
        ::mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return new (memory) Tally();
  }

  // Reads in a random order until it is stopped or killed.
  int train(uint64_t seed) const {
    std::mt19937_64 random(seed);
    ShardStoreOptions options = shards.options(directory, kRoom);
    options.lock_test = lock_test;
    options.processes = kProcesses;
    const ShardStore store(NumberedShards::dataset(), shards.table(), options);
    std::atomic<uint64_t> jobs{0};
    const Fetchers fetchers(store, 2, [&](const FetchJob&) {
      // So few that no shard is wrong four times.
      const uint64_t chance = hash_words({seed, jobs++}) % 1000;
      return chance < 3    ? Fetchers::Fault::kFlip
             : chance < 6  ? Fetchers::Fault::kShort
             : chance < 30 ? Fetchers::Fault::kFail
                           : Fetchers::Fault::kNone;
    });
    const auto pass = store.begin_pass(500);
    std::vector<uint64_t> line;
    for (uint64_t position = 0; !tally->stop; ++position) {
      pass->advance(position);
      line.push_back(random() % kShards);
      pass->want(line[position], position);
      if (position >= kAhead) {
        read(store, line[position - kAhead]);
        ::usleep(static_cast<useconds_t>(random() % kMostStepUs));
        const bool again =
            std::find(line.end() - kAhead, line.end(), line[position - kAhead]) != line.end();
        if (!again) {
          const uint64_t next = (random() % 2) * kLaterPass + position + random() % 500;
          pass->release(line[position - kAhead], random() % 2 == 0 ? kNoKnownUse : next);
        }
      }
    }
    return 0;
  }

  void read(const ShardStore& store, uint64_t shard) const {
    const auto start = steady_clock::now();
    try {
      const auto found = store.wait(shard, [&] {
        if (tally->stop) {
          throw Error(ErrorCode::kCancelled, "the end");
        }
      });
      tally->waited(steady_clock::now() - start);
      const auto bytes = NumberedShards::content(shard);
      const bool right = found->map()->size() == bytes.size() &&
                         std::equal(bytes.begin(), bytes.end(), found->map()->data());
      (right ? tally->read : tally->wrong) += 1;
    } catch (const Error& error) {
      if (!tally->stop) {
        std::cerr << "unexpected: " << error.what() << std::endl;
        ++tally->errors;
      }
    }
  }
};

// What lies in a cache, while nobody changes it.
uint64_t bytes_in(const CachePaths& paths, std::optional<uint64_t>* counted) {
  CacheLedger ledger(paths.ledger(), boot_id());
  const auto session = ledger.lock();
  if (session.trusted()) {
    *counted = session.used();
  }
  uint64_t bytes = 0;
  for (const CacheFile& file : list_cache(paths).files) {
    bytes += charged_bytes(file.bytes);
  }
  return bytes;
}

// Files of the cache that a process has mapped or open though they were removed.
std::string ghosts_of(pid_t process, const std::string& directory) {
  const std::string proc = "/proc/" + std::to_string(process);
  std::string ghosts;
  std::ifstream maps(proc + "/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(directory) != std::string::npos && line.find("(deleted)") != std::string::npos) {
      ghosts += line + "\n";
    }
  }
  return ghosts;
}

struct Looks {
  uint64_t looks = 0;
  uint64_t kills = 0;
  uint64_t most = 0;  // bytes at any look
};

void look(const std::string& root, uint64_t limit, Looks& looks) {
  std::optional<uint64_t> counted;
  const uint64_t bytes = bytes_in(CachePaths(root), &counted);
  ++looks.looks;
  looks.most = std::max(looks.most, bytes);
  EXPECT_LE(bytes, limit);
  EXPECT_EQ(bytes, counted.value_or(bytes));
}

// Kills, stops and begins processes for a while; looks all the time.
Looks torment(const Soak& soak, uint64_t seed, milliseconds time, bool shared) {
  std::mt19937_64 random(seed);
  Looks looks;
  std::vector<ChildProcess> processes;
  const auto begin = [&] {
    const uint64_t own = random();
    processes.emplace_back([&soak, own] { return soak.train(own); });
  };
  for (size_t i = 0; i < kProcesses; ++i) {
    begin();
  }
  const auto until = steady_clock::now() + time;
  while (steady_clock::now() < until) {
    ::usleep(static_cast<useconds_t>(random() % 20'000));
    const size_t victim = random() % processes.size();
    if (shared && fs::exists(soak.directory + "/ledger")) {
      look(soak.directory, kRoom * NumberedShards::kCharge, looks);
    }
    EXPECT_EQ(ghosts_of(processes[victim].id(), soak.directory), "");
    const uint64_t chance = random() % 16;
    if (chance < 2) {
      processes[victim].kill();
      processes.erase(processes.begin() + static_cast<ptrdiff_t>(victim));
      ++looks.kills;
      begin();
    } else if (chance == 2) {
      ::kill(processes[victim].id(), SIGSTOP);
      ::usleep(static_cast<useconds_t>(random() % 50'000));
      ::kill(processes[victim].id(), SIGCONT);
    }
  }
  soak.tally->stop = true;
  for (ChildProcess& process : processes) {
    EXPECT_EQ(process.wait(), 0);
  }
  return looks;
}

void expect_unharmed(const Soak& soak, const Looks& looks) {
  const Tally& tally = *soak.tally;
  std::cout << "read " << tally.read << ", killed " << looks.kills << ", looked " << looks.looks
            << " times, at most " << looks.most << " bytes, longest wait " << tally.longest_wait_ms
            << " ms" << std::endl;
  EXPECT_EQ(tally.wrong, 0U);
  EXPECT_EQ(tally.errors, 0U);
  EXPECT_GT(tally.read, 0U);
  EXPECT_GT(looks.kills, 0U);
  EXPECT_LT(milliseconds(tally.longest_wait_ms), kMostWait);
}

milliseconds soak_time() {
  return seconds(number_from("CACHE_SOAK_SECONDS", 0)) + milliseconds(2500);
}

uint64_t soak_seed() {
  const uint64_t seed = number_from("CACHE_SOAK_SEED", std::random_device{}());
  std::cout << "CACHE_SOAK_SEED=" << seed << std::endl;
  return seed;
}

TEST(ShardStoreCrash, KillsHarmNobodyAndTheLimitIsKept) {
  const TempDir dir;
  const Soak soak(dir.path("cache"), locks_exclude);
  const Looks looks = torment(soak, soak_seed(), soak_time(), true);
  expect_unharmed(soak, looks);
  // What the dead have left is used, or goes.
  soak.tally->stop = false;
  const ShardStore store(NumberedShards::dataset(), soak.shards.table(),
                         soak.shards.options(soak.directory, kRoom));
  const Fetchers fetchers(store);
  for (uint64_t shard = 0; shard < kShards; ++shard) {
    soak.read(store, shard);
    store.let_go(shard);
  }
  EXPECT_EQ(soak.tally->wrong, 0U);
  EXPECT_EQ(soak.tally->errors, 0U);
  for (const CacheFile& file : list_cache(CachePaths(soak.directory)).files) {
    EXPECT_EQ(file.name.kind, CacheFileKind::kShard);
  }
}

// The directories of the dead stay for an hour, so this one is never long.
TEST(ShardStoreCrash, KillsHarmNobodyWhereLocksDoNotWork) {
  const TempDir dir;
  const Soak soak(dir.path("cache"), [](const std::string&) { return false; });
  const milliseconds time = std::min<milliseconds>(soak_time() / 2, seconds(20));
  const Looks looks = torment(soak, soak_seed(), time, false);
  expect_unharmed(soak, looks);
  EXPECT_TRUE(list_cache(CachePaths(soak.directory)).files.empty()) << "each has its own";
  uint64_t directories = 0;
  for (const auto& entry : fs::directory_iterator(soak.directory)) {
    if (entry.path().filename().string().starts_with("private-")) {
      ++directories;
      std::optional<uint64_t> counted;
      EXPECT_LE(bytes_in(CachePaths(entry.path()), &counted),
                kRoom / kProcesses * NumberedShards::kCharge);
    }
  }
  EXPECT_GE(directories, looks.kills / 2) << "some were killed before they had one";
}

}  // namespace
}  // namespace headrace
