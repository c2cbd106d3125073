"""peek(): what next() will give, told to a transform in the same words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

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


class Peeking(IterableDataset[Any]):
    """Says of each batch where peek and next have put it."""

    def __init__(self, loader: hr.Loader) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self.loader)
        while True:
            seen = self.loader.peek()
            batch = next(batches, None)
            if batch is None:
                return
            yield seen["at"], batch["at"]


def test_peek_in_a_worker_of_a_dataloader_is_of_its_share(numbered: Numbered) -> None:
    def place(batch: Any, context: hr.BatchContext) -> Any:
        at = torch.tensor([context.epoch, context.batch, context.position])
        return {"at": at.expand(len(batch["y"]), 3)}

    loader = hr.Loader(numbered(24), batch_size=2, shuffle=True, transform=place)
    outer = DataLoader(Peeking(loader), batch_size=None, num_workers=2)
    for epoch in range(2):
        found = list(outer)
        assert all(torch.equal(seen, got) for seen, got in found)
        assert [got[0].tolist() for _, got in found] == [
            [epoch, number // 2, 2 * number] for number in range(12)
        ]
