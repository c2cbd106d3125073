#include "transform/plugin.h"

#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <utility>

#include "base/error.h"
#include "base/quoted_bytes.h"
#include "base/utf8.h"

namespace headrace {
namespace {

constexpr uint32_t kMostExtents = 32;
constexpr size_t kMostColumns = 10'000;
constexpr size_t kLongestText = 1 << 16;  // of an error, in bytes

// By the codes of headrace/transform.h, from 1 on.
constexpr std::array kKinds = {ColumnKind::kTensor, ColumnKind::kRagged, ColumnKind::kBytes,
                               ColumnKind::kText, ColumnKind::kCsr};
constexpr std::array kDTypes = {DType::kBool,   DType::kUint8,   DType::kUint16,   DType::kUint32,
                                DType::kUint64, DType::kInt8,    DType::kInt16,    DType::kInt32,
                                DType::kInt64,  DType::kFloat16, DType::kBfloat16, DType::kFloat32,
                                DType::kFloat64};
static_assert(kDTypes.size() == kDTypeCount && HEADRACE_FLOAT64 == kDTypes.size());
static_assert(HEADRACE_CSR == kKinds.size());

template <typename Codes>
auto from_code(const Codes& codes, uint32_t code, const char* what) {
  if (code == 0 || code > codes.size()) {
    throw Error(ErrorCode::kUnsupported, std::string("there is no ") + what + " of the number " +
                                             std::to_string(code) +
                                             "; headrace/transform.h lists what there is");
  }
  return codes[code - 1];
}

std::string checked_name(const char* name) {
  if (name == nullptr || *name == '\0') {
    throw Error(ErrorCode::kInvalid, "it has no name");
  }
  std::string text = name;
  if (!is_utf8(std::as_bytes(std::span(text)))) {
    throw Error(ErrorCode::kInvalid, "its name is not UTF-8");
  }
  return text;
}

// The field that a plug-in declares. Throws for what is none.
Field field_from(const headrace_field& declared) {
  Field field{.name = checked_name(declared.name),
              .kind = from_code(kKinds, declared.kind, "kind")};
  const bool csr = field.kind == ColumnKind::kCsr;
  const bool sized = field.kind == ColumnKind::kBytes || field.kind == ColumnKind::kText;
  if (declared.dtype != HEADRACE_NONE) {
    field.dtype = from_code(kDTypes, declared.dtype, "dtype");
  } else if (csr) {
    field.binary = true;
  } else if (!sized) {
    throw Error(ErrorCode::kInvalid, "it has no dtype");
  }
  if (declared.rank > kMostExtents || (declared.rank > 0 && declared.row_shape == nullptr)) {
    throw Error(ErrorCode::kInvalid, "its shape has " + std::to_string(declared.rank) +
                                         " extents, and at most 32 are possible");
  }
  if (declared.rank > 0) {
    field.row_shape.assign(declared.row_shape, declared.row_shape + declared.rank);
  }
  if (csr) {
    field.index_dtype = from_code(kDTypes, declared.index_dtype, "dtype");
    field.width = declared.width;
  }
  check_field(field);
  return field;
}

}  // namespace

// What the plug-in calls, in plain C: nothing may be thrown through it.
struct Plugin::Callbacks {
  static Plugin& self(void* context) noexcept { return *static_cast<Plugin*>(context); }

  // Runs `action`; what it throws is remembered and becomes a result.
  template <typename Action>
  static int32_t guarded(void* context, Action&& action) noexcept {
    Failure& failure = self(context).failure_;
    if (failure.failed) {
      return 1;
    }
    try {
      action(self(context));
      return 0;
    } catch (const Error& error) {
      fail(failure, error.what(), error.context().column);
    } catch (const std::bad_alloc&) {
      failure.no_memory = true;
      fail(failure, "there is no memory for what it wants to reserve", "");
    } catch (const std::exception& error) {
      fail(failure, error.what(), "");
    }
    return 1;
  }

  static void fail(Failure& failure, std::string_view text, std::string_view column) noexcept {
    failure.failed = true;
    try {
      failure.text = without_nuls(std::string(text));
      failure.column = column;
    } catch (const std::exception&) {
      failure.text.clear();  // no memory for it: that it failed must do
    }
  }

  static int32_t field(void* context, const headrace_field* declared) noexcept {
    return guarded(context, [&](Plugin& plugin) {
      const std::string number = std::to_string(plugin.schema_.size());
      if (declared == nullptr || plugin.schema_.size() == kMostColumns) {
        throw Error(ErrorCode::kInvalid, "column " + number + " cannot be declared");
      }
      Field field;
      try {
        field = field_from(*declared);
      } catch (const Error& error) {
        throw Error(error.code(), "column " + number + " cannot be: " + error.what());
      }
      for (const Field& other : plugin.schema_) {
        if (other.name == field.name) {
          throw Error(ErrorCode::kInvalid, "two columns are named " + field.name);
        }
      }
      plugin.schema_.push_back(std::move(field));
    });
  }

  static ColumnBuilder& column_of(Plugin& plugin, uint32_t column) {
    if (column >= plugin.columns_.size()) {
      throw Error(ErrorCode::kTransform, "it writes column " + std::to_string(column) + " of " +
                                             std::to_string(plugin.columns_.size()));
    }
    return plugin.columns_[column];
  }

  static int32_t reserve(void* context, uint32_t column, uint64_t rows, uint64_t elements,
                         headrace_room* room) noexcept {
    return guarded(context, [&](Plugin& plugin) {
      const ColumnBuilder::Room found = column_of(plugin, column).reserve(rows, elements);
      *room = {found.values, found.ends, found.indices};
    });
  }

  static int32_t commit(void* context, uint32_t column, uint64_t rows, uint64_t elements) noexcept {
    return guarded(context,
                   [&](Plugin& plugin) { column_of(plugin, column).commit(rows, elements); });
  }

  static void error(void* context, const char* text, size_t length) noexcept {
    Failure& failure = self(context).failure_;
    if (!failure.failed) {
      failure.in_its_words = true;
      fail(failure, text == nullptr ? "" : std::string_view(text, std::min(length, kLongestText)),
           "");
    }
  }
};

Plugin::Plugin(const headrace_transform* table, std::string library, std::string_view options)
    : table_(table), library_(std::move(library)) {
  if (table_ == nullptr) {
    throw Error(ErrorCode::kUnsupported, library_ + ": headrace_transform_table() returns NULL");
  }
  if (table_->abi_version != HEADRACE_TRANSFORM_ABI) {
    throw Error(ErrorCode::kUnsupported,
                library_ + " was built for version " + std::to_string(table_->abi_version) +
                    " of headrace/transform.h, and this headrace has version " +
                    std::to_string(HEADRACE_TRANSFORM_ABI) +
                    "; build it again with the headers in headrace.native.include_dir()");
  }
  if (table_->struct_size < sizeof(headrace_transform) || table_->open == nullptr ||
      table_->process == nullptr || table_->close == nullptr) {
    throw Error(ErrorCode::kUnsupported,
                library_ + ": its table lacks open, process or close (it says it has " +
                    std::to_string(table_->struct_size) + " bytes of " +
                    std::to_string(sizeof(headrace_transform)) + ")");
  }
  open(options);
}

void Plugin::open(std::string_view options) {
  const headrace_setup setup = {sizeof(headrace_setup), this, Callbacks::field, Callbacks::error};
  const int32_t result = call_open(options, setup);
  try {
    if (result != 0 || failure_.failed) {
      throw error("open() failed for the options \"" + std::string(options) + '"', failure_);
    }
    if (schema_.empty()) {
      throw error("open() declared no columns", {});
    }
    for (const Field& field : schema_) {
      columns_.emplace_back(field);
    }
  } catch (...) {
    if (result == 0) {
      table_->close(state_);
    }
    throw;
  }
}

int32_t Plugin::call_open(std::string_view options, const headrace_setup& setup) {
  const std::string escaped = "open() let an exception escape through the C interface";
  try {
    return table_->open(options.data(), options.size(), &setup, &state_);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& exception) {
    throw error(escaped + ": " + exception.what(), {});
  } catch (...) {
    throw error(escaped + ", and one of no standard type", {});
  }
}

Plugin::~Plugin() { table_->close(state_); }

Error Plugin::error(const std::string& what, const Failure& failure) const {
  std::string message = library_ + ": " + what;
  if (failure.failed) {
    message += ": " + (failure.text.empty() ? "no reason given" : failure.text);
  }
  return Error(ErrorCode::kTransform, message, {.file = "", .column = failure.column});
}

uint64_t Plugin::process(std::span<const std::byte> bytes, const PluginInput& input) {
  const uint64_t before = rows();
  truncate(before);  // room that the last input left
  failure_ = {};
  ErrorContext context;
  std::string reason;
  try {
    run(bytes, input);
    check_rows(before);
    return rows() - before;
  } catch (const Error& error) {
    context = error.context();
    reason = error.what();
  } catch (const std::bad_alloc&) {
    truncate(before);
    throw;  // no fault of the input
  } catch (const std::exception& error) {
    reason = std::string("it let an exception escape through the C interface: ") + error.what();
  } catch (...) {
    reason = "it let an exception escape through the C interface, and one of no standard type";
  }
  truncate(before);
  context.file = input.name;
  const std::string message = library_ +
                              (failure_.in_its_words ? " refused " : " made no columns of ") +
                              context.file + ": " + reason;
  throw Error(ErrorCode::kTransform, message, std::move(context));
}

void Plugin::run(std::span<const std::byte> bytes, const PluginInput& input) {
  const headrace_input where = {sizeof(headrace_input), input.seed, input.epoch, input.position};
  const headrace_builder builder = {sizeof(headrace_builder), this, Callbacks::reserve,
                                    Callbacks::commit, Callbacks::error};
  const int32_t result = table_->process(state_, reinterpret_cast<const uint8_t*>(bytes.data()),
                                         bytes.size(), &where, &builder);
  if (failure_.no_memory) {
    throw std::bad_alloc();
  }
  if (failure_.failed) {
    throw Error(ErrorCode::kTransform, failure_.text.empty() ? "no reason given" : failure_.text,
                {.file = "", .column = failure_.column});
  }
  if (result != 0) {
    throw Error(ErrorCode::kTransform,
                "process() returned " + std::to_string(result) + " and gave no reason");
  }
}

void Plugin::check_rows(uint64_t before) const {
  for (const ColumnBuilder& column : columns_) {
    if (column.rows() != rows()) {
      throw Error(ErrorCode::kTransform,
                  "column " + columns_.front().field().name + " has " +
                      std::to_string(rows() - before) + " rows and column " + column.field().name +
                      " has " + std::to_string(column.rows() - before) +
                      "; the columns of an input need equally many",
                  {.file = "", .column = column.field().name});
    }
    column.check(before);
  }
}

void Plugin::clear() noexcept { truncate(0); }

void Plugin::truncate(uint64_t rows) noexcept {
  for (ColumnBuilder& column : columns_) {
    column.truncate(rows);
  }
}

std::vector<BuiltColumn> Plugin::take(SmallBlocks* blocks) {
  std::vector<BuiltColumn> built;
  built.reserve(columns_.size());
  for (ColumnBuilder& column : columns_) {
    built.push_back(column.take(blocks));
  }
  return built;
}

}  // namespace headrace
