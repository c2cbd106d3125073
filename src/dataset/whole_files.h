#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dataset/dataset.h"

namespace headrace {

// A dataset of one column of bytes, `name`: row i is all of the file paths[i], which may be empty,
// and come more than once. Only looks at the files, and calls `poll` before each, which may throw
// to stop; they are read, by calls and never through maps, when their rows are wanted. A file that
// is not then what it was now (size, time, device and inode) is an error: kTruncated where it is
// shorter, kNotFound where it is gone, else kCorrupt. Throws kNotFound, kIo; kInvalid for what is
// no regular file, and for no files.
DatasetPtr dataset_from_whole_files(
    const std::string& name, const std::vector<std::string>& paths,
    const std::function<void()>& poll = [] {});

}  // namespace headrace
