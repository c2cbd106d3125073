// Reads any bytes as a .safetensors file, and touches every byte of its tensors.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "base/error.h"
#include "base/hash.h"
#include "format/safetensors.h"
#include "fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headrace;
  static MemoryFile memory;
  memory.hold(data, size);
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    for (const StoredTensor& tensor : read_safetensors_header(File(memory.path()))) {
      const uint64_t found = tensor.rows * tensor.field.row_bytes();
      if (tensor.offset > size || found > size - tensor.offset) {
        std::abort();
      }
      static_cast<void>(hash_bytes(bytes.subspan(tensor.offset, found)));
    }
  } catch (const Error&) {
    // The one way in which a reader may refuse its input.
  }
  return 0;
}
