"""Shuffled batches, and trainings on them, from where the rows are: by three loaders.

What is usually written is too slow for all rows, so it works on a stated sample of them.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

import numpy as np

from checks import Hashes, batch_digest, each_row_once, hashes_delivered, some_rows
from loaders import Batch, EpochLoader
from models import TestSet, weights_digest
from settings import Progress, Settings, Usual
from situations import Situation
from training import Timing, Training, run_epoch


@dataclass
class Loaded:
    """Shuffled batches out of one situation.

    Attributes:
        ours, by_hand: Seconds of an epoch without a model, of each that was timed.
        once: By loader, whether its epoch had each row exactly once.
        new_order: Whether no loader repeats the order of an epoch.
        digests: Hashes of headrace's batches, of two epochs.
        trained: What headrace's epochs with a model cost, of the first training.
        weights: A hash of the model after that training.
        accuracies: On the test rows, of headrace's trainings.
    """

    usual: Usual
    ours: list[float]
    by_hand: list[float]
    once: dict[str, bool]
    new_order: bool
    digests: list[str]
    trained: list[Timing] = field(default_factory=list)
    weights: str = ""
    accuracies: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The median of headrace's epochs."""
        return statistics.median(self.ours)

    @property
    def by_hand_seconds(self) -> float:
        """The median of the epochs by hand."""
        return statistics.median(self.by_hand)


def load(
    name: str, situation: Situation, expected: Hashes, settings: Settings, progress: Progress
) -> Loaded:
    """Runs epochs of the three loaders, checks what they hand out, and times them in turn.

    Args:
        name: Of the situation.
        situation: Where the rows are.
        expected: The hash of each row there.
        settings: How much of everything.
        progress: Called with a step and the fraction of it that is done.
    """
    options = {"batch_size": settings.batch_size, "seed": settings.seed}
    ours, by_hand = situation.load(**options), situation.load_by_hand(**options)
    step = f"{name}: as usually written, on a sample"
    progress(step, 0.0)
    sample = some_rows(situation.rows, settings.sample_rows[name], seed=settings.seed)
    usually = situation.load_usually(sample, **options)
    kept: list[Batch] = []
    timing = run_epoch(usually, 0, kept.append)
    progress(step, 1.0)

    step = f"{name}: each row exactly once"
    digests = [batch_digest(x, y) for number in (0, 1) for x, y in ours.epoch(number)]
    first = [hashes_delivered(loader.epoch(0)) for loader in (ours, by_hand)]
    progress(step, 0.7)
    found = Loaded(
        usual=Usual(len(sample), situation.rows, timing.seconds),
        ours=[],
        by_hand=[],
        once={
            "as usually written": each_row_once(hashes_delivered(kept), expected[sample]),
            "by hand": each_row_once(first[1], expected),
            "headrace": each_row_once(first[0], expected),
        },
        new_order=all(
            not np.array_equal(_targets(loader, 0), _targets(loader, 1))
            for loader in (ours, by_hand)
        ),
        digests=digests,
    )
    progress(step, 1.0)
    step = f"{name}: an epoch of batches, in turns"
    for number in range(settings.passes):
        found.ours.append(run_epoch(ours, number).seconds)
        found.by_hand.append(run_epoch(by_hand, number).seconds)
        progress(step, (number + 1) / settings.passes)
    return found


def _targets(loader: EpochLoader, number: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.concatenate([y.numpy() for _, y in loader.epoch(number)])


def train(
    loader: EpochLoader, test: TestSet, classes: int, seed: int, epochs: int
) -> tuple[list[Timing], str, float]:
    """Trains a model; returns what its epochs cost, a hash of its weights, and its accuracy."""
    training = Training(loader, classes=classes, seed=seed)
    timings = [training.epoch(number) for number in range(epochs)]
    return timings, weights_digest(training.model), test.accuracy(training.model)


def train_ours(
    name: str,
    found: Loaded,
    situation: Situation,
    test: TestSet,
    classes: int,
    settings: Settings,
    progress: Progress,
) -> None:
    """Trains on headrace's batches, and adds to `found` what came out."""
    step = f"{name}: training"
    progress(step, 0.0)
    loader = situation.load(batch_size=settings.batch_size, seed=settings.seed)
    found.trained, found.weights, accuracy = train(
        loader, test, classes, settings.seed, settings.epochs
    )
    found.accuracies.append(accuracy)
    progress(step, 1.0)


@dataclass(frozen=True)
class Fairness:
    """Trainings on batches by hand and on headrace's, with several seeds."""

    by_hand: list[float]
    ours: list[float]


def train_fairly(
    found: Loaded,
    situation: Situation,
    test: TestSet,
    classes: int,
    settings: Settings,
    progress: Progress,
) -> Fairness:
    """Trains with other seeds, and by hand with each: orders of both kinds teach equally well."""
    step = "in RAM: more trainings, by hand and with headrace"
    by_hand, ours = [], list(found.accuracies)
    for number in range(settings.seeds):
        seed = settings.seed + number
        options = {"batch_size": settings.batch_size, "seed": seed}
        loader = situation.load_by_hand(**options)
        by_hand.append(train(loader, test, classes, seed, settings.epochs)[2])
        if number > 0:
            mine = situation.load(**options)
            ours.append(train(mine, test, classes, seed, settings.epochs)[2])
        progress(step, (number + 1) / settings.seeds)
    return Fairness(by_hand, ours)
