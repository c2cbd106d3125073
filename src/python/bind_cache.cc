#include <cstdint>
#include <string>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "python/bindings.h"
#include "python/gil.h"
#include "storage/cache_cleaning.h"
#include "storage/cache_report.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

const char* use_name(CacheFileUse use) noexcept {
  switch (use) {
    case CacheFileUse::kFree:
      return "free";
    case CacheFileUse::kPinned:
      return "pinned";
    case CacheFileUse::kFetched:
      return "fetched";
    case CacheFileUse::kLeftover:
      return "leftover";
  }
  return "";
}

// Names of files need not be UTF-8.
nb::object path_text(const std::string& path) {
  return nb::steal(
      PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size())));
}

nb::dict file_dict(const ReportedFile& reported, const Uuid& boot) {
  const CacheFile& file = reported.file;
  nb::dict dict;
  dict["dataset"] = uuid_text(file.name.key.dataset);
  dict["shard"] = uuid_text(file.name.key.shard);
  dict["expanded"] = file.name.key.expanded;
  dict["bytes"] = charged_bytes(file.bytes);
  dict["use"] = use_name(reported.use);
  dict["checked"] = file.boot == boot;
  return dict;
}

nb::dict user_dict(const CacheUser& user) {
  nb::dict dict;
  dict["process"] = user.process;
  dict["program"] = path_text(user.program);
  dict["pinned_shards"] = user.pinned_shards;
  dict["pinned_bytes"] = user.pinned_bytes;
  dict["fetched_shards"] = user.fetched_shards;
  return dict;
}

nb::dict report_dict(const CacheReport& report) {
  nb::list files;
  for (const ReportedFile& file : report.files) {
    files.append(file_dict(file, report.boot));
  }
  nb::list users;
  for (const CacheUser& user : report.users) {
    users.append(user_dict(user));
  }
  nb::list foreign;
  for (const std::string& path : report.foreign) {
    foreign.append(path_text(path));
  }
  nb::list privates;
  for (const CacheReport& own : report.privates) {
    privates.append(report_dict(own));
  }
  nb::dict dict;
  dict["directory"] = path_text(report.directory);
  dict["limit_bytes"] = report.limit_bytes;
  dict["files"] = files;
  dict["users"] = users;
  dict["unseen_users"] = report.unseen_users;
  dict["foreign"] = foreign;
  dict["privates"] = privates;
  return dict;
}

nb::dict report_of(const std::string& directory) {
  CacheReport report;
  {
    const GilRelease unlocked;
    report = report_cache(directory);
  }
  return report_dict(report);
}

nb::dict clean(const std::string& directory) {
  CacheCleaning done;
  {
    Interruptible work;
    done = clean_cache(directory, [&work] { work.poll(); });
  }
  nb::dict dict;
  dict["removed_shards"] = done.removed_shards;
  dict["removed_leftovers"] = done.removed_leftovers;
  dict["removed_bytes"] = done.removed_bytes;
  dict["kept_shards"] = done.kept_shards;
  dict["kept_bytes"] = done.kept_bytes;
  return dict;
}

}  // namespace

void bind_cache(nb::module_& module) {
  module.def("report_cache", &report_of, "directory"_a,
             "What lies in a cache of remote shards, and who uses it.",
             nb::sig("def report_cache(directory: str) -> dict[str, typing.Any]"));
  module.def("clean_cache", &clean, "directory"_a,
             "Removes from a cache what no process needs now; says what.",
             nb::sig("def clean_cache(directory: str) -> dict[str, int]"));
}

}  // namespace headrace::python
