"""Random columns in random batches, cut into random shards, come back as they were written."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace import _core
from headrace.shard_builder import ShardBuilder

sparse = pytest.importorskip("scipy.sparse")


class Rows:
    """Makes batches of some kinds of columns, and keeps what their rows are."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.kinds = self.draw.sample(["tensor", "ragged", "text", "bytes", "csr"], seed % 5 + 1)
        self.width = self.draw.randint(1, 40)
        self.columns = self.draw.randint(1, 50)
        self.longest = self.draw.choice([1, 4, 40, 2000])
        self.expected: dict[str, list[Any]] = {kind: [] for kind in self.kinds}

    def batch(self) -> dict[str, Any]:
        """Returns one batch, of a few rows or of some hundred."""
        rows = self.draw.choice([1, 2, 10, self.draw.randint(1, 300)])
        columns = {}
        for kind in self.kinds:
            columns[kind], expected = getattr(self, f"_{kind}")(rows)
            self.expected[kind] += expected
        return columns

    def _sizes(self, rows: int) -> list[int]:
        return [int(size) for size in self.numbers.integers(0, self.longest, rows)]

    def _tensor(self, rows: int) -> tuple[Any, list[Any]]:
        values = self.numbers.random((rows, self.width)).astype(np.float32)
        return values, values.tolist()

    def _ragged(self, rows: int) -> tuple[Any, list[Any]]:
        parts = [self.numbers.random((size, 2)) for size in self._sizes(rows)]
        return hr.ragged(parts), [part.tolist() for part in parts]

    def _text(self, rows: int) -> tuple[Any, list[Any]]:
        texts = ["".join(self.draw.choices("abc é日", k=size)) for size in self._sizes(rows)]
        return texts, texts

    def _bytes(self, rows: int) -> tuple[Any, list[Any]]:
        values = [self.numbers.bytes(size) for size in self._sizes(rows)]
        return values, values

    def _csr(self, rows: int) -> tuple[Any, list[Any]]:
        shape = (rows, self.columns)
        dense = self.numbers.integers(0, 3, shape) * self.numbers.integers(0, 2, shape)
        return sparse.csr_array(dense), dense.tolist()


def read_back(ds: hr.Dataset, kind: str) -> list[Any]:
    values = ds[kind][:]
    if kind == "csr":
        return list(sparse.csr_array(values).toarray().tolist())
    return list(values) if kind in ("text", "bytes") else [row.tolist() for row in values]


@pytest.mark.parametrize("seed", range(10))
def test_rows_come_back(seed: int, tmp_path: Path) -> None:
    rows = Rows(seed)
    builder = ShardBuilder(
        tmp_path,
        shard_bytes=rows.draw.choice([1000, 10_000, 200_000]),
        body_bytes=rows.draw.choice([300, 5000, 50_000]),
    )
    entries = []
    for _ in range(rows.draw.randint(1, 10)):
        builder.write(rows.batch())
        if rows.draw.random() < 0.2:
            entries += builder.finish().entries
    built = builder.finish()
    entries += built.entries
    fields = [field.to_core() for field in built.schema.values()]
    _core.Directory(str(tmp_path)).commit(entries, fields)
    ds = hr.open(tmp_path, verify=True)
    assert list(ds.schema) == rows.kinds
    for kind, expected in rows.expected.items():
        assert read_back(ds, kind) == expected, kind
