"""The measurements: the three loaders on the same files, model, seed and split.

The hand-written loader and headrace do everything on all training rows. Row by row through dask an
epoch would take minutes, so the tutorial's loader works on a part of the rows, drawn at random over
all files, and the other two train on that same part once more for its accuracy to be compared with.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from checks import Hashes, each_row_once, hashes_delivered
from loaders import AsUsuallyWritten, Batch, BestByHand, EpochLoader, Headrace, Rows
from models import TestSet
from shards import Catalog
from training import Timing, Training, load_epoch

LOADERS: dict[str, Callable[..., EpochLoader]] = {
    "usual": AsUsuallyWritten,
    "by_hand": BestByHand,
    "headrace": Headrace,
}
NAMES = {"usual": "as usually written", "by_hand": "best by hand", "headrace": "headrace"}
FULL = ("by_hand", "headrace")


@dataclass(frozen=True)
class Settings:
    """How much of everything."""

    batch_size: int
    seed: int
    epochs: int
    rounds: int
    loading_passes: int
    part_rows: int
    part_epochs: int
    part_rounds: int


@dataclass
class Measured:
    """What is known of one loader at the end; `rows` are those it was measured on."""

    rows: int
    once: bool
    new_order: bool
    loading: list[Timing] = field(default_factory=list)
    training: list[Timing] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    part_accuracies: list[float] = field(default_factory=list)

    @property
    def loading_rate(self) -> float:
        """Median rows per second without a model."""
        return statistics.median(timing.rows_per_second for timing in self.loading)

    @property
    def training_rate(self) -> float:
        """Median rows per second while training."""
        return statistics.median(timing.rows_per_second for timing in self.training)

    @property
    def waiting_share(self) -> float:
        """Median share of an epoch's time that went into waiting for data."""
        return statistics.median(timing.waiting_share for timing in self.training)


def accuracy_noise(ours: list[list[float]], means_of: tuple[int, int]) -> float:
    """Returns how far apart two mean accuracies may lie by chance.

    Four standard errors, from the spread between trainings that differ in nothing but the seed, and
    at least one point: an accuracy is not known better from the fragments of a few hundred files.

    Args:
        ours: Accuracies of trainings, one list for each loader.
        means_of: How many trainings each of the two means is of.
    """
    spread = statistics.fmean(statistics.variance(accuracies) for accuracies in ours)
    return max(0.01, 4 * math.sqrt(spread * sum(1 / count for count in means_of)))


class Comparison:
    """Runs the measurements one after the other on one catalog."""

    def __init__(
        self,
        catalog: Catalog,
        settings: Settings,
        *,
        in_files: Hashes,
        progress: Callable[[str, float], None],
    ) -> None:
        self._catalog = catalog
        self._settings = settings
        self._in_files = in_files
        self._progress = progress
        self._test = TestSet(catalog)
        self.results: dict[str, Measured] = {}

    def _loader(self, name: str, *, seed: int, rows: Rows | None = None) -> EpochLoader:
        batch_size = self._settings.batch_size
        return LOADERS[name](self._catalog, batch_size=batch_size, seed=seed, rows=rows)

    def _training(self, name: str, *, seed: int, rows: Rows | None = None) -> Training:
        loader = self._loader(name, seed=seed, rows=rows)
        return Training(loader, classes=len(self._catalog.kind_names), seed=seed)

    def check_rows(self) -> None:
        """Compares two epochs of each full loader with the files: each row once, in new order."""
        for name in FULL:
            step = f"each row exactly once: {NAMES[name]}"
            self._progress(step, 0.0)
            loader = self._loader(name, seed=self._settings.seed)
            first, second = (hashes_delivered(loader.epoch(number)) for number in (0, 1))
            once = all(each_row_once(epoch, self._in_files) for epoch in (first, second))
            new_order = not np.array_equal(first, second)
            self.results[name] = Measured(len(self._in_files), once, new_order)
            self._progress(step, 1.0)

    def measure_loading(self) -> None:
        """Times epochs without a model, the two loaders in turn."""
        passes = self._settings.loading_passes
        loaders = {name: self._loader(name, seed=self._settings.seed) for name in FULL}
        for number in range(passes):
            for name in FULL:
                timing = load_epoch(loaders[name], number)
                self.results[name].loading.append(timing)
            self._progress("loading alone", (number + 1) / passes)

    def measure_training(self) -> None:
        """Trains with the two loaders, epoch by epoch in turn, with a new seed in each round."""
        step = "training on all rows"
        rounds = self._settings.rounds
        # The first steps of a process pay for torch's own start; nobody's epoch should.
        self._training("by_hand", seed=0, rows=np.arange(1024)).epoch(0)
        for number in range(rounds):
            seed = self._settings.seed + number
            # Who goes first changes: neither always finds the warmer machine.
            trainings = {name: self._training(name, seed=seed) for name in FULL}
            for epoch in range(self._settings.epochs):
                for name in FULL if (number + epoch) % 2 == 0 else FULL[::-1]:
                    self.results[name].training.append(trainings[name].epoch(epoch))
                self._progress(step, (number + (epoch + 1) / self._settings.epochs) / rounds)
            for name, training in trainings.items():
                self.results[name].accuracies.append(self._test.accuracy(training.model))

    def measure_part(self, part: Rows) -> None:
        """Measures the tutorial's loader on a part of the rows; trains the others on that part."""
        seed, epochs = self._settings.seed, self._settings.part_epochs
        step = f"{NAMES['usual']}, on {len(part):,} rows"
        self._progress(step, 0.0)
        usual = self._training("usual", seed=seed, rows=part)
        delivered: list[Hashes] = []
        kept: list[Batch] = []

        def measure(number: int, *, train: bool) -> Timing:
            kept.clear()
            timing = usual.epoch(number, train=train, keep=kept)
            # Hashed afterwards: the checks take none of the time that is measured.
            delivered.append(hashes_delivered(kept))
            self._progress(step, len(delivered) / (epochs + 1))
            return timing

        training = [measure(number, train=True) for number in range(epochs)]
        loading = [measure(epochs, train=False)]
        self.results["usual"] = Measured(
            rows=len(part),
            once=all(each_row_once(epoch, self._in_files[part]) for epoch in delivered),
            new_order=not np.array_equal(delivered[0], delivered[1]),
            loading=loading,
            training=training,
            part_accuracies=[self._test.accuracy(usual.model)],
        )
        for name in FULL:
            for number in range(self._settings.part_rounds):
                again = self._training(name, seed=seed + number, rows=part)
                for epoch in range(epochs):
                    again.epoch(epoch)
                self.results[name].part_accuracies.append(self._test.accuracy(again.model))
