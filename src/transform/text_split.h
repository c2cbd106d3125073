#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace headrace {

// What is one document of a text file.
enum class TextSplit : uint8_t {
  kLine,       // each line, without its end: \n, \r\n or \r, as Python reads text files
  kParagraph,  // lines in a row of more than spaces, \t, \v and \f, with the ends between them
  kFile,       // all of it
};

// Cuts `text`, what is left of a file or the beginning of it, into documents, which are added to
// `documents` until that has `most`, and lie in `text`. `at_end`: whether the file ends with it.
// Returns how many bytes are done with: the rest comes again, with more behind it unless it is all
// there. Requires: fewer than `most` documents.
size_t split_text(std::string_view text, bool at_end, TextSplit split, size_t most,
                  std::vector<std::string_view>& documents);

}  // namespace headrace
