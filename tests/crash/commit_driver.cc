// What the tests of crashes run, stop and kill: a writer that says what it believes to be
// committed, and a check of what it left.
//
//   commit_driver write DIRECTORY STEPS [named]   one line for each thing that is done; exit status
//                                                 3 after an error of ours, 4 where descriptors
//                                                 leak
//   commit_driver check DIRECTORY < LINES         exit status 1 and a line where a promise is
//   broken
//
// Linked statically, so that most of its system calls are ours.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "crash/driver.h"
#include "dataset/commit.h"
#include "dataset/leftovers.h"
#include "dataset/retention.h"
#include "dataset/versions.h"
#include "format/shard_layout.h"
#include "storage/directory.h"
#include "storage/durable_file.h"
#include "storage/file.h"
#include "testing/dataset_directory.h"
#include "testing/open_descriptors.h"

namespace headrace {
namespace {

constexpr int kTypedError = 3;
constexpr int kLeak = 4;

// --- The writer ---------------------------------------------------------------------------------

// Says it at once, by a system call that nothing else here makes: faults of other writes leave it
// alone.
void say(const std::string& line) {
  std::string text = line + "\n";
  const iovec out{text.data(), text.size()};
  if (::writev(STDOUT_FILENO, &out, 1) != static_cast<ssize_t>(text.size())) {
    throw std::runtime_error("nobody listens");
  }
}

class Driver {
 public:
  Driver(const std::string& directory, DurableFile::Unfinished kind)
      : paths_(directory), kind_(kind) {}

  // A round of every kind of commit, and of what removes files.
  void step(uint64_t number) {
    switch (number % 8) {
      case 0:
        commit({.entries = {write(40), write(17)}});
        break;
      case 1:
        commit({.entries = {write(3)}, .metadata = R"({"step": 1})"});
        break;
      case 2:
        commit({.metadata = R"({"step": 2})"});
        break;
      case 3:
        commit({.entries = {write(5)}, .snapshot = true});
        break;
      case 4:
        bury();
        break;
      case 5:
        commit({.retain = Retain{.shards = 2}});
        break;
      case 6:
        drop();
        break;
      default:
        write(9);  // and never commit it
        collect_leftovers(paths_, std::chrono::seconds(0));
        uncommitted_.clear();
        say("collected");
    }
  }

  // As writers do after an error: their own files go.
  void drop_uncommitted() noexcept {
    try {
      remove_uncommitted(paths_, uncommitted_);
    } catch (const Error&) {
      return;  // then they are collected by age
    }
  }

 private:
  ShardEntry write(uint64_t rows) {
    ShardEntry entry = write_shard(paths_, rows, static_cast<int64_t>(rows_), kind_);
    uncommitted_.push_back(*parse_uuid(entry.id));
    return entry;
  }

  void commit(CommitRequest request) {
    request.schema = number_schema();
    const CommitResult result = commit_shards(paths_, request);
    uncommitted_.clear();
    rows_ = result.rows;
    newest_ = result.version;
    say("committed " + std::to_string(result.version) + " " + std::to_string(result.rows));
  }

  // Removes the version before the newest, which is a snapshot.
  void bury() {
    say("burying " + std::to_string(newest_ - 1));
    bury_version(paths_, newest_ - 1);
    say("buried " + std::to_string(newest_ - 1));
  }

  // Removes all versions before the newest, which has dropped some of their rows.
  void drop() {
    for (uint64_t version = 1; version < newest_; ++version) {
      say("burying " + std::to_string(version));
    }
    for (const uint64_t version : remove_dropped(paths_, std::chrono::seconds(0)).versions) {
      say("buried " + std::to_string(version));
    }
  }

  DatasetPaths paths_;
  DurableFile::Unfinished kind_;
  uint64_t rows_ = 0;
  uint64_t newest_ = 0;
  std::vector<Uuid> uncommitted_;
};

int run_writer(const std::string& directory, uint64_t steps, DurableFile::Unfinished kind) {
  const int before = open_descriptors();
  Driver driver(directory, kind);
  int status = 0;
  try {
    for (uint64_t i = 0; i < steps; ++i) {
      driver.step(i);
    }
  } catch (const Error& error) {
    say(std::string("error ") + error_code_name(error.code()) + " " + error.what());
    driver.drop_uncommitted();
    status = kTypedError;
  }
  return open_descriptors() == before ? status : kLeak;
}

// --- The check ----------------------------------------------------------------------------------

struct Report {
  std::map<uint64_t, uint64_t> rows;  // of the versions that were committed
  std::set<uint64_t> burying;         // whose removal has begun
  std::set<uint64_t> buried;
  bool uncertain = false;  // an error said that a version may be visible
};

Report read_report(std::istream& lines) {
  Report report;
  for (std::string line; std::getline(lines, line);) {
    uint64_t version = 0;
    uint64_t rows = 0;
    if (std::sscanf(line.c_str(), "committed %lu %lu", &version, &rows) == 2) {
      report.rows[version] = rows;
    } else if (std::sscanf(line.c_str(), "burying %lu", &version) == 1) {
      report.burying.insert(version);
    } else if (std::sscanf(line.c_str(), "buried %lu", &version) == 1) {
      report.buried.insert(version);
    } else if (line.find("is committed and can be read") != std::string::npos) {
      report.uncertain = true;
    }
  }
  return report;
}

void check_shard_file(const std::string& path) {
  const File file(path, std::nullopt, Links::kRefuse);
  const ShardLayout layout = read_shard_layout(file, LayoutRules::kProfileOnly);
  demand(layout.rows > 0, path + " has no rows");
  for (const BatchLayout& batch : layout.batches) {
    std::vector<std::byte> body(batch.body.bytes);
    file.read(batch.body.offset, body);
    demand(body_is_intact(batch, body), path + " is damaged");
  }
}

void check_entry(const DatasetPaths& paths, const ShardTable& shards, size_t i) {
  const std::string path = paths.shard(shards.ids[i]);
  const File file(path, std::nullopt, Links::kRefuse);
  demand(file.info().size == shards.stored_bytes[i], path + " has another size");
  std::vector<std::byte> bytes(file.info().size);
  file.read(0, bytes);
  demand(hash_bytes(bytes) == shards.stored_xxh3[i], path + " has another content");
}

void check_version(const DatasetPaths& paths, const Report& report, uint64_t version) {
  const std::string name = "version " + std::to_string(version);
  DatasetVersion read;
  try {
    read = read_version(paths, version);
  } catch (const Error& error) {
    demand(error.code() == ErrorCode::kNotFound && report.burying.contains(version),
           name + " cannot be read: " + error.what());
    return;
  }
  demand(!report.buried.contains(version), name + " was removed and is back");
  const auto reported = report.rows.find(version);
  demand(reported == report.rows.end() || read.header.rows == reported->second,
         name + " has other rows");
  for (size_t i = 0; i < read.shards.size(); ++i) {
    check_entry(paths, read.shards, i);
  }
}

// P2: what has a final name is whole, and every version that was reported is there.
uint64_t check_content(const DatasetPaths& paths, const Report& report) {
  const uint64_t newest = newest_version(paths);
  const uint64_t reported = report.rows.empty() ? 0 : report.rows.rbegin()->first;
  demand(newest >= reported, "version " + std::to_string(reported) + " is lost");
  demand(newest <= reported + 1, "more versions than commits");
  for (uint64_t version = 1; version <= newest; ++version) {
    check_version(paths, report, version);
  }
  if (look_up(paths.shards())) {
    for (const DirectoryEntry& entry : list_directory(paths.shards())) {
      if (DatasetPaths::shard_of_name(entry.name)) {
        check_shard_file(paths.shards() + "/" + entry.name);
      }
    }
  }
  return newest;
}

// Files that are neither a shard of a version, nor a manifest, nor the hint.
uint64_t count_leftovers(const DatasetPaths& paths) {
  if (!look_up(paths.shards())) {
    return 0;
  }
  std::set<std::string> named;
  for (uint64_t version = newest_version(paths); version > 0; --version) {
    for (const Uuid& id :
         read_manifest(paths.manifest(version), ManifestParts::kShards).shards.ids) {
      named.insert(DatasetPaths::shard_name(id));
    }
  }
  uint64_t count = 0;
  for (const DirectoryEntry& entry : list_directory(paths.shards())) {
    count += named.contains(entry.name) ? 0 : 1;
  }
  for (const std::string& directory : {paths.root(), paths.manifests()}) {
    for (const DirectoryEntry& entry : list_directory(directory)) {
      count += is_temporary_name(entry.name) ? 1 : 0;
    }
  }
  return count;
}

void check(const std::string& directory) {
  const DatasetPaths paths(directory);
  const Report report = read_report(std::cin);
  const uint64_t newest = check_content(paths, report);
  std::printf("newest %lu reported %lu uncertain %d leftovers %lu\n", newest,
              report.rows.empty() ? 0 : report.rows.rbegin()->first, report.uncertain ? 1 : 0,
              look_up(paths.manifests()) ? count_leftovers(paths) : 0);
  // P3: the next writer is not held up, and what was left can be collected.
  demand(commit_rows(paths, 3).version == newest + 1, "the next commit has another number");
  collect_leftovers(paths, std::chrono::seconds(0));
  demand(count_leftovers(paths) == 0, "leftovers stay");
  check_content(paths, {.rows = {{newest + 1, read_version(paths).header.rows}},
                        .burying = report.burying,
                        .buried = report.buried});
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() >= 3 && arguments[0] == "write") {
    const bool named = arguments.size() > 3 && arguments[3] == "named";
    return run_writer(arguments[1], std::stoull(arguments[2]),
                      named ? DurableFile::Unfinished::kNamed : DurableFile::Unfinished::kAuto);
  }
  if (arguments.size() == 2 && arguments[0] == "check") {
    check(arguments[1]);
    return 0;
  }
  std::fputs("commit_driver: see the first lines of its source\n", stderr);
  return 2;
}

}  // namespace
}  // namespace headrace

int main(int count, char** arguments) {
  return headrace::run_driver(headrace::run, count, arguments);
}
