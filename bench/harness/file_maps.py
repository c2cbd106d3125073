"""A function over many small files: text files of a few kilobytes, and what is counted in them.

A library of such a task has `load(paths) -> (seconds, answers)`, an `Answer` for each path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness import process
from harness.data import Data, WrongAnswerError, write_once
from harness.library import Measurement

_WORDS = 20_000
_MODULUS = 1_000_000_007


class Answer(NamedTuple):
    """What a library found in a file: three counts, and the order of words and lines."""

    size: int
    words: int
    lines: int
    words_hash: int
    lines_hash: int


def answer_of(totals: Any, words: Any, lines: Any) -> Answer:
    """Returns the answer for arrays of one file."""
    size, count, ends = (int(total) for total in totals)
    return Answer(size, count, ends, _hash(words), _hash(lines))


def _hash(numbers: Any) -> int:
    value = 0
    for number in numbers.tolist():
        value = value * 31 % _MODULUS + number
    return value


Load = Callable[[Sequence[Path]], "tuple[float, list[Answer]]"]


def measure_file_map(load: Load, reference: Load, data: Data) -> Measurement:
    """Times the function over all files, warm; every file's answer is checked."""
    folder = data.root / f"texts-{data.files}"
    write_once(folder, lambda into: _write(into, data.files))
    paths = sorted(folder.iterdir())
    size = sum(len(path.read_bytes()) for path in paths)
    load(paths[:8])
    process.back_memory(4 * size)
    seconds, found = load(paths)
    _, expected = reference(paths)
    if found != expected:
        wrong = next(k for k in range(len(paths)) if found[k : k + 1] != expected[k : k + 1])
        raise WrongAnswerError(f"{paths[wrong]}: found {found[wrong]}, not {expected[wrong]}")
    metrics = {"items_per_s": len(paths) / seconds, "mb_per_s": size / 1e6 / seconds}
    return Measurement(len(paths), False, 0, metrics)


def _write(folder: Path, count: int) -> None:
    rng = np.random.default_rng(1)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    weights = 1 / np.arange(1, len(letters) + 1)
    lengths = rng.integers(2, 11, _WORDS)
    vocabulary = [
        "".join(rng.choice(list(letters), length, p=weights / weights.sum())) for length in lengths
    ]
    vocabulary[::97] = [word.capitalize() + "ö" for word in vocabulary[::97]]
    for number in range(count):
        # Words as often as in a language: the k-th in 1/k of the cases.
        drawn = rng.zipf(1.2, rng.integers(200, 2400)) % _WORDS
        ends = np.where(rng.random(len(drawn)) < 0.1, "\n", " ")
        text = "".join(vocabulary[k] + end for k, end in zip(drawn.tolist(), ends, strict=True))
        (folder / f"{number:06d}.txt").write_text(text, encoding="utf-8")
