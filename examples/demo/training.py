"""Epochs, timed: how long each took and how much of it the training loop waited for data."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from loaders import Batch, EpochLoader
from models import build_model, build_optimizer, train_step


@dataclass(frozen=True)
class Timing:
    """What one epoch cost."""

    rows: int
    seconds: float
    waited: float

    @property
    def rows_per_second(self) -> float:
        """Rows handed out in a second."""
        return self.rows / self.seconds

    @property
    def waiting_share(self) -> float:
        """The part of the time in which the training loop had no batch to work on."""
        return self.waited / self.seconds


def _timed(loader: EpochLoader, number: int, use: Callable[[Batch], object] | None) -> Timing:
    rows = 0
    waited = 0.0
    begin = asked = time.perf_counter()
    batches = loader.epoch(number)
    while True:
        batch = next(batches, None)
        answered = time.perf_counter()
        waited += answered - asked
        if batch is None:
            return Timing(rows, answered - begin, waited)
        rows += len(batch[1])
        if use is not None:
            use(batch)
        asked = time.perf_counter()


def load_epoch(loader: EpochLoader, number: int) -> Timing:
    """Runs over one epoch and does nothing with it."""
    return _timed(loader, number, None)


class Training:
    """A model and the loader that feeds it; weights and order follow from the seed."""

    def __init__(self, loader: EpochLoader, *, classes: int, seed: int) -> None:
        self.model = build_model(classes, seed=seed)
        self._optimizer = build_optimizer(self.model)
        self._loader = loader

    def epoch(self, number: int, *, train: bool = True, keep: list[Batch] | None = None) -> Timing:
        """Runs over one epoch.

        Args:
            number: Which epoch's order.
            train: Whether the model takes a step on each batch.
            keep: Gets every batch, to be looked at afterwards.

        Returns:
            What the epoch cost.
        """

        def use(batch: Batch) -> None:
            if keep is not None:
                keep.append(batch)
            if train:
                train_step(self.model, self._optimizer, *batch)

        return _timed(self._loader, number, use)
