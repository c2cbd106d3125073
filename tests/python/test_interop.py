"""Other libraries read what headrace writes, without headrace: every kind of column, every dtype.

What does not work is asserted as well, and listed in docs/interop.md with the reader's reason.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pytest
import torch

import headrace as hr
from headrace.dtypes import DTYPES
from headrace.shard_builder import ShardBuilder

pl = pytest.importorskip("polars")
duckdb = pytest.importorskip("duckdb")
pd = pytest.importorskip("pandas")
datasets = pytest.importorskip("datasets")
sparse = pytest.importorskip("scipy.sparse")

ROWS = 4
OFFSETS = [0, 2, 2, 5, 6]
KINDS = ("scalar", "tensor", "nested tensor", "ragged", "ragged tensor", "csr", "bytes", "text")
NOT_IN_SCIPY = ("float16", "bfloat16")
TEXTS = ["to", "", "grün", "日本"]
BYTES = [b"to", b"", b"\xff\x00", b"\x00"]


def numbers(dtype: str, *shape: int) -> Any:
    """Returns numbers that each dtype holds, and at both ends of its range where it has one."""
    count = int(np.prod(shape))
    if dtype == "bfloat16":
        return (torch.arange(count) / 4).reshape(shape).to(torch.bfloat16)
    if dtype == "bool":
        return (np.arange(count) % 3 == 0).reshape(shape)
    values = np.arange(count).astype(dtype)
    if values.dtype.kind in "iu":
        values[0], values[-1] = np.iinfo(dtype).min, np.iinfo(dtype).max
    else:
        values[0], values[-1] = -1.5, np.inf
    return values.reshape(shape)


def stored(values: Any) -> Any:
    """Returns numbers as other libraries see them: bool as 0 and 1, bfloat16 as its bits."""
    if isinstance(values, torch.Tensor):
        return values.view(torch.int16).numpy().view(np.uint16)
    return values.view(np.uint8) if values.dtype == np.bool_ else values


def column(kind: str, dtype: str) -> tuple[Any, list[Any]]:
    """Returns a column as it is written, and its rows as others should see them."""
    if kind in ("scalar", "tensor", "nested tensor"):
        values = numbers(dtype, *{"scalar": (4,), "tensor": (4, 3)}.get(kind, (4, 2, 3)))
        return values, stored(values).tolist()
    shape = (6, 2) if kind == "ragged tensor" else (6,)
    elements = numbers(dtype, *shape)
    parts = [stored(elements)[a:b] for a, b in itertools.pairwise(OFFSETS)]
    if kind != "csr":
        return hr.ragged(elements, offsets=OFFSETS), [part.tolist() for part in parts]
    indices = np.array([0, 3, 1, 2, 4, 0])
    matrix = sparse.csr_array((elements, indices, OFFSETS), shape=(ROWS, 9))
    pairs = list(zip(indices.tolist(), stored(elements).tolist(), strict=True))
    rows = [
        [{"indices": index, "values": value} for index, value in pairs[a:b]]
        for a, b in itertools.pairwise(OFFSETS)
    ]
    return matrix, rows


Shards = dict[str, tuple[Path, dict[str, list[Any]]]]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    """A shard of each kind, with a column of each dtype, and what its rows are."""
    made: Shards = {}
    for kind in KINDS:
        expected: dict[str, list[Any]] = {}
        given: dict[str, Any] = {}
        for dtype in DTYPES:
            if kind not in ("bytes", "text") and not (kind == "csr" and dtype in NOT_IN_SCIPY):
                given[dtype], expected[dtype] = column(kind, dtype)
        if kind in ("bytes", "text"):
            given[kind] = expected[kind] = BYTES if kind == "bytes" else TEXTS
        root = tmp_path_factory.mktemp("interop")
        builder = ShardBuilder(root)
        builder.write(given)
        [entry] = builder.finish().entries
        made[kind] = (root / "shards" / f"{entry['id']}.arrow", expected)
    return made


def plain(value: Any) -> Any:
    """Returns nested arrays, Series and tuples as lists."""
    if isinstance(value, np.ndarray | pl.Series):
        value = value.tolist() if isinstance(value, np.ndarray) else value.to_list()
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def mapped(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def through_duckdb(path: Path, name: str) -> Any:
    connection = duckdb.connect()
    connection.register("shard", mapped(path).select([name]))
    return [row[0] for row in connection.sql("select * from shard").fetchall()]


def through_datasets(path: Path, name: str) -> Any:
    table = datasets.table.InMemoryTable(mapped(path).select([name]))
    return datasets.Dataset(table)[:][name]


READERS: dict[str, Callable[[Path, str], Any]] = {
    "pyarrow, mapped": lambda path, name: mapped(path)[name].to_pylist(),
    "pyarrow, as a stream": lambda path, name: (
        pa.ipc.open_stream(path.read_bytes()[8:]).read_all()[name].to_pylist()
    ),
    "pyarrow.dataset": lambda path, name: (
        pa.dataset.dataset(path, format="ipc").to_table(columns=[name])[name].to_pylist()
    ),
    "polars.read_ipc": lambda path, name: pl.read_ipc(path, columns=[name])[name],
    "polars.scan_ipc": lambda path, name: pl.scan_ipc(path).select(name).collect()[name],
    "polars.from_arrow": lambda path, name: pl.from_arrow(mapped(path).select([name]))[name],
    "pandas.read_feather": lambda path, name: list(pd.read_feather(path, columns=[name])[name]),
    "pandas, of a mapped table": lambda path, name: list(
        mapped(path).select([name]).to_pandas()[name]
    ),
    "DuckDB": through_duckdb,
    "Hugging Face datasets": through_datasets,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", KINDS)
def test_others_read_equal_values(shards: Shards, kind: str, reader: str) -> None:
    path, expected = shards[kind]
    assert expected
    for dtype, rows in expected.items():
        if reader == "DuckDB" and dtype == "float16":
            with pytest.raises(duckdb.NotImplementedException, match="Unsupported Internal Arrow"):
                READERS[reader](path, dtype)
            continue
        assert plain(READERS[reader](path, dtype)) == rows, f"{kind} of {dtype}"


def test_pyarrow_copies_nothing_of_a_mapped_shard(shards: Shards) -> None:
    before = pa.total_allocated_bytes()
    table = mapped(shards["tensor"][0])
    assert pa.total_allocated_bytes() == before
    for name in table.column_names:
        for part in table[name].chunks:
            addresses = [b.address for b in part.buffers() if b is not None and b.size]
            assert all(address % 64 == 0 for address in addresses), name


def test_nobody_sees_nulls(shards: Shards) -> None:
    for path, _ in shards.values():
        table = mapped(path)
        assert not any(field.nullable for field in table.schema)
        assert all(table[name].null_count == 0 for name in table.column_names)


def test_datasets_reads_files_by_load_dataset_and_not_by_from_file(
    shards: Shards, tmp_path: Path
) -> None:
    path, expected = shards["ragged"]
    with pytest.raises(pa.ArrowInvalid, match="metadata bytes"):
        datasets.Dataset.from_file(str(path))
    loaded = datasets.load_dataset(
        "arrow", data_files=str(path), split="train", cache_dir=str(tmp_path)
    )
    assert loaded[:]["int32"] == expected["int32"]


def test_several_shards_are_one_table(tmp_path: Path) -> None:
    with hr.Writer(tmp_path / "corpus", shard_bytes="2KB") as writer:
        writer.write(x=np.arange(2000), t=[str(i % 7) for i in range(2000)])
    files = str(tmp_path / "corpus" / "shards" / "*.arrow")
    assert len(list((tmp_path / "corpus" / "shards").iterdir())) > 5
    lazily = pl.scan_ipc(files)
    assert lazily.select(pl.col("x").sum()).collect().item() == 1999 * 1000
    dataset = pa.dataset.dataset(tmp_path / "corpus" / "shards", format="ipc")
    assert dataset.count_rows() == 2000
    connection = duckdb.connect()
    connection.register("corpus", dataset)
    counts = connection.sql("select t, count(*) from corpus group by t").fetchall()
    assert dict(counts) == dict(collections.Counter(str(i % 7) for i in range(2000)))
