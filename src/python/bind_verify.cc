#include <cstdint>
#include <optional>
#include <string>

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "dataset/verify.h"
#include "python/bindings.h"
#include "python/entries.h"
#include "python/fields.h"
#include "python/gil.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

nb::dict finding_dict(const ShardFinding& finding) {
  nb::dict dict;
  dict["code"] = error_code_name(finding.code);
  dict["what"] = finding.what;
  dict["column"] = finding.column;
  dict["batch"] = finding.batch;
  dict["first_row"] = finding.first_row;
  dict["rows"] = finding.rows;
  return dict;
}

nb::dict verdict_of(const std::string& path, const std::optional<nb::list>& schema, uint64_t rows,
                    uint64_t batch_rows, uint64_t stored_bytes, uint64_t stored_xxh3,
                    uint64_t bytes, const std::string& encoding) {
  std::optional<CommittedShard> committed;
  if (schema.has_value()) {
    committed = {schema_from(*schema),   rows, batch_rows, stored_bytes, stored_xxh3, bytes,
                 encoding_from(encoding)};
  }
  ShardVerdict verdict;
  {
    Interruptible work;
    verdict =
        verify_shard(path, committed.has_value() ? &*committed : nullptr, [&work] { work.poll(); });
  }
  nb::list findings;
  for (const ShardFinding& finding : verdict.findings) {
    findings.append(finding_dict(finding));
  }
  nb::dict dict;
  dict["rows"] = verdict.rows;
  dict["batches"] = verdict.batches;
  dict["bytes"] = verdict.bytes;
  dict["rows_lost"] = verdict.rows_lost;
  dict["hashed"] = verdict.hashed;
  dict["findings"] = findings;
  return dict;
}

}  // namespace

void bind_verify(nb::module_& module) {
  module.def("verify_shard", &verdict_of, "path"_a, "schema"_a = nb::none(), "rows"_a = 0,
             "batch_rows"_a = 0, "stored_bytes"_a = 0, "stored_xxh3"_a = 0, "bytes"_a = 0,
             "encoding"_a = "none",
             "Looks at every byte of a shard, or of another Arrow file. With a schema also at what "
             "a manifest says of it.",
             nb::sig("def verify_shard(path: str, schema: list[tuple[typing.Any, ...]] | None = "
                     "None, rows: int = 0, batch_rows: int = 0, stored_bytes: int = 0, "
                     "stored_xxh3: int = 0, bytes: int = 0, encoding: str = 'none') -> "
                     "dict[str, typing.Any]"));
}

}  // namespace headrace::python
