from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import headrace as hr

Numbered = Callable[[int], hr.Dataset]


def order(rows: int, shuffle: Any, epoch: int = 0) -> list[int]:
    loader = hr.Loader(
        hr.from_arrays(y=np.arange(rows)), batch_size=rows, shuffle=shuffle, output="numpy"
    )
    loader.set_epoch(epoch)
    (batch,) = loader
    return batch["y"].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("rows", [1, 2, 3, 15, 16, 17, 100, 1023, 1024, 1025])
@pytest.mark.parametrize("block_rows", [1, 4, 7, 1000, 10_000])
@pytest.mark.parametrize("window", [1, 2, 5, 5000])
def test_a_block_shuffle_has_every_row_once(rows: int, block_rows: int, window: int) -> None:
    shuffle = hr.BlockShuffle(block_rows=block_rows, window=window)
    for epoch in range(2):
        assert sorted(order(rows, shuffle, epoch)) == list(range(rows))


def test_a_block_shuffle_opens_at_most_its_window() -> None:
    block_rows, window, rows = 20, 5, 2000
    found = order(rows, hr.BlockShuffle(block_rows=block_rows, window=window))
    blocks = [row // block_rows for row in found]
    first = {block: blocks.index(block) for block in set(blocks)}
    last = {block: position for position, block in enumerate(blocks)}
    for position in range(rows):
        assert sum(first[b] <= position <= last[b] for b in first) <= window + 1
    assert max(last[b] - first[b] for b in first) >= block_rows  # and rows of blocks are mixed


def test_the_reported_entropy_is_the_measured_one() -> None:
    rows, batch_size = 8192, 64
    for shuffle in (
        hr.BlockShuffle(block_rows=64, window=1),
        hr.BlockShuffle(block_rows=64, window=8),
        hr.BlockShuffle(block_rows=32, window=16),
    ):
        found = np.array(order(rows, shuffle)) // shuffle.block_rows
        measured = []
        for batch in found.reshape(-1, batch_size):
            counts = np.array(list(Counter(batch.tolist()).values())) / batch_size
            measured.append(-float((counts * np.log2(counts)).sum()))
        reported = shuffle.entropy(rows=rows, batch_size=batch_size)
        assert math.isclose(float(np.mean(measured)), reported, rel_tol=0.05, abs_tol=0.05)


def test_block_shuffles_are_values() -> None:
    shuffle = hr.BlockShuffle(block_rows=4, window=3)
    assert shuffle == hr.BlockShuffle(window=3, block_rows=4)
    assert repr(shuffle) == "BlockShuffle(block_rows=4, window=3)"
    assert len({shuffle, hr.BlockShuffle(block_rows=4, window=3)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        shuffle.window = 4  # type: ignore[misc]


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "4", 2**63])
@pytest.mark.parametrize("name", ["block_rows", "window"])
def test_sizes_that_cannot_be_right(name: str, value: Any) -> None:
    with pytest.raises(hr.InvalidError, match=name):
        hr.BlockShuffle(**{name: value})
