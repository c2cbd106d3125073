"""Epochs, timed: how long each took and how much of it the training loop waited for data."""

from __future__ import annotations

import math
import statistics
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


def run_epoch(
    loader: EpochLoader, number: int, use: Callable[[Batch], object] | None = None
) -> Timing:
    """Runs over one epoch and calls `use`, if anything, with each batch."""
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


class Training:
    """A model and the loader that feeds it; weights and order follow from the seed."""

    def __init__(self, loader: EpochLoader, *, classes: int, seed: int) -> None:
        self.model = build_model(classes, seed=seed)
        self._optimizer = build_optimizer(self.model)
        self._loader = loader

    def epoch(self, number: int) -> Timing:
        """Takes a step on each batch of an epoch; returns what that cost."""
        return run_epoch(self._loader, number, self._step)

    def _step(self, batch: Batch) -> None:
        train_step(self.model, self._optimizer, *batch)


def accuracy_noise(first: list[float], second: list[float]) -> float:
    """Returns how far apart two mean accuracies may lie by chance.

    Four standard errors, from the spread between trainings that differ in nothing but the seed, and
    at least one point: an accuracy is not known better from the fragments of a few hundred files.
    """
    spread = statistics.fmean(map(statistics.variance, (first, second)))
    return max(0.01, 4 * math.sqrt(spread * (1 / len(first) + 1 / len(second))))
