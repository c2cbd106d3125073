#include "dataset/whole_files.h"

#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "base/error.h"
#include "storage/file.h"

namespace headrace {
namespace {

// The one row of one file. Its offsets are known without a look into the file, and its bytes are
// read by a call: a map would cost more than a small file, and copy no less of a large one.
class WholeFileSource : public Source {
 public:
  WholeFileSource(const std::string& path, const FileInfo& info)
      : Source(1), stored_{.path = path, .info = info}, size_(info.size) {}

  bool in_files() const noexcept override { return true; }
  bool rows_are_files() const noexcept override { return true; }
  DType dtype(size_t /*column*/) const noexcept override { return stored_.dtype; }
  std::string file(size_t /*column*/) const override { return stored_.path; }
  uint64_t variable_bytes(size_t /*column*/) const noexcept override { return size_; }

  void read(size_t /*column*/, uint64_t /*first*/, uint64_t /*rows*/, std::byte* /*out*/,
            OpenFiles& /*files*/) const override {
    throw Error(ErrorCode::kUnsupported, "whole files have no one size to be read in");
  }

  void read_part(size_t /*column*/, ColumnPart part, uint64_t first, uint64_t count, std::byte* out,
                 OpenFiles& files) const override {
    if (part == ColumnPart::kOffsets) {
      const std::array<int64_t, 2> offsets = {0, static_cast<int64_t>(size_)};
      std::memcpy(out, offsets.data() + first, count * sizeof(int64_t));
      return;
    }
    const File& file = files.get(stored_.path, stored_.info);
    file.read(first, {out, count});
    check_unchanged(file);  // afterwards, so that no change goes unseen while it is read
  }

  StoredPart stored_part(size_t /*column*/, ColumnPart part) const override {
    return part == ColumnPart::kValues && size_ > 0
               ? StoredPart{.file = &stored_, .offset = 0, .bytes = size_}
               : StoredPart{};
  }

  void advise_part(size_t /*column*/, ColumnPart part, uint64_t first, uint64_t count,
                   Advice advice, OpenFiles& files) const override {
    if (part == ColumnPart::kValues && advice == Advice::kWillNeed) {
      files.get(stored_.path, stored_.info).will_need(first, count);
    }
  }

 protected:
  std::unique_ptr<const OpenSource> do_open() const override {
    if (size_ == 0) {
      check_unchanged(File(stored_.path, stored_.info));  // nothing of it is ever read
    }
    auto open = std::make_unique<OpenSource>();
    open->columns.emplace_back();
    open->variable.push_back({.rows = 1, .offset_size = sizeof(int64_t), .elements = size_});
    return open;
  }

 private:
  void check_unchanged(const File& file) const {
    const FileInfo now = file.look();
    if (stored_.info == now) {
      return;
    }
    if (now.size < size_) {
      throw truncated_error(stored_.path, size_, now.size);
    }
    throw Error(ErrorCode::kCorrupt,
                stored_.path.text() + " was changed after the dataset was made: it had " +
                    std::to_string(size_) + " bytes and has " + std::to_string(now.size) +
                    (now.size == size_ ? ", written later" : "") + "; make the dataset again",
                {.file = stored_.path, .column = ""});
  }

  StoredRows stored_;
  uint64_t size_;  // bytes
};

}  // namespace

DatasetPtr dataset_from_whole_files(const std::string& name, const std::vector<std::string>& paths,
                                    const std::function<void()>& poll) {
  if (paths.empty()) {
    throw Error(ErrorCode::kInvalid, "column " + name + " has no files",
                {.file = "", .column = name});
  }
  std::vector<Piece> pieces;
  pieces.reserve(paths.size());
  for (const std::string& path : paths) {
    poll();
    pieces.push_back({.source = std::make_shared<WholeFileSource>(path, inspect_file(path)),
                      .first = 0,
                      .rows = 1,
                      .columns = nullptr});
  }
  Field field{.name = name, .kind = ColumnKind::kBytes};
  check_field(field);
  return std::make_shared<Dataset>(
      std::vector<DatasetColumn>{{.field = std::move(field), .group = 0, .column = 0, .casts = {}}},
      std::vector{RowSpace::table(std::move(pieces))});
}

}  // namespace headrace
