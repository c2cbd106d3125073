// A plug-in whose every declaration, size, offset and value is drawn from any bytes: whatever it
// does within its callbacks, it is refused by an Error, or its columns are what columns must be.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "column/row_faults.h"
#include "transform/plugin.h"

namespace headrace {
namespace {

constexpr uint64_t kMostWritten = 1 << 12;  // bytes of a part in one step

// Bytes that are drawn one after the other; zeros behind the end.
class Drawn {
 public:
  Drawn(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  bool ended() const { return at_ >= size_; }
  uint8_t byte() { return ended() ? uint8_t{0} : data_[at_++]; }
  uint64_t word() {
    uint64_t word = 0;
    for (int i = 0; i < 8; ++i) {
      word = word << 8 | byte();
    }
    return word;
  }
  // Mostly a small number, sometimes one that cannot be: what lies between would cost this machine
  // its memory.
  uint64_t size(uint64_t most = 250) {
    const uint8_t first = byte();
    if (first < 240) {
      return first % most;
    }
    return first < 250 ? word() % (uint64_t{1} << 16) % most : word() | uint64_t{1} << 60;
  }
  void fill(void* to, uint64_t count) {
    for (uint64_t i = 0; to != nullptr && i < count; ++i) {
      static_cast<uint8_t*>(to)[i] = byte();
    }
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

Drawn* drawn_by_plugin = nullptr;

int32_t open_drawn(const char* /*options*/, size_t /*length*/, const headrace_setup* setup,
                   void** /*opened*/) {
  static constexpr const char* kNames[] = {"a", "b", "c", "d", "\xFF", ""};
  Drawn& drawn = *drawn_by_plugin;
  const int columns = 1 + drawn.byte() % 4;
  for (int column = 0; column < columns; ++column) {
    std::vector<uint64_t> shape(drawn.byte() % 3);
    for (uint64_t& extent : shape) {
      extent = drawn.size(8);
    }
    const uint8_t name = drawn.byte();
    const headrace_field field = {name < 200 ? kNames[column] : kNames[name % 6],
                                  drawn.byte() % 7U,
                                  drawn.byte() % 15U,
                                  drawn.byte() % 15U,
                                  static_cast<uint32_t>(shape.size()),
                                  shape.data(),
                                  drawn.size()};
    if (setup->field(setup->context, &field) != 0) {
      return 1;
    }
  }
  return 0;
}

void write_room(Drawn& drawn, const headrace_room& room, uint64_t rows, uint64_t elements) {
  for (uint64_t i = 0; room.ends != nullptr && i < std::min<uint64_t>(rows, 64); ++i) {
    const uint8_t kind = drawn.byte();
    room.ends[i] = kind < 250 ? kind : static_cast<int64_t>(drawn.word());
  }
  // A byte for each element lies in the room, whatever the dtype.
  const uint64_t count = std::min(room.ends == nullptr ? rows : elements, kMostWritten);
  drawn.fill(room.values, count);
  drawn.fill(room.indices, count);
}

int32_t process_drawn(void* /*opened*/, const uint8_t* /*bytes*/, size_t /*length*/,
                      const headrace_input* /*input*/, const headrace_builder* builder) {
  Drawn& drawn = *drawn_by_plugin;
  for (int step = 0; step < 64 && !drawn.ended(); ++step) {
    const uint8_t what = drawn.byte();
    const uint32_t column = what >> 4;
    if (what % 16 == 15) {
      builder->error(builder->context, "why", drawn.byte() % 4);
      continue;
    }
    const uint64_t rows = drawn.size(UINT64_MAX);
    const uint64_t elements = drawn.size(UINT64_MAX);
    headrace_room room = {};
    if (what % 4 != 3 && builder->reserve(builder->context, column, rows, elements, &room) == 0) {
      if (room.values == nullptr && room.indices == nullptr) {
        std::abort();
      }
      write_room(drawn, room, rows, elements);
    }
    if (what % 4 != 2) {
      const uint64_t fewer = drawn.byte() % 4;
      builder->commit(builder->context, column, rows - std::min(rows, fewer), drawn.size());
    }
  }
  return drawn.byte() % 8 == 7 ? 1 : 0;
}

void close_drawn(void* /*opened*/) {}

constexpr headrace_transform kTable = {HEADRACE_TRANSFORM_ABI,
                                       sizeof(headrace_transform),
                                       nullptr,
                                       open_drawn,
                                       process_drawn,
                                       close_drawn};

// Ends the program where a column is not what its field says.
void check(const Field& field, const BuiltColumn& column, uint64_t rows) {
  const ColumnView view{.rows = column.rows,
                        .values = column.values.memory.get(),
                        .offsets = column.offsets.memory.get(),
                        .indices = column.indices.memory.get(),
                        .elements = column.elements};
  const bool sized = !field.is_tensor();
  const uint64_t values = field.binary ? 0 : (sized ? column.elements : rows) * field.row_bytes();
  if (column.rows != rows || column.values.bytes != values ||
      column.offsets.bytes != (sized ? (rows + 1) * 8 : 0) || find_row_fault(field, view) ||
      (sized && (offset_at(view, 0) != 0 ||
                 static_cast<uint64_t>(offset_at(view, rows)) != column.elements))) {
    std::abort();
  }
  for (const BuiltColumn::Part* part : {&column.offsets, &column.indices}) {
    static_cast<void>(hash_bytes({part->memory.get(), part->bytes}));
  }
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headrace;
  Drawn drawn(data, size);
  drawn_by_plugin = &drawn;
  try {
    Plugin plugin(&kTable, "fuzz", "");
    uint64_t rows = 0;
    for (int input = 0; input < 4 && !drawn.ended(); ++input) {
      try {
        rows += plugin.process({}, {.name = "input"});
      } catch (const Error&) {
        // An input that is refused leaves the rows of the others.
      }
    }
    const std::vector<BuiltColumn> columns = plugin.take();
    for (size_t column = 0; column < columns.size(); ++column) {
      check(plugin.schema()[column], columns[column], rows);
    }
  } catch (const Error&) {
    // The one way in which a plug-in may be refused.
  }
  return 0;
}
