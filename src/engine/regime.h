#pragma once

#include <cstdint>

namespace headrace {

// How rows get from files into memory while a pass runs.
enum class Regime : uint8_t {
  kUnknown,    // nobody has looked yet
  kArrays,     // nothing is in files
  kResident,   // all is in memory already: nothing is asked for
  kReadAhead,  // the files are read from end to end, and the rows that are due soon before that
  kHints,      // only the rows that are due soon are asked for
};

// The name of `regime` as the Python face spells it, such as "read_ahead".
const char* regime_name(Regime regime) noexcept;

// What the choice depends on; sizes in bytes.
struct Situation {
  uint64_t files = 0;      // what the files hold of the columns that are read
  uint64_t wanted = 0;     // what the pass will read of it, in whole pages
  double resident = 0;     // share of the files that is in memory, 0 to 1
  uint64_t available = 0;  // memory that could hold the files, what they take already included
  bool in_runs = false;    // the order reads neighbours together
};

// The regime for `situation` after `now`:
//
// 1. What is resident needs no request; each costs as much as a row.
// 2. An order that reads runs of neighbours is as fast as the device if only told ahead.
// 3. Files that fit memory, and of which the pass wants a good part, are read from end to end: that
//    is faster than reading the same rows one by one, since devices move several times as many
//    bytes in long requests as in single pages.
// 4. All others would push out of memory what was just read.
//
// Each limit is a little further away from the regime that holds than from the others, so that a
// value at a limit does not make it change to and fro.
Regime choose_regime(Regime now, const Situation& situation) noexcept;

}  // namespace headrace
