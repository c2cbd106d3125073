// A transform in C++17: headrace/transform.h in classes, header-only.
//
//   #include <headrace/transform.hpp>
//
//   class Lines {
//    public:
//     explicit Lines(headrace::native::Setup& setup)
//         : size_(setup.tensor<int64_t>("size")), lengths_(setup.ragged<int32_t>("lengths")) {}
//
//     void operator()(std::string_view text, const headrace_input&, headrace::native::Rows& rows) {
//       *rows.add(size_) = static_cast<int64_t>(text.size());
//       auto lengths = rows.writer(lengths_);
//       ...
//       lengths.push(12);
//       lengths.end_row();
//     }
//
//    private:
//     headrace::native::Tensor<int64_t> size_;
//     headrace::native::Ragged<int32_t> lengths_;
//   };
//   HEADRACE_TRANSFORM(Lines)
//
// Exceptions become the error of the input, or of the options: throw std::runtime_error("why").
#ifndef HEADRACE_TRANSFORM_HPP
#define HEADRACE_TRANSFORM_HPP

#include <algorithm>
#include <charconv>
#include <cstring>
#include <exception>
#include <headrace/transform.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

namespace headrace::native {

// The code of an element type in headrace_field. Values of 16-bit floats go through C's interface.
template <typename T>
constexpr uint32_t dtype_of() {
  if constexpr (std::is_void_v<T>) {
    return HEADRACE_NONE;
  } else if constexpr (std::is_same_v<T, bool>) {
    static_assert(sizeof(bool) == 1);
    return HEADRACE_BOOL;
  } else if constexpr (std::is_same_v<T, float>) {
    return HEADRACE_FLOAT32;
  } else if constexpr (std::is_same_v<T, double>) {
    return HEADRACE_FLOAT64;
  } else {
    static_assert(std::is_integral_v<T> && sizeof(T) <= 8, "columns hold numbers");
    constexpr uint32_t kWidth = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
    return (std::is_signed_v<T> ? HEADRACE_INT8 : HEADRACE_UINT8) + kWidth;
  }
}

// Columns as Setup declares them and Rows writes them.
template <typename T>
struct Tensor {
  uint32_t column;
};
template <typename T>
struct Ragged {
  uint32_t column;
};
// T = void: binary, without values.
template <typename T, typename Index = int32_t>
struct Csr {
  uint32_t column;
};
struct Bytes {
  uint32_t column;
};

// headrace refused a call and knows why.
struct Refused : std::exception {
  const char* what() const noexcept override { return "refused"; }
};

// What the constructor of a transform is given: the options, and the columns to be declared.
class Setup {
 public:
  Setup(const char* options, size_t length, const headrace_setup* setup)
      : options_(options, length), setup_(setup) {}

  // The options as they were given.
  std::string_view options() const { return options_; }

  // The value of the line "name=value" of the options: a number, a bool (0, 1, false, true) or a
  // std::string; `fallback` where there is no such line. Throws std::invalid_argument for a value
  // that is none.
  template <typename T>
  T option(std::string_view name, T fallback) {
    known_.emplace_back(name);
    for (std::string_view rest = options_; !rest.empty();) {
      const std::string_view line = next_line(rest);
      if (line.size() > name.size() && line[name.size()] == '=' &&
          line.substr(0, name.size()) == name) {
        return parse<T>(name, line.substr(name.size() + 1));
      }
    }
    return fallback;
  }

  // Throws std::invalid_argument for a line of the options that no option() asked for. Called by
  // HEADRACE_TRANSFORM where option() was used.
  void check_options() const {
    for (std::string_view rest = options_; !known_.empty() && !rest.empty();) {
      const std::string_view line = next_line(rest);
      const std::string_view name = line.substr(0, line.find('='));
      if (!line.empty() && std::find(known_.begin(), known_.end(), name) == known_.end()) {
        throw std::invalid_argument("there is no option " + std::string(name));
      }
    }
  }

  template <typename T>
  Tensor<T> tensor(const char* name, const std::vector<uint64_t>& row_shape = {}) {
    return {declare({name, HEADRACE_TENSOR, dtype_of<T>(), 0,
                     static_cast<uint32_t>(row_shape.size()), row_shape.data(), 0})};
  }
  template <typename T>
  Ragged<T> ragged(const char* name) {
    return {declare({name, HEADRACE_RAGGED, dtype_of<T>(), 0, 0, nullptr, 0})};
  }
  template <typename T, typename Index = int32_t>
  Csr<T, Index> csr(const char* name, uint64_t width) {
    return {declare({name, HEADRACE_CSR, dtype_of<T>(), dtype_of<Index>(), 0, nullptr, width})};
  }
  Bytes bytes(const char* name) {
    return {declare({name, HEADRACE_BYTES, HEADRACE_NONE, 0, 0, nullptr, 0})};
  }
  Bytes text(const char* name) {
    return {declare({name, HEADRACE_TEXT, HEADRACE_NONE, 0, 0, nullptr, 0})};
  }

 private:
  static std::string_view next_line(std::string_view& rest) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return line;
  }

  template <typename T>
  static T parse(std::string_view name, std::string_view value) {
    if constexpr (std::is_same_v<T, std::string>) {
      return std::string(value);
    } else if constexpr (std::is_same_v<T, bool>) {
      if (value == "1" || value == "true") {
        return true;
      }
      if (value == "0" || value == "false") {
        return false;
      }
    } else {
      T number{};
      const char* end = value.data() + value.size();
      const auto [rest, error] = std::from_chars(value.data(), end, number);
      if (error == std::errc() && rest == end) {
        return number;
      }
    }
    throw std::invalid_argument("option " + std::string(name) + " cannot be " + std::string(value));
  }

  uint32_t declare(const headrace_field& field) {
    if (setup_->field(setup_->context, &field) != 0) {
      throw Refused();
    }
    return columns_++;
  }

  std::string_view options_;
  const headrace_setup* setup_;
  std::vector<std::string> known_;
  uint32_t columns_ = 0;
};

// Writes rows of any length, element by element, straight into the column. What is written counts
// when the writer ends; one at a time for each column.
template <typename T, typename Index>
class Writer {
  static constexpr bool kIndexed = !std::is_void_v<Index>;
  static constexpr bool kValued = !std::is_void_v<T>;
  struct None {};
  using Value = std::conditional_t<kValued, T, None>;
  using IndexValue = std::conditional_t<kIndexed, Index, None>;

 public:
  Writer(const headrace_builder* builder, uint32_t column, uint64_t rows, uint64_t elements)
      : builder_(builder), column_(column) {
    reserve(rows, elements);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    // What an exception leaves half done is no news beside what it says itself.
    if (elements_ != ended_ && std::uncaught_exceptions() == exceptions_) {
      static constexpr std::string_view kOpen = "a row was begun and not ended by end_row()";
      builder_->error(builder_->context, kOpen.data(), kOpen.size());
    }
    builder_->commit(builder_->context, column_, rows_, ended_);  // its error is remembered
  }

  // The next element of the row: of a ragged column a value, of csr an index and its value.
  void push(Value value) {
    static_assert(kValued && !kIndexed, "csr takes an index");
    make_room();
    static_cast<T*>(room_.values)[elements_++] = value;
  }
  void push(IndexValue index, Value value) {
    static_assert(kIndexed && kValued, "ragged takes a value, binary csr an index");
    make_room();
    static_cast<Index*>(room_.indices)[elements_] = index;
    static_cast<T*>(room_.values)[elements_++] = value;
  }
  void push_index(IndexValue index) {
    static_assert(kIndexed && !kValued, "csr with values takes one for each index");
    make_room();
    static_cast<Index*>(room_.indices)[elements_++] = index;
  }

  // `count` elements at once.
  void append(const Value* values, uint64_t count) {
    static_assert(kValued && !kIndexed, "csr takes indices");
    if (count > reserved_elements_ - elements_) {
      reserve(reserved_rows_, std::max(2 * reserved_elements_, elements_ + count));
    }
    if (count > 0) {
      std::memcpy(static_cast<T*>(room_.values) + elements_, values, count * sizeof(T));
    }
    elements_ += count;
  }

  // Ends the row; it may be empty.
  void end_row() {
    if (rows_ == reserved_rows_) {
      reserve(2 * reserved_rows_, reserved_elements_);
    }
    room_.ends[rows_++] = static_cast<int64_t>(elements_);
    ended_ = elements_;
  }

  // A whole row of a column of bytes or text.
  void row(std::string_view bytes) {
    append(reinterpret_cast<const Value*>(bytes.data()), bytes.size());
    end_row();
  }

 private:
  void make_room() {
    if (elements_ == reserved_elements_) {
      reserve(reserved_rows_, 2 * reserved_elements_);
    }
  }

  void reserve(uint64_t rows, uint64_t elements) {
    rows = std::max<uint64_t>(rows, 1);
    elements = std::max<uint64_t>(elements, 16);
    if (builder_->reserve(builder_->context, column_, rows, elements, &room_) != 0) {
      throw Refused();
    }
    reserved_rows_ = rows;
    reserved_elements_ = elements;
  }

  const headrace_builder* builder_;
  uint32_t column_;
  headrace_room room_ = {};
  uint64_t reserved_rows_ = 0;
  uint64_t reserved_elements_ = 0;
  uint64_t rows_ = 0;
  uint64_t elements_ = 0;
  uint64_t ended_ = 0;  // elements of the rows that have ended
  int exceptions_ = std::uncaught_exceptions();
};

// What a transform writes its rows with.
class Rows {
 public:
  explicit Rows(const headrace_builder* builder) : builder_(builder) {}

  // The memory of `count` more rows of a tensor, one after another; to be filled before the next
  // add() of the same column.
  template <typename T>
  T* add(Tensor<T> tensor, uint64_t count = 1) {
    headrace_room room = {};
    if (builder_->reserve(builder_->context, tensor.column, count, 0, &room) != 0 ||
        builder_->commit(builder_->context, tensor.column, count, 0) != 0) {
      throw Refused();
    }
    return static_cast<T*>(room.values);
  }

  // Writers of rows of any length. How many rows and elements there will be saves moves of memory;
  // a guess will do.
  template <typename T>
  Writer<T, void> writer(Ragged<T> ragged, uint64_t rows = 1, uint64_t elements = 64) {
    return {builder_, ragged.column, rows, elements};
  }
  template <typename T, typename Index>
  Writer<T, Index> writer(Csr<T, Index> csr, uint64_t rows = 1, uint64_t elements = 64) {
    return {builder_, csr.column, rows, elements};
  }
  Writer<uint8_t, void> writer(Bytes bytes, uint64_t rows = 1, uint64_t elements = 256) {
    return {builder_, bytes.column, rows, elements};
  }

  // The functions of C's interface, for room of any size at once.
  const headrace_builder* builder() const { return builder_; }

 private:
  const headrace_builder* builder_;
};

// The table of a class: a constructor that takes a Setup&, and
// operator()(std::string_view bytes, const headrace_input&, Rows&).
template <typename Transform>
class Table {
 public:
  static const headrace_transform* get(const char* name) {
    static const headrace_transform table = {
        HEADRACE_TRANSFORM_ABI, sizeof(headrace_transform), name, open, process, close};
    return &table;
  }

 private:
  // Calls `action`; tells `to` of what it throws.
  template <typename To, typename Action>
  static int32_t guarded(const To* to, Action&& action) noexcept {
    try {
      action();
      return 0;
    } catch (const Refused&) {
      return 1;
    } catch (const std::exception& error) {
      to->error(to->context, error.what(), std::strlen(error.what()));
    } catch (...) {
      static constexpr std::string_view kUnknown = "an exception that is no std::exception";
      to->error(to->context, kUnknown.data(), kUnknown.size());
    }
    return 1;
  }

  static int32_t open(const char* options, size_t length, const headrace_setup* setup,
                      void** state) {
    return guarded(setup, [&] {
      Setup told(options, length, setup);
      Transform* made = new Transform(told);
      try {
        told.check_options();
      } catch (...) {
        delete made;
        throw;
      }
      *state = made;
    });
  }

  static int32_t process(void* state, const uint8_t* bytes, size_t length,
                         const headrace_input* input, const headrace_builder* builder) {
    return guarded(builder, [&] {
      Rows rows(builder);
      (*static_cast<Transform*>(state))(
          std::string_view(reinterpret_cast<const char*>(bytes), length), *input, rows);
    });
  }

  static void close(void* state) { delete static_cast<Transform*>(state); }
};

}  // namespace headrace::native

// Exports a class as the transform of this library; once, outside of any namespace.
#define HEADRACE_TRANSFORM(Class)                                                                 \
  extern "C" HEADRACE_TRANSFORM_EXPORT const headrace_transform* headrace_transform_table(void) { \
    return headrace::native::Table<Class>::get(#Class);                                           \
  }

#endif  // HEADRACE_TRANSFORM_HPP
