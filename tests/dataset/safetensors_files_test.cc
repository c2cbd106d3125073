#include "dataset/safetensors_files.h"

#include <cstring>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

// Writes rows [begin, begin + rows) of id (int64) and x (float32[2] of zeros), in either order.
std::string write_file(const TempDir& dir, const std::string& name, uint64_t begin, uint64_t rows,
                       bool id_first) {
  const uint64_t bytes[] = {8 * rows, 8 * rows};
  const auto tensor = [&](const char* column, const char* dtype, const char* more, bool first) {
    const uint64_t from = first ? 0 : bytes[0];
    return std::string("\"") + column + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" +
           std::to_string(rows) + more + "],\"data_offsets\":[" + std::to_string(from) + "," +
           std::to_string(from + bytes[0]) + "]}";
  };
  const std::string id = tensor("id", "I64", "", id_first);
  const std::string x = tensor("x", "F32", ",2", !id_first);
  const std::string json = "{" + (id_first ? id + "," + x : x + "," + id) + "}";
  std::vector<std::byte> file(8 + json.size() + bytes[0] + bytes[1]);
  const uint64_t length = json.size();
  std::memcpy(file.data(), &length, 8);
  std::memcpy(file.data() + 8, json.data(), json.size());
  const auto values = counting("id", rows, begin).bytes;
  std::copy(values.begin(), values.end(),
            file.begin() + static_cast<int64_t>(8 + json.size() + (id_first ? 0 : bytes[0])));
  return dir.write(name, file);
}

TEST(SafetensorsFiles, ShowTheirTensorsWhateverTheOrderInEachFile) {
  const TempDir dir;
  const std::string one = write_file(dir, "1.safetensors", 0, 30, true);
  const std::string two = write_file(dir, "2.safetensors", 30, 12, false);
  const Values zeros = column("x", DType::kFloat32, std::vector<float>(84), {2});
  for (const Io io : {Io::kAuto, Io::kPread}) {
    const DatasetPtr dataset = dataset_from_safetensors({one, two}, io);
    EXPECT_EQ(dataset->file_count(), 2U);
    expect_shows(dataset, {counting("id", 42), zeros}, 1);
  }
  const DatasetPtr mapped = dataset_from_safetensors({one});
  const OpenSource& open = mapped->groups().front()->piece(0).source->open();
  EXPECT_EQ(open.maps[0], open.maps[1]);  // a file is mapped once, not once a column
}

TEST(SafetensorsFiles, OneThatWasCutSinceIsTruncatedWhateverTheColumn) {
  const TempDir dir;
  for (const bool id_first : {true, false}) {
    const std::string path = write_file(dir, "1.safetensors", 0, 3000, id_first);
    const DatasetPtr dataset = dataset_from_safetensors({path});
    std::filesystem::resize_file(path, 8 * 3000 + 1000);
    expect_error(ErrorCode::kTruncated, {"1.safetensors"},
                 [&] { dataset->groups().front()->piece(0).source->open(); });
  }
}

TEST(SafetensorsFiles, MustHaveTheSameTensors) {
  const TempDir dir;
  const std::string one = write_file(dir, "1.safetensors", 0, 30, true);
  const std::string json = R"({"id":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(json.size());
  bytes += json + "abc";
  const std::string two = dir.write("2.safetensors", std::vector<char>(bytes.begin(), bytes.end()));
  expect_error(ErrorCode::kInvalid, {"2.safetensors", "has 1 and not 2"}, [&] {
    dataset_from_safetensors({one, two});
  });
  expect_error(ErrorCode::kInvalid, {"1.safetensors", "has 2 and not 1"}, [&] {
    dataset_from_safetensors({two, one});
  });
}

}  // namespace
}  // namespace headrace
