/* A transform in C99 as a user writes it: one row for each input, one column of every kind. An
 * input that begins with '!' is refused; so are the options "refuse". */

#include <headrace/transform.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE, LINES, LETTERS, SEEN, FIRST, COLUMNS };

static const uint64_t kLetters = 26;

static int32_t declare(const headrace_setup* setup) {
  const headrace_field fields[COLUMNS] = {
      {"size", HEADRACE_TENSOR, HEADRACE_INT64, 0, 0, NULL, 0},
      {"lines", HEADRACE_RAGGED, HEADRACE_INT32, 0, 0, NULL, 0},
      {"letters", HEADRACE_CSR, HEADRACE_FLOAT32, HEADRACE_INT32, 0, NULL, kLetters},
      {"seen", HEADRACE_CSR, HEADRACE_NONE, HEADRACE_UINT16, 0, NULL, kLetters},
      {"first", HEADRACE_TEXT, HEADRACE_NONE, 0, 0, NULL, 0},
  };
  for (size_t i = 0; i < COLUMNS; ++i) {
    if (setup->field(setup->context, &fields[i]) != 0) {
      return 1;
    }
  }
  return 0;
}

static int32_t open_lines(const char* options, size_t length, const headrace_setup* setup,
                          void** state) {
  static const char kWhy[] = "these options are refused";
  if (length == 6 && memcmp(options, "refuse", 6) == 0) {
    setup->error(setup->context, kWhy, sizeof(kWhy) - 1);
    return 1;
  }
  *state = malloc(1);
  return declare(setup);
}

static int32_t write_lines(const uint8_t* bytes, size_t length, const headrace_builder* to) {
  headrace_room room;
  size_t lines = 0;
  size_t begin = 0;
  /* At most every other byte begins a line, and the last has no end. */
  if (to->reserve(to->context, LINES, 1, length + 1, &room) != 0) {
    return 1;
  }
  for (size_t i = 0; i <= length; ++i) {
    if (i == length || bytes[i] == '\n') {
      ((int32_t*)room.values)[lines++] = (int32_t)(i - begin);
      begin = i + 1;
    }
  }
  room.ends[0] = (int64_t)lines;
  return to->commit(to->context, LINES, 1, lines);
}

static int32_t write_letters(const uint8_t* bytes, size_t length, const headrace_builder* to) {
  float counts[26] = {0};
  headrace_room valued;
  headrace_room binary;
  int64_t kinds = 0;
  for (size_t i = 0; i < length; ++i) {
    if (bytes[i] >= 'a' && bytes[i] <= 'z') {
      counts[bytes[i] - 'a'] += 1.0F;
    }
  }
  if (to->reserve(to->context, LETTERS, 1, kLetters, &valued) != 0 ||
      to->reserve(to->context, SEEN, 1, kLetters, &binary) != 0) {
    return 1;
  }
  for (int letter = 0; letter < 26; ++letter) {
    if (counts[letter] > 0.0F) {
      ((float*)valued.values)[kinds] = counts[letter];
      ((int32_t*)valued.indices)[kinds] = letter;
      ((uint16_t*)binary.indices)[kinds++] = (uint16_t)letter;
    }
  }
  valued.ends[0] = kinds;
  binary.ends[0] = kinds;
  return to->commit(to->context, LETTERS, 1, (uint64_t)kinds) != 0 ||
         to->commit(to->context, SEEN, 1, (uint64_t)kinds) != 0;
}

static int32_t process_lines(void* state, const uint8_t* bytes, size_t length,
                             const headrace_input* input, const headrace_builder* to) {
  static const char kWhy[] = "it begins with '!'";
  headrace_room room;
  const uint8_t* end = length == 0 ? NULL : memchr(bytes, '\n', length);
  const size_t first = end == NULL ? length : (size_t)(end - bytes);
  (void)state;
  (void)input;
  if (length > 0 && bytes[0] == '!') {
    to->error(to->context, kWhy, sizeof(kWhy) - 1);
    return 1;
  }
  if (to->reserve(to->context, SIZE, 1, 0, &room) != 0) {
    return 1;
  }
  *(int64_t*)room.values = (int64_t)length;
  if (to->commit(to->context, SIZE, 1, 0) != 0 || write_lines(bytes, length, to) != 0 ||
      write_letters(bytes, length, to) != 0 ||
      to->reserve(to->context, FIRST, 1, first, &room) != 0) {
    return 1;
  }
  if (first > 0) {
    memcpy(room.values, bytes, first);
  }
  room.ends[0] = (int64_t)first;
  return to->commit(to->context, FIRST, 1, first);
}

static void close_lines(void* state) { free(state); }

HEADRACE_TRANSFORM_EXPORT const headrace_transform* headrace_transform_table(void) {
  static const headrace_transform table = {HEADRACE_TRANSFORM_ABI,
                                           sizeof(headrace_transform),
                                           "lines",
                                           open_lines,
                                           process_lines,
                                           close_lines};
  return &table;
}
