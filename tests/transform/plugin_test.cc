#include "transform/plugin.h"

#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/sanitizers.h"

namespace headrace {
namespace {

// A transform whose functions are a test's own.
struct Scripted {
  std::function<int32_t(const headrace_setup&)> open;
  std::function<int32_t(const uint8_t*, size_t, const headrace_input&, const headrace_builder&)>
      process;
  int opened = 0;
  int closed = 0;
};

thread_local Scripted* script = nullptr;

int32_t open_scripted(const char* /*options*/, size_t /*length*/, const headrace_setup* setup,
                      void** state) {
  ++script->opened;
  *state = script;
  return script->open(*setup);
}

int32_t process_scripted(void* state, const uint8_t* bytes, size_t length,
                         const headrace_input* input, const headrace_builder* builder) {
  return static_cast<Scripted*>(state)->process(bytes, length, *input, *builder);
}

void close_scripted(void* state) { ++static_cast<Scripted*>(state)->closed; }

constexpr headrace_transform kTable = {
    HEADRACE_TRANSFORM_ABI, sizeof(headrace_transform), nullptr,
    open_scripted,          process_scripted,           close_scripted};

constexpr headrace_field kSize = {"size", HEADRACE_TENSOR, HEADRACE_INT64, 0, 0, nullptr, 0};
constexpr headrace_field kWords = {
    "words", HEADRACE_CSR, HEADRACE_FLOAT32, HEADRACE_INT32, 0, nullptr, 10};

int32_t declare(const headrace_setup& setup, std::initializer_list<headrace_field> fields) {
  for (const headrace_field& field : fields) {
    if (setup.field(setup.context, &field) != 0) {
      return 1;
    }
  }
  return 0;
}

int32_t write_size(const headrace_builder& to, int64_t size) {
  headrace_room room = {};
  if (to.reserve(to.context, 0, 1, 0, &room) != 0) {
    return 1;
  }
  *static_cast<int64_t*>(room.values) = size;
  return to.commit(to.context, 0, 1, 0);
}

int32_t write_words(const headrace_builder& to, std::vector<int32_t> indices) {
  headrace_room room = {};
  if (to.reserve(to.context, 1, 1, indices.size(), &room) != 0) {
    return 1;
  }
  for (size_t i = 0; i < indices.size(); ++i) {
    static_cast<int32_t*>(room.indices)[i] = indices[i];
    static_cast<float*>(room.values)[i] = 1;
  }
  room.ends[0] = static_cast<int64_t>(indices.size());
  return to.commit(to.context, 1, 1, indices.size());
}

void say(const headrace_builder& to, std::string_view text) {
  to.error(to.context, text.data(), text.size());
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

class PluginTest : public testing::Test {
 protected:
  PluginTest() {
    script = &scripted_;
    scripted_.open = [](const headrace_setup& setup) { return declare(setup, {kSize, kWords}); };
  }

  std::unique_ptr<Plugin> open(const std::string& options = "") const {
    return std::make_unique<Plugin>(&kTable, "features.so", options);
  }

  // Expects that process() is refused, with these words and the name of the input, and leaves no
  // row.
  void expect_refused(std::initializer_list<std::string_view> words) {
    const std::unique_ptr<Plugin> plugin = open();
    const Error error = expect_error(ErrorCode::kTransform, words,
                                     [&] { plugin->process(bytes_of("text"), {.name = "a.txt"}); });
    EXPECT_NE(std::string_view(error.what()).find("features.so"), std::string_view::npos);
    EXPECT_NE(std::string_view(error.what()).find("a.txt"), std::string_view::npos);
    EXPECT_EQ(error.context().file, "a.txt");
    EXPECT_EQ(plugin->rows(), 0U);
    scripted_.process = [](auto*, size_t, auto&, const headrace_builder& to) {
      return write_size(to, 7) != 0 || write_words(to, {1, 2}) != 0;
    };
    EXPECT_EQ(plugin->process({}, {.name = "b.txt"}), 1U) << "the state serves for the next input";
    EXPECT_EQ(plugin->take()[1].elements, 2U);
  }

  Scripted scripted_;
};

TEST_F(PluginTest, MakesRowsOfBytes) {
  scripted_.process = [](const uint8_t* bytes, size_t length, const headrace_input& input,
                         const headrace_builder& to) {
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(bytes), length), "some text");
    EXPECT_EQ(input.struct_size, sizeof(headrace_input));
    EXPECT_EQ(input.seed, 3U);
    EXPECT_EQ(input.epoch, 4U);
    EXPECT_EQ(input.position, 5U);
    return write_size(to, static_cast<int64_t>(length)) != 0 || write_words(to, {9, 0}) != 0;
  };
  const std::unique_ptr<Plugin> plugin = open();
  ASSERT_EQ(plugin->schema().size(), 2U);
  EXPECT_EQ(describe(plugin->schema()[0]), "int64");
  EXPECT_EQ(describe(plugin->schema()[1]), "csr float32[10]");
  const PluginInput input{.name = "a", .seed = 3, .epoch = 4, .position = 5};
  EXPECT_EQ(plugin->process(bytes_of("some text"), input), 1U);
  EXPECT_EQ(plugin->process(bytes_of("some text"), input), 1U);
  EXPECT_EQ(plugin->rows(), 2U);
  const std::vector<BuiltColumn> columns = plugin->take();
  ASSERT_EQ(columns.size(), 2U);
  EXPECT_EQ(reinterpret_cast<const int64_t*>(columns[0].values.memory.get())[1], 9);
  EXPECT_EQ(columns[1].rows, 2U);
  EXPECT_EQ(columns[1].elements, 4U);
  EXPECT_EQ(plugin->rows(), 0U);
}

TEST_F(PluginTest, TellsWhatThePluginSays) {
  scripted_.process = [](auto*, size_t, auto&, const headrace_builder& to) {
    write_size(to, 1);
    say(to, "line 3 has no tab");
    say(to, "and more");
    return 1;
  };
  expect_refused({"features.so refused a.txt: line 3 has no tab"});
}

TEST_F(PluginTest, TellsAllOfATextWithANul) {
  scripted_.process = [](auto*, size_t, auto&, const headrace_builder& to) {
    say(to, std::string_view("'a\0b' is no number", 18));
    return 1;
  };
  expect_refused({"refused a.txt: 'a\\x00b' is no number"});
}

TEST_F(PluginTest, CountsAnErrorThatIsReturnedAsZero) {
  scripted_.process = [](auto*, size_t, auto&, const headrace_builder& to) {
    say(to, "wrong");
    return 0;
  };
  expect_refused({"refused", "wrong"});
}

TEST_F(PluginTest, SaysThatNoReasonWasGiven) {
  scripted_.process = [](auto*, size_t, auto&, const headrace_builder&) { return -7; };
  expect_refused({"-7", "no reason"});
  scripted_.process = [](auto*, size_t, auto&, const headrace_builder& to) {
    to.error(to.context, nullptr, 12);
    return 1;
  };
  expect_refused({"no reason"});
}

TEST_F(PluginTest, RefusesColumnsOfUnequalRows) {
  scripted_.process = [](auto*, size_t, auto&, const headrace_builder& to) {
    return write_size(to, 1);
  };
  expect_refused({"column size has 1 rows and column words has 0"});
}

TEST_F(PluginTest, RefusesIndicesOutsideTheWidth) {
  for (const int32_t index : {10, -1, INT32_MAX}) {
    scripted_.process = [index](auto*, size_t, auto&, const headrace_builder& to) {
      return write_size(to, 1) != 0 || write_words(to, {3, index}) != 0;
    };
    expect_refused({"words", "row 0", std::to_string(index), "width 10"});
  }
}

TEST_F(PluginTest, RefusesColumnsThatThereAreNot) {
  scripted_.process = [](auto*, size_t, auto&, const headrace_builder& to) {
    headrace_room room = {};
    EXPECT_NE(to.reserve(to.context, 2, 1, 1, &room), 0);
    EXPECT_NE(to.commit(to.context, 0, 0, 0), 0) << "after the first failure nothing works";
    return 0;  // not even heeded
  };
  expect_refused({"column 2 of 2"});
}

TEST_F(PluginTest, RefusesWhatWasNotReserved) {
  scripted_.process = [](auto*, size_t, auto&, const headrace_builder& to) {
    return to.commit(to.context, 0, 1, 0);
  };
  expect_refused({"size", "reserved 0"});
  scripted_.process = [](auto*, size_t, auto&, const headrace_builder& to) {
    headrace_room room = {};
    to.reserve(to.context, 1, 1, 2, &room);
    room.ends[0] = 3;
    return to.commit(to.context, 1, 1, 3);
  };
  expect_refused({"words", "3 elements", "2"});
}

TEST_F(PluginTest, ForgetsRoomOfAnEarlierInput) {
  scripted_.process = [](auto*, size_t, auto&, const headrace_builder& to) {
    headrace_room room = {};
    to.reserve(to.context, 0, 5, 0, &room);
    return 0;
  };
  const std::unique_ptr<Plugin> plugin = open();
  EXPECT_EQ(plugin->process({}, {.name = "a"}), 0U);
  scripted_.process = [](auto*, size_t, auto&, const headrace_builder& to) {
    return to.commit(to.context, 0, 5, 0);
  };
  expect_error(ErrorCode::kTransform, {"reserved 0"}, [&] { plugin->process({}, {.name = "b"}); });
}

TEST_F(PluginTest, RefusesSizesThatCannotBe) {
  for (const uint64_t rows : {UINT64_MAX, UINT64_MAX / 8, uint64_t{1} << 38}) {
    scripted_.process = [rows](auto*, size_t, auto&, const headrace_builder& to) {
      headrace_room room = {};
      EXPECT_NE(to.reserve(to.context, 0, rows, 0, &room), 0);
      return 1;
    };
    expect_refused({"made no columns of a.txt"});
  }
}

TEST_F(PluginTest, CatchesWhatEscapes) {
  scripted_.process = [](auto*, size_t, auto&, const headrace_builder&) -> int32_t {
    throw std::logic_error("thrown in C++");
  };
  expect_refused({"exception", "thrown in C++"});
  scripted_.process = [](auto*, size_t, auto&, const headrace_builder&) -> int32_t { throw 4; };
  expect_refused({"made no columns of a.txt", "no standard type"});
}

TEST_F(PluginTest, HasNoMemoryForAnInputWithoutRefusingIt) {
  if (kAddressSanitizer || kThreadSanitizer) {
    GTEST_SKIP() << "a sanitizer needs all addresses";
  }
  scripted_.process = [](auto*, size_t, auto&, const headrace_builder& to) -> int32_t {
    headrace_room room = {};
    return to.reserve(to.context, 0, uint64_t{1} << 33, 0, &room);
  };
  const std::unique_ptr<Plugin> plugin = open();
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  rlimit less = before;
  less.rlim_cur = rlim_t{1} << 34;
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &less), 0);
  EXPECT_THROW(plugin->process(bytes_of("a"), {.name = "a.txt"}), std::bad_alloc);
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_EQ(plugin->rows(), 0U);
}

TEST_F(PluginTest, KeepsTheRowsOfOtherInputsWhenOneFails) {
  scripted_.process = [](const uint8_t* bytes, size_t, auto&, const headrace_builder& to) {
    write_size(to, bytes[0]);
    write_words(to, {1});
    return bytes[0] == 'b' ? 1 : 0;
  };
  const std::unique_ptr<Plugin> plugin = open();
  plugin->process(bytes_of("a"), {.name = "0"});
  EXPECT_THROW(plugin->process(bytes_of("b"), {.name = "1"}), Error);
  plugin->process(bytes_of("c"), {.name = "2"});
  const std::vector<BuiltColumn> columns = plugin->take();
  ASSERT_EQ(columns[0].rows, 2U);
  EXPECT_EQ(reinterpret_cast<const int64_t*>(columns[0].values.memory.get())[1], 'c');
}

TEST_F(PluginTest, OpensAndClosesOnce) {
  {
    const std::unique_ptr<Plugin> plugin = open();
    EXPECT_EQ(scripted_.closed, 0);
  }
  EXPECT_EQ(scripted_.opened, 1);
  EXPECT_EQ(scripted_.closed, 1);
}

TEST_F(PluginTest, TellsWhyOptionsAreRefused) {
  scripted_.open = [](const headrace_setup& setup) {
    const std::string_view text = "width must be positive";
    setup.error(setup.context, text.data(), text.size());
    return 1;
  };
  expect_error(ErrorCode::kTransform, {"features.so", "width=0", "width must be positive"},
               [&] { open("width=0"); });
  EXPECT_EQ(scripted_.closed, 0) << "a failed open() leaves nothing to close";
}

TEST_F(PluginTest, ClosesWhatOpenedWithoutColumns) {
  scripted_.open = [](const headrace_setup&) { return 0; };
  expect_error(ErrorCode::kTransform, {"no columns"}, [&] { open(); });
  EXPECT_EQ(scripted_.closed, 1);
}

TEST_F(PluginTest, RefusesFieldsThatCannotBe) {
  const uint64_t zero = 0;
  const uint64_t huge[] = {UINT64_MAX, 2};
  const std::vector<std::pair<headrace_field, std::string>> wrong = {
      {{nullptr, 1, 9, 0, 0, nullptr, 0}, "name"},
      {{"", 1, 9, 0, 0, nullptr, 0}, "name"},
      {{"\xFF", 1, 9, 0, 0, nullptr, 0}, "UTF-8"},
      {{"x", 0, 9, 0, 0, nullptr, 0}, "kind"},
      {{"x", 6, 9, 0, 0, nullptr, 0}, "kind"},
      {{"x", 1, 14, 0, 0, nullptr, 0}, "dtype"},
      {{"x", 1, 0, 0, 0, nullptr, 0}, "dtype"},
      {{"x", 1, 9, 0, 1, &zero, 0}, "extent"},
      {{"x", 1, 9, 0, 2, huge, 0}, "64 bits"},
      {{"x", 1, 9, 0, 1, nullptr, 0}, "shape"},
      {{"x", 1, 9, 0, 33, huge, 0}, "extents"},
      {{"x", HEADRACE_TEXT, HEADRACE_FLOAT32, 0, 0, nullptr, 0}, "text"},
      {{"x", HEADRACE_CSR, HEADRACE_FLOAT32, HEADRACE_INT32, 0, nullptr, 0}, "wide"},
      {{"x", HEADRACE_CSR, HEADRACE_FLOAT32, HEADRACE_UINT16, 0, nullptr, 1 << 17}, "uint16"},
      {{"x", HEADRACE_CSR, HEADRACE_FLOAT32, 0, 0, nullptr, 10}, "dtype"},
  };
  for (const auto& [field, word] : wrong) {
    scripted_.open = [&field = field](const headrace_setup& setup) {
      return declare(setup, {field});
    };
    const Error error = error_of([&] { open(); });
    EXPECT_NE(std::string_view(error.what()).find(word), std::string_view::npos) << error.what();
    EXPECT_NE(std::string_view(error.what()).find("column 0"), std::string_view::npos)
        << error.what();
  }
  scripted_.open = [](const headrace_setup& setup) { return declare(setup, {kSize, kSize}); };
  expect_error(ErrorCode::kTransform, {"two columns are named size"}, [&] { open(); });
  scripted_.open = [](const headrace_setup& setup) { return setup.field(setup.context, nullptr); };
  expect_error(ErrorCode::kTransform, {"column 0"}, [&] { open(); });
}

TEST_F(PluginTest, RefusesAnotherVersionAndTablesWithHoles) {
  expect_error(ErrorCode::kUnsupported, {"features.so", "NULL"},
               [] { Plugin(nullptr, "features.so", ""); });
  headrace_transform table = kTable;
  table.abi_version = 2;
  expect_error(ErrorCode::kUnsupported, {"features.so", "version 2", "version 1"},
               [&] { Plugin(&table, "features.so", ""); });
  table = kTable;
  table.struct_size = 8;
  expect_error(ErrorCode::kUnsupported, {"8 bytes"}, [&] { Plugin(&table, "features.so", ""); });
  table = kTable;
  table.process = nullptr;
  expect_error(ErrorCode::kUnsupported, {"process"}, [&] { Plugin(&table, "features.so", ""); });
  EXPECT_EQ(scripted_.opened, 0);
}

}  // namespace
}  // namespace headrace
