#include "storage/memory.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string_view>

namespace headrace {
namespace {

// The number in a file that holds nothing else. Nothing for "max" and for files that are not there.
std::optional<uint64_t> read_number(const std::string& path) {
  std::ifstream file(path);
  uint64_t number = 0;
  return file >> number ? std::optional(number) : std::nullopt;
}

// The number behind `key` in lines of "key number".
std::optional<uint64_t> read_entry(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  std::string name;
  uint64_t number = 0;
  while (file >> name) {
    if (name == key && file >> number) {
      return number;
    }
    file.ignore(4096, '\n');
  }
  return std::nullopt;
}

// How one version of cgroups names what it counts.
struct Names {
  const char* limit;
  const char* usage;
  const char* active_file;
  const char* inactive_file;
};

constexpr Names kVersion1 = {"/memory.limit_in_bytes", "/memory.usage_in_bytes",
                             "total_active_file", "total_inactive_file"};
constexpr Names kVersion2 = {"/memory.max", "/memory.current", "active_file", "inactive_file"};

// What one cgroup leaves: its limit without what is used, cached files not counted.
uint64_t left_in_group(const std::string& folder, const Names& names) {
  const auto limit = read_number(folder + names.limit);
  const auto usage = read_number(folder + names.usage);
  if (!limit || !usage) {
    return UINT64_MAX;
  }
  const std::string stat = folder + "/memory.stat";
  const uint64_t cached = read_entry(stat, names.active_file).value_or(0) +
                          read_entry(stat, names.inactive_file).value_or(0);
  const uint64_t used = *usage > cached ? *usage - cached : 0;
  return *limit > used ? *limit - used : 0;
}

// The least that a cgroup and those above it leave. In a container the path may be one of the host,
// which is not there: then the mount itself is the group.
uint64_t left_in_groups(const std::string& mount, std::string path, const Names& names) {
  uint64_t left = left_in_group(mount, names);
  while (path.size() > 1) {
    left = std::min(left, left_in_group(mount + path, names));
    path.resize(path.rfind('/'));
  }
  return left;
}

}  // namespace

uint64_t available_memory(const std::string& root) {
  constexpr uint64_t kKiB = 1024;
  uint64_t available = UINT64_MAX;
  if (const auto kib = read_entry(root + "/proc/meminfo", "MemAvailable:")) {
    available = *kib * kKiB;
  }
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // "0::/path" is version 2; "4:memory:/path" is version 1.
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) {
      continue;
    }
    // Not a sum: g++ 12 sees an overlap in it at -O3.
    std::string controllers = ",";
    controllers.append(line, first + 1, second - first - 1).append(",");
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") {
      available = std::min(available, left_in_groups(root + "/sys/fs/cgroup", path, kVersion2));
    } else if (controllers.find(",memory,") != std::string::npos) {
      available =
          std::min(available, left_in_groups(root + "/sys/fs/cgroup/memory", path, kVersion1));
    }
  }
  return available;
}

}  // namespace headrace
