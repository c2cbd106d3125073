#include "storage/memory.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace headrace {
namespace {

// A file system root as far as available_memory() looks at it.
class Machine {
 public:
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = dir_.path(path.substr(1));
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  uint64_t available() const { return available_memory(dir_.path()); }

 private:
  TempDir dir_;
};

constexpr const char* kMeminfo = "MemTotal: 8000 kB\nMemFree: 10 kB\nMemAvailable:    4000 kB\n";
constexpr uint64_t kKiB = 1024;

TEST(AvailableMemory, OfThisMachineIsSomethingAndLessThanAnyMachineHas) {
  EXPECT_GT(available_memory(), uint64_t{1} << 20);
  EXPECT_LT(available_memory(), uint64_t{1} << 50);
}

TEST(AvailableMemory, IsWhatTheKernelSaysWithoutAGroup) {
  const Machine machine;
  machine.write("/proc/meminfo", kMeminfo);
  EXPECT_EQ(machine.available(), 4000 * kKiB);
}

TEST(AvailableMemory, HasNoLimitWhereNothingCanBeRead) {
  EXPECT_EQ(Machine().available(), UINT64_MAX);
}

TEST(AvailableMemory, IsWhatAGroupLeavesCachedFilesNotCounted) {
  const Machine machine;
  machine.write("/proc/meminfo", kMeminfo);
  machine.write("/proc/self/cgroup", "0::/job\n");
  machine.write("/sys/fs/cgroup/job/memory.max", "1000000\n");
  machine.write("/sys/fs/cgroup/job/memory.current", "700000\n");
  machine.write("/sys/fs/cgroup/job/memory.stat",
                "anon 400000\nfile 300000\ninactive_file 200000\nactive_file 50000\n");
  EXPECT_EQ(machine.available(), 1'000'000U - 450'000U);
}

TEST(AvailableMemory, IsTheLeastOfAGroupAndThoseAboveIt) {
  const Machine machine;
  machine.write("/proc/meminfo", kMeminfo);
  machine.write("/proc/self/cgroup", "0::/outer/inner\n");
  machine.write("/sys/fs/cgroup/outer/inner/memory.max", "max\n");
  machine.write("/sys/fs/cgroup/outer/inner/memory.current", "5\n");
  machine.write("/sys/fs/cgroup/outer/memory.max", "1000\n");
  machine.write("/sys/fs/cgroup/outer/memory.current", "900\n");
  EXPECT_EQ(machine.available(), 100U);
  machine.write("/sys/fs/cgroup/outer/memory.current", "1100\n");
  EXPECT_EQ(machine.available(), 0U) << "over the limit";
}

TEST(AvailableMemory, KnowsTheFirstVersionOfGroups) {
  const Machine machine;
  machine.write("/proc/meminfo", kMeminfo);
  machine.write("/proc/self/cgroup", "9:name=systemd:/x\n4:cpu,memory:/job\n0::/\n");
  machine.write("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "5000\n");
  machine.write("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "3000\n");
  machine.write("/sys/fs/cgroup/memory/job/memory.stat",
                "active_file 1\ntotal_active_file 600\ntotal_inactive_file 400\n");
  EXPECT_EQ(machine.available(), 3000U);
}

TEST(AvailableMemory, OfAContainerIsThatOfTheMount) {
  const Machine machine;
  machine.write("/proc/meminfo", kMeminfo);
  machine.write("/proc/self/cgroup", "0::/seen/only/by/the/host\n");
  machine.write("/sys/fs/cgroup/memory.max", "2000\n");
  machine.write("/sys/fs/cgroup/memory.current", "500\n");
  EXPECT_EQ(machine.available(), 1500U);
}

}  // namespace
}  // namespace headrace
