/* One row for each input: its position, and its bytes as the bits of bfloat16 numbers, two bytes
 * each, in a column of each kind that has numbers. */

#include <headrace/transform.h>
#include <string.h>

enum { POSITION, PAIR, NUMBERS, WEIGHTS, COLUMNS };

static const uint64_t kPair[] = {2};

static int32_t open_bits(const char* options, size_t length, const headrace_setup* setup,
                         void** state) {
  const headrace_field fields[COLUMNS] = {
      {"position", HEADRACE_TENSOR, HEADRACE_INT64, 0, 0, NULL, 0},
      {"pair", HEADRACE_TENSOR, HEADRACE_BFLOAT16, 0, 1, kPair, 0},
      {"numbers", HEADRACE_RAGGED, HEADRACE_BFLOAT16, 0, 0, NULL, 0},
      {"weights", HEADRACE_CSR, HEADRACE_BFLOAT16, HEADRACE_INT32, 0, NULL, 16},
  };
  (void)options;
  (void)length;
  *state = NULL;
  for (size_t i = 0; i < COLUMNS; ++i) {
    if (setup->field(setup->context, &fields[i]) != 0) {
      return 1;
    }
  }
  return 0;
}

static int32_t write_numbers(const uint8_t* bytes, size_t count, uint32_t column,
                             const headrace_builder* to) {
  headrace_room room;
  if (to->reserve(to->context, column, 1, count, &room) != 0) {
    return 1;
  }
  memcpy(room.values, bytes, 2 * count);
  for (size_t i = 0; room.indices != NULL && i < count; ++i) {
    ((int32_t*)room.indices)[i] = (int32_t)i;
  }
  room.ends[0] = (int64_t)count;
  return to->commit(to->context, column, 1, count);
}

static int32_t process_bits(void* state, const uint8_t* bytes, size_t length,
                            const headrace_input* input, const headrace_builder* to) {
  static const char kWhy[] = "it has fewer than four bytes";
  headrace_room room;
  (void)state;
  if (length < 4) {
    to->error(to->context, kWhy, sizeof(kWhy) - 1);
    return 1;
  }
  if (to->reserve(to->context, POSITION, 1, 0, &room) != 0) {
    return 1;
  }
  *(int64_t*)room.values = (int64_t)input->position;
  if (to->commit(to->context, POSITION, 1, 0) != 0 ||
      to->reserve(to->context, PAIR, 1, 0, &room) != 0) {
    return 1;
  }
  memcpy(room.values, bytes, 4);
  return to->commit(to->context, PAIR, 1, 0) != 0 ||
         write_numbers(bytes, length / 2, NUMBERS, to) != 0 ||
         write_numbers(bytes, length / 2, WEIGHTS, to) != 0;
}

static void close_bits(void* state) { (void)state; }

HEADRACE_TRANSFORM_EXPORT const headrace_transform* headrace_transform_table(void) {
  static const headrace_transform table = {HEADRACE_TRANSFORM_ABI,
                                           sizeof(headrace_transform),
                                           "bits",
                                           open_bits,
                                           process_bits,
                                           close_bits};
  return &table;
}
