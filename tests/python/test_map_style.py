"""A dataset in torch's own DataLoader, as any map-style dataset."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, Subset, random_split

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
Tiers = Callable[[int], dict[str, hr.Dataset]]


def read(loader: Any, rows: int) -> None:
    """Checks that the batches of `loader` hold every row once, as tensors."""
    seen = []
    for batch in loader:
        y = batch["y"]
        assert batch["x"].dtype == torch.float32
        assert torch.equal(batch["x"], torch.stack([y, 2 * y, -y], dim=1).float())
        seen += y.tolist()
    assert sorted(seen) == list(range(rows))


@pytest.mark.parametrize("tier", ["memory", "npy"])
@pytest.mark.parametrize(
    "workers",
    [
        {},
        {"num_workers": 2, "multiprocessing_context": "fork"},
        {"num_workers": 2, "multiprocessing_context": "spawn", "persistent_workers": True},
        {"num_workers": 2, "multiprocessing_context": "forkserver"},
    ],
    ids=["0", "fork", "spawn", "forkserver"],
)
def test_a_dataloader_reads_every_row_once(
    tier: str, workers: dict[str, Any], tiers: Tiers
) -> None:
    ds = tiers(101)[tier]
    assert ds[100]["y"] == 100  # used before the fork
    loader: Any = DataLoader(ds, batch_size=32, shuffle=True, timeout=60 * bool(workers), **workers)  # type: ignore[arg-type]
    for _ in range(2):
        read(loader, 101)


def test_a_sampler_of_batches_reads_whole_batches(numbered: Numbered) -> None:
    ds: Any = numbered(50)
    sampler = BatchSampler(RandomSampler(ds), 8, drop_last=False)
    read(DataLoader(ds, sampler=sampler, batch_size=None), 50)
    read(DataLoader(ds, batch_sampler=sampler), 50)


def test_parts_made_by_torch_are_read_too(numbered: Numbered) -> None:
    ds: Any = numbered(50)
    read(DataLoader(Subset(ds, range(30)), batch_size=7), 30)
    first, second = random_split(ds, [20, 30])
    assert (
        sum(len(b["y"]) for part in (first, second) for b in DataLoader(part, batch_size=9)) == 50
    )


@pytest.mark.parametrize("make", [lambda ds: ds, lambda ds: ds.as_tuple()], ids=["dict", "tuple"])
def test_rows_read_together_are_rows_read_singly(
    make: Callable[[hr.Dataset], hr.Dataset], numbered: Numbered
) -> None:
    ds = make(numbered(20))
    rows = [3, 19, 3, -1]
    together = ds.__getitems__(rows)
    assert [type(row) for row in together] == [type(ds[0])] * 4
    for row, values in zip(rows, together, strict=True):
        single = ds[row]
        for key in single if isinstance(single, dict) else range(len(single)):
            np.testing.assert_array_equal(values[key], single[key])
            assert type(values[key]) is type(single[key])
    with pytest.raises(hr.RowIndexError):
        ds.__getitems__([20])
    assert ds.__getitems__([]) == []


@pytest.mark.parametrize("make", [lambda ds: ds, lambda ds: ds.as_tuple()], ids=["dict", "tuple"])
def test_rows_read_together_are_faster(
    make: Callable[[hr.Dataset], hr.Dataset], numbered: Numbered
) -> None:
    ds = make(numbered(4_096))
    rows = np.random.default_rng(0).permutation(4_096).tolist()

    def best(read: Callable[[], Any]) -> float:
        times = []
        for _ in range(5):
            began = time.process_time()
            read()
            times.append(time.process_time() - began)
        return min(times)

    assert best(lambda: ds.__getitems__(rows)) < 0.5 * best(lambda: [ds[row] for row in rows])
