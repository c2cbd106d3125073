/* The C ABI of a transform: your own native code, from the bytes of one input to rows of columns.
 *
 * A shared library exports one function, headrace_transform_table(), which returns a table of
 * functions. headrace calls, from its own threads:
 *
 *   1. open() once for each state that it needs. It reads the options, declares the columns by
 *      setup->field(), and makes a state.
 *   2. process() for each input. It asks the builder for memory by reserve(), writes rows into it,
 *      and says by commit() what it wrote. That memory is the memory of the arrays that the caller
 *      gets: nothing is copied, and a call hands out room for any number of rows at once.
 *   3. close() once for each state.
 *
 * What goes wrong is told by error(), with text, and a result other than 0.
 *
 * Threads: several states are used at the same time, each by one thread at a time, not always by
 * the same one. What states share is the library's own business.
 * Order: the rows of an input must follow from the options, the bytes and headrace_input alone,
 * not from inputs before it: which state gets which input is left to chance.
 * Exceptions and panics: none may leave these functions. No memory changes its owner: headrace
 * frees what it allocated, the library frees its states.
 *
 * Plain C99, usable from C++ (headrace/transform.hpp makes it short), Rust, and what else speaks C.
 */
#ifndef HEADRACE_TRANSFORM_H
#define HEADRACE_TRANSFORM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of everything in this file. A library of another version is refused. */
#define HEADRACE_TRANSFORM_ABI 1u

#if defined(__GNUC__) || defined(__clang__)
#define HEADRACE_TRANSFORM_EXPORT __attribute__((visibility("default")))
#else
#define HEADRACE_TRANSFORM_EXPORT
#endif

/* What a row of a column is. */
enum {
  HEADRACE_TENSOR = 1, /* a number, or a tensor of one shape */
  HEADRACE_RAGGED = 2, /* any number of elements: numbers, or tensors of one shape */
  HEADRACE_BYTES = 3,  /* any number of bytes */
  HEADRACE_TEXT = 4,   /* bytes that are UTF-8, which is checked */
  HEADRACE_CSR = 5     /* a sparse vector: indices, and a value for each unless it is binary */
};

/* What an element is. A bool is a byte, 0 or 1; floats of 16 bits are their bits. */
enum {
  HEADRACE_NONE = 0, /* csr without values (binary); bytes and text, which are always uint8 */
  HEADRACE_BOOL = 1,
  HEADRACE_UINT8 = 2,
  HEADRACE_UINT16 = 3,
  HEADRACE_UINT32 = 4,
  HEADRACE_UINT64 = 5,
  HEADRACE_INT8 = 6,
  HEADRACE_INT16 = 7,
  HEADRACE_INT32 = 8,
  HEADRACE_INT64 = 9,
  HEADRACE_FLOAT16 = 10,
  HEADRACE_BFLOAT16 = 11,
  HEADRACE_FLOAT32 = 12,
  HEADRACE_FLOAT64 = 13
};

/* One column. Read during setup->field() only: the text and the shape may be gone afterwards. */
typedef struct headrace_field {
  const char* name;          /* UTF-8, ends with 0; no two columns share one */
  uint32_t kind;             /* HEADRACE_TENSOR, ... */
  uint32_t dtype;            /* of elements: HEADRACE_FLOAT32, ... */
  uint32_t index_dtype;      /* of csr: HEADRACE_UINT16, _INT32 or _INT64; otherwise 0 */
  uint32_t rank;             /* how many extents row_shape has; 0 = numbers */
  const uint64_t* row_shape; /* of a row (tensor) or of an element (ragged); each extent > 0 */
  uint64_t width;            /* of csr: every index is below it; otherwise 0 */
} headrace_field;

/* What open() is given. Holds during open() only. */
typedef struct headrace_setup {
  uint64_t struct_size; /* sizeof(headrace_setup) of the caller: later versions may be longer */
  void* context;        /* the first argument of the functions below */

  /* Declares the next column; the first is column 0. Every open() with the same options must
   * declare the same columns. Other than 0: refused; return from open() with a result other
   * than 0. */
  int32_t (*field)(void* context, const headrace_field* field);

  /* Says what is wrong, in `length` bytes of UTF-8. The first text counts. */
  void (*error)(void* context, const char* text, size_t length);
} headrace_setup;

/* Where an input stands. Random numbers that are drawn from these three repeat exactly. */
typedef struct headrace_input {
  uint64_t struct_size; /* sizeof(headrace_input) of the caller */
  uint64_t seed;
  uint64_t epoch;
  uint64_t position; /* of the input in what is mapped over, from 0 */
} headrace_input;

/* Memory for rows of one column. */
typedef struct headrace_room {
  void* values;  /* elements, one after another; NULL for csr without values */
  int64_t* ends; /* ends[i]: how many elements rows 0 to i of this room have; NULL for a tensor */
  void* indices; /* of csr, of its index_dtype; otherwise NULL */
} headrace_room;

/* What process() writes its rows with. Holds during that call only, for the thread that it runs
 * in. */
typedef struct headrace_builder {
  uint64_t struct_size; /* sizeof(headrace_builder) of the caller */
  void* context;        /* the first argument of the functions below */

  /* Hands out room for `rows` rows of `column` behind those that are committed, which have
   * `elements` elements together (not used of a tensor). The memory is not zeroed and begins on a
   * boundary of the size of its elements. It holds until the next reserve() of the same column, or
   * the end of process(). Asked again before commit(), for more, it moves what was written.
   * Room that is not committed costs nothing that lasts. Other than 0: refused; return. */
  int32_t (*reserve)(void* context, uint32_t column, uint64_t rows, uint64_t elements,
                     headrace_room* room);

  /* Makes the first `rows` rows of the room part of the column; they have `elements` elements,
   * which is ends[rows - 1] (not used of a tensor). `ends` must be written by now, values and
   * indices as long as the room holds. Other than 0: refused, since ends decrease or are beyond
   * `elements`, or more is committed than was reserved; return. */
  int32_t (*commit)(void* context, uint32_t column, uint64_t rows, uint64_t elements);

  /* Says what is wrong with the input, in `length` bytes of UTF-8. The first text counts, and the
   * call counts as failed whatever it returns. */
  void (*error)(void* context, const char* text, size_t length);
} headrace_builder;

/* The functions of a transform. The table and its texts live as long as the library is loaded. */
typedef struct headrace_transform {
  uint32_t abi_version; /* HEADRACE_TRANSFORM_ABI; stays first in every version */
  uint32_t struct_size; /* sizeof(headrace_transform) of the library */
  const char* name;     /* for whoever looks into the library, ends with 0, or NULL; headrace does
                           not read it: messages have the name of the file */

  /* Makes a state out of `length` bytes of options, text whose meaning is the library's own (the
   * text does not end with 0). Declares at least one column. Returns 0 and sets *state, which may
   * be NULL; or says why not by setup->error() and returns something else: then nothing is left to
   * close. */
  int32_t (*open)(const char* options, size_t length, const headrace_setup* setup, void** state);

  /* Makes rows of `length` bytes, which belong to the caller and hold during the call (they may be
   * NULL if there are none). All columns get equally many rows, also none. Returns 0, or something
   * else after builder->error(): then no row of this input is kept. The state must serve for the
   * next input in either case. */
  int32_t (*process)(void* state, const uint8_t* bytes, size_t length, const headrace_input* input,
                     const headrace_builder* builder);

  /* Frees a state; not called while another function uses it. */
  void (*close)(void* state);
} headrace_transform;

/* What the library exports. Called from any thread; returns the same table every time. */
HEADRACE_TRANSFORM_EXPORT const headrace_transform* headrace_transform_table(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* HEADRACE_TRANSFORM_H */
