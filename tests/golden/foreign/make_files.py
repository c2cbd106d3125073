"""Makes the Arrow files of other writers that headrace reads in place, or refuses.

Run ``python tests/golden/foreign/make_files.py`` only for files that are new: it keeps what is
there. ``tests/format/foreign_files_golden_test.cc`` has the same rows as formulas.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.feather

HERE = Path(__file__).parent
ROWS = 10
BATCHES = (3, 4, 0, 3)

Table = Any


def lists(kind: Any) -> Table:
    """Returns the rows [], [0], [0, 1], [0, 1, 2], [], ... as lists of that type."""
    return pa.array([list(range(i % 4)) for i in range(ROWS)], kind)


def table() -> Table:
    """Returns a table with a column of each type that is read in place."""
    pairs = pa.array([[i, -i] for i in range(ROWS)], pa.list_(pa.int16(), 2))
    tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(
        np.arange(ROWS * 6, dtype="int32").reshape(ROWS, 2, 3)
    )
    return pa.table(
        {
            "number": pa.array(range(ROWS), pa.int64()),
            "half": pa.array(np.arange(ROWS, dtype="float16")),
            "flag": pa.array([i % 3 == 0 for i in range(ROWS)]),
            "text": pa.array(["ä" * (i % 4) for i in range(ROWS)]),
            "large_text": pa.array(["ä" * (i % 4) for i in range(ROWS)], pa.large_utf8()),
            "bytes": pa.array([bytes([i]) * (i % 3) for i in range(ROWS)]),
            "list": lists(pa.list_(pa.int32())),
            "large_list": lists(pa.large_list(pa.float32())),
            "pair": pairs,
            "tensor": tensor,
        }
    )


def batched(rows: Table) -> list[Any]:
    """Returns record batches of BATCHES rows; all but the first are slices."""
    ends = np.cumsum(BATCHES)
    whole = rows.combine_chunks().to_batches()
    if not whole:
        return [pa.RecordBatch.from_pylist([], rows.schema)]
    return [whole[0].slice(end - size, size) for size, end in zip(BATCHES, ends, strict=True)]


def write(path: Path, rows: Table, **options: Any) -> None:
    """Writes `rows` as an Arrow file of uneven batches."""
    with pa.ipc.new_file(path, rows.schema, options=pa.ipc.IpcWriteOptions(**options)) as file:
        for batch in batched(rows):
            file.write_batch(batch)


def write_stream(path: Path, rows: Table) -> None:
    """Writes `rows` as a stream, which has no footer."""
    with pa.ipc.new_stream(path, rows.schema) as file:
        file.write_table(rows)


def polars(path: Path, *, oldest: bool) -> None:
    """Writes the columns that Polars has, with old types or with views."""
    names = ["number", "flag", "text", "bytes", "large_list", "pair"]
    level = pl.CompatLevel.oldest() if oldest else None
    frame = pl.DataFrame(pl.from_arrow(table().select(names)))
    frame.write_ipc(path, compression="uncompressed", compat_level=level)


def column(values: Any) -> Table:
    """Returns a table of one column."""
    return pa.table({"x": values})


FILES: dict[str, Callable[[Path], None]] = {
    "pyarrow.arrow": lambda path: write(path, table()),
    "pyarrow_v4.arrow": lambda path: write(
        path, table(), metadata_version=pa.ipc.MetadataVersion.V4
    ),
    "feather.arrow": lambda path: pyarrow.feather.write_feather(
        table(), str(path), compression="uncompressed", chunksize=4
    ),
    "polars.arrow": lambda path: polars(path, oldest=True),
    "empty.arrow": lambda path: write(path, table().slice(0, 0)),
    "refused_views.arrow": lambda path: polars(path, oldest=False),
    "refused_zstd.arrow": lambda path: write(path, table(), compression="zstd"),
    "refused_stream.arrow": lambda path: write_stream(path, table()),
    "refused_nulls.arrow": lambda path: write(path, column([None, *range(8), None])),
    "refused_dictionary.arrow": lambda path: write(
        path, column(pa.array(["a", "b"] * 5).dictionary_encode())
    ),
    "refused_timestamp.arrow": lambda path: write(
        path, column(pa.array(range(ROWS), pa.timestamp("us")))
    ),
    "refused_legacy.arrow": lambda path: write(
        path,
        column(range(ROWS)),
        use_legacy_format=True,
        metadata_version=pa.ipc.MetadataVersion.V4,
    ),
}


def main() -> int:
    """Writes the files that are not there yet."""
    for name, make in FILES.items():
        path = HERE / name
        if not path.exists():
            make(path)
            print(f"{name}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
