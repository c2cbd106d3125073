#include "engine/text_file_reader.h"

#include <algorithm>
#include <cstring>

namespace headrace {
namespace {

constexpr uint64_t kLeastBytes = uint64_t{64} << 10;

}  // namespace

std::span<const std::string_view> TextFileReader::next() {
  documents_.clear();
  stretches_.clear();
  keep_unsplit();
  while (documents_.size() < kBlockDocuments && (file_ != nullptr || open_next())) {
    if (end_ == size_ && !at_end_) {
      if (!documents_.empty()) {
        break;
      }
      make_room();
    }
    split_more();
  }
  if (file_ != nullptr) {
    file_->will_need(read_, kBlockBytes);  // while the threads work
  }
  return documents_;
}

bool TextFileReader::open_next() {
  if (opened_ == paths_.size()) {
    return false;
  }
  file_ = std::make_unique<const File>(paths_[opened_]);
  ++opened_;
  read_ = 0;
  at_end_ = false;
  if (size_ == 0) {
    // One file that is small has a buffer as small; a byte more shows where it ends.
    const bool alone = paths_.size() == 1;
    allocate(alone ? std::clamp(file_->info().size + 1, kLeastBytes, kBlockBytes) : kBlockBytes);
  }
  return true;
}

void TextFileReader::allocate(uint64_t bytes) {
  AlignedBytes larger(allocate_aligned(bytes));
  if (end_ != begin_) {
    std::memcpy(larger.get(), buffer_.get() + begin_, end_ - begin_);
  }
  end_ -= begin_;
  begin_ = 0;
  buffer_ = std::move(larger);
  size_ = bytes;
}

void TextFileReader::keep_unsplit() {
  if (begin_ != 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
}

void TextFileReader::split_more() {
  if (!at_end_) {
    const std::span<std::byte> room(buffer_.get() + end_, size_ - end_);
    const uint64_t found = file_->read_some(read_, room);
    at_end_ = found < room.size();
    read_ += found;
    end_ += found;
  }
  stretches_.push_back({documents_.size(), opened_ - 1, read_ - (end_ - begin_), begin_});
  const std::string_view text(reinterpret_cast<const char*>(buffer_.get()) + begin_, end_ - begin_);
  begin_ += split_text(text, at_end_, split_, kBlockDocuments, documents_);
  if (at_end_ && begin_ == end_) {
    file_.reset();
  }
}

// Of text without a whole document.
void TextFileReader::make_room() {
  stretches_.clear();
  if (begin_ != 0) {
    keep_unsplit();
    return;
  }
  if (size_ > kLongest) {
    const std::string& path = paths_[opened_ - 1];
    const uint64_t offset = read_ - end_;
    const char* const what = split_ == TextSplit::kLine        ? "the line"
                             : split_ == TextSplit::kParagraph ? "the paragraph"
                                                               : "the document";
    throw Error(ErrorCode::kUnsupported,
                path + ": " + what + " that begins at byte " + std::to_string(offset) +
                    " has more than " + std::to_string(kLongest >> 20) +
                    " MiB, which is the most that is held in memory; split the file another way, "
                    "or read it yourself and pass its text",
                {.file = path, .column = "", .row = std::nullopt, .offset = offset});
  }
  allocate(std::min(2 * size_, kLongest + 1));  // a byte more shows where a file ends
}

Error TextFileReader::invalid(uint64_t document, const Utf8Fault& fault) const {
  const auto behind =
      std::upper_bound(stretches_.begin(), stretches_.end(), document,
                       [](uint64_t number, const Stretch& s) { return number < s.first; });
  const Stretch& stretch = *(behind - 1);
  const auto at = static_cast<uint64_t>(
      reinterpret_cast<const std::byte*>(documents_[document].data()) - buffer_.get());
  const uint64_t offset = stretch.offset + (at - stretch.at) + fault.offset;
  const std::string& path = paths_[stretch.file];
  return Error(ErrorCode::kInvalid,
               path + " is not UTF-8 at byte " + std::to_string(offset) +
                   "; rewrite it, for example with iconv -f latin1 -t utf-8, or pass "
                   "decode_error=\"replace\" or \"ignore\"",
               {.file = path, .column = "", .row = std::nullopt, .offset = offset});
}

}  // namespace headrace
