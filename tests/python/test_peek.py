"""peek(): what next() will give, told to a transform in the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import headrace as hr

Numbered = Callable[[int], hr.Dataset]


class Opaque(NamedTuple):
    """A part of a batch that is no column."""

    value: Any


@pytest.mark.parametrize("threads", [None, 1, 3])
@pytest.mark.parametrize("listed", [False, True])
def test_peek_tells_the_transform_what_next_will(
    threads: int | None, listed: bool, numbered: Numbered
) -> None:
    def place(batch: Any, context: hr.BatchContext) -> Any:
        at = (context.epoch, context.batch, context.position, context.rows.tolist())
        return {"y": batch["y"], "at": Opaque(at)}

    listing = [[3, 1], [4], [1, 5, 7], [2, 6]]
    batching: dict[str, Any] = {"batch_sampler": listing} if listed else {"batch_size": 2}
    loader = hr.Loader(
        numbered(8),
        shuffle=True,
        output="numpy",
        transform=place,
        transform_threads=threads,
        **batching,
    )
    for epoch in range(2):
        batches = iter(loader)
        for number in range(4):
            seen = loader.peek()["at"].value
            assert seen == next(batches)["at"].value
            assert seen[:2] == (epoch, number)
        if epoch == 0:
            assert next(batches, None) is None
    batches = iter(loader)
    next(batches)
    loader.set_epoch(7)  # for the next iterator
    assert loader.peek()["at"].value == next(batches)["at"].value
