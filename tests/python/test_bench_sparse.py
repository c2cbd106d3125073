"""The sparse rows of the benchmarks: what they are, and that a wrong answer is found."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sparse_matrices = pytest.importorskip("scipy.sparse")

# torch says it once per process, of the first such tensor.
pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")

BENCH = Path(__file__).resolve().parents[2] / "bench"
ROWS = 90
WIDTH = 2000


@pytest.fixture(scope="module")
def harness() -> Iterator[types.SimpleNamespace]:
    """The modules of bench/harness, which is no installed package."""
    sys.path.insert(0, str(BENCH))
    names = ("data", "row_reads", "sparse", "sparse_cold", "svmlight", "tasks")
    yield types.SimpleNamespace(
        **{name: importlib.import_module(f"harness.{name}") for name in names}
    )
    sys.path.remove(str(BENCH))


@pytest.fixture
def valued(harness: types.SimpleNamespace, tmp_path: Path) -> Any:
    return harness.sparse.ValuedRows(
        rows=ROWS, width=WIDTH, batch_size=32, files=1, seed=0, root=tmp_path
    )


@pytest.fixture
def shards(harness: types.SimpleNamespace, tmp_path: Path) -> Any:
    data = harness.sparse_cold.CsrShards(
        rows=ROWS, width=WIDTH, batch_size=32, files=3, seed=0, root=tmp_path
    )
    data.write_files()
    return data


def test_rows_have_ascending_columns_and_as_many_as_they_say(valued: Any) -> None:
    x, y = valued.arrays()
    assert x.shape == (ROWS, WIDTH)
    assert y.tolist() == list(range(ROWS))
    stored = np.diff(x.indptr)
    assert stored.min() >= valued.least
    assert stored.max() <= valued.most
    assert len(set(stored.tolist())) > ROWS / 2
    assert x.data.min() >= 1
    for row in range(ROWS):
        columns = x.indices[x.indptr[row] : x.indptr[row + 1]]
        assert (np.diff(columns) > 0).all()
        assert columns[0] >= 0
        assert columns[-1] < WIDTH


def test_padded_indices_are_those_of_the_matrix(
    harness: types.SimpleNamespace, tmp_path: Path
) -> None:
    data = harness.sparse.BinaryRows(
        rows=ROWS, width=1024, batch_size=32, files=1, seed=0, root=tmp_path
    )
    x, _ = data.arrays()
    assert set(x.data.tolist()) == {1.0}
    padded = np.fromfile(data.padded_file()).reshape(ROWS, data.most)
    for row in range(ROWS):
        columns = x.indices[x.indptr[row] : x.indptr[row + 1]].tolist()
        assert padded[row].tolist() == columns + [-1.0] * (data.most - len(columns))


def test_a_wrong_value_of_a_dense_batch_is_found(
    harness: types.SimpleNamespace, valued: Any
) -> None:
    labels = np.array([5, 0, 89])
    rows = valued.matrix[labels]
    right = torch.from_numpy(rows.toarray())
    valued.check_x(right, labels)
    missing, more = right.clone(), right.clone()
    missing[1, rows[1].indices[7]] = 0
    more[2, np.flatnonzero(rows[2].toarray()[0] == 0)[3]] = 1
    for wrong, message in (
        (missing, "wrong or missing"),
        (more, "where none is stored"),
        (right.double(), "dense float32"),
        (right[:, 1:], "expected shape"),
        (right.to_sparse_csr(), "dense float32"),
    ):
        with pytest.raises(harness.data.WrongAnswerError, match=message):
            valued.check_x(wrong, labels)


def test_a_wrong_part_of_a_csr_batch_is_found(harness: types.SimpleNamespace, valued: Any) -> None:
    data = harness.sparse.ValuedRowsAsCsr(
        **{name: getattr(valued, name) for name in ("rows", "width", "batch_size", "files")},
        seed=0, root=valued.root,
    )  # fmt: skip
    labels = np.array([5, 0, 89])
    right = data.matrix[labels]
    data.check_x(right, labels)
    data.check_x(torch.from_numpy(right.toarray()).to_sparse_csr(), labels)
    for part in ("indptr", "indices", "data"):
        wrong = right.copy()
        getattr(wrong, part)[1] += 1
        with pytest.raises(harness.data.WrongAnswerError, match=r"wrong (indptr|indices|values)"):
            data.check_x(wrong, labels)
    with pytest.raises(harness.data.WrongAnswerError, match="expected a sparse_csr tensor"):
        data.check_x(torch.from_numpy(right.toarray()), labels)


def cold_batch(shards: Any, rows: list[int]) -> Any:
    indptr, indices, values = shards.numbered(np.array(rows))
    return torch.sparse_csr_tensor(
        torch.from_numpy(indptr), torch.from_numpy(indices.astype(np.int64)),
        torch.from_numpy(values), size=(len(rows), WIDTH), check_invariants=True,
    )  # fmt: skip


def test_shards_hold_rows_that_prove_themselves(
    harness: types.SimpleNamespace, shards: Any
) -> None:
    assert len(shards.row_files()) == 3
    dataset = importlib.import_module("headrace").open(str(shards.directory))
    assert len(dataset) == ROWS
    found = sparse_matrices.csr_matrix(dataset[:]["x"])
    indptr, indices, values = shards.numbered(np.arange(ROWS))
    assert np.array_equal(found.indptr, indptr)
    assert np.array_equal(found.indices, indices)
    assert np.array_equal(found.data, values)

    batch = cold_batch(shards, [7, 88, 0])
    shards.check_kept(batch)
    proofs = shards.proofs(batch)
    assert proofs[:, 0].tolist() == [7, 88, 0]
    shards.check_proofs(proofs)
    for column in (1, 2):
        wrong = proofs.copy()
        wrong[2, column] += 1
        with pytest.raises(harness.data.WrongAnswerError, match="last entry"):
            shards.check_proofs(wrong)
    batch.values()[100] += 1
    with pytest.raises(harness.data.WrongAnswerError, match="wrong values"):
        shards.check_kept(batch)


def test_reads_of_all_rows_are_the_pages_of_the_arrays_each_once(
    harness: types.SimpleNamespace, shards: Any
) -> None:
    reads = harness.row_reads.random_reads(shards, 10**6)
    lines = [line.split() for line in reads.log.splitlines() if " read " in line]
    assert (reads.rows, reads.count) == (ROWS, len(lines))
    pages = [
        (path, page)
        for path, _, offset, length in lines
        for page in range(int(offset) // 4096, (int(offset) + int(length)) // 4096)
    ]
    assert len(pages) == len(set(pages))
    expected = set()
    for path in shards.row_files():
        for batch in harness.row_reads.extents_of(path):
            stored = 4 * int(batch.starts[-1])
            for first, size in (
                (batch.offsets, 8 * len(batch.starts)),
                (batch.indices, stored),
                (batch.values, stored),
            ):
                expected |= {
                    (str(path), page)
                    for page in range(first // 4096, (first + size - 1) // 4096 + 1)
                }
    assert set(pages) == expected


def test_fewer_rows_are_fewer_reads_of_at_most_two_pages(
    harness: types.SimpleNamespace, shards: Any
) -> None:
    few = harness.row_reads.random_reads(shards, 5)
    lines = [line.split() for line in few.log.splitlines() if " read " in line]
    assert few.rows == 5
    assert 10 <= len(lines) <= 15  # indices and values of each row, and some offsets
    assert {int(length) for *_, length in lines} <= {4096, 8192}
    other = harness.row_reads.random_reads(replace(shards, seed=1), 5)
    assert other.log != few.log


def test_as_many_gigabytes_of_svmlight_as_are_asked_for(
    harness: types.SimpleNamespace, tmp_path: Path
) -> None:
    task = harness.tasks.TASKS["svmlight"]
    data = harness.svmlight.SvmlightRows(
        rows=1000, width=task.width, batch_size=1, files=1, seed=0, root=tmp_path
    )
    data.write_files()
    assert data.path.stat().st_size / data.rows == pytest.approx(task.row_bytes, rel=0.02)
