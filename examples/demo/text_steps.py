"""From text to rows, and to rows on the disk: natively, and as it is usually written.

A loop over words is too slow for all of the text, so it works on a stated sample.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import sparse

import headrace as hr
from checks import Hashes, some_rows, sparse_hashes, split_leaks
from features import HASHER, as_matrix, loop_rows, native_counts
from settings import Progress, Settings, Usual
from shards import SPLITS, Catalog, Text, write_shards


@dataclass(frozen=True)
class Hashed:
    """Text in memory becomes rows in memory.

    Attributes:
        seconds: Of the native code, for all of the text.
        matches: Whether both count the same in every fragment of the sample.
    """

    fragments: int
    nbytes: int
    seconds: float
    usual: Usual
    sample_nbytes: int
    matches: bool


def hash_text(texts: dict[str, Text], settings: Settings, progress: Progress) -> Hashed:
    """Hashes the words of all fragments natively, and those of a sample in a loop."""
    everything = [fragment for split in SPLITS for fragment in texts[split].fragments]
    step = "hashing words"
    progress(step, 0.0)
    HASHER.transform(everything[:256])  # the first call brings in scipy
    start = time.perf_counter()
    HASHER.transform(everything)
    seconds = time.perf_counter() - start
    sample = _sampled(everything, settings)
    start = time.perf_counter()
    rows = list(loop_rows(sample))
    usual = Usual(len(sample), len(everything), time.perf_counter() - start)
    progress(step, 1.0)
    return Hashed(
        fragments=len(everything),
        nbytes=sum(map(len, everything)),
        seconds=seconds,
        usual=usual,
        sample_nbytes=sum(map(len, sample)),
        matches=native_counts(sample) == [row.counted for row in rows],
    )


def _sampled(fragments: list[bytes], settings: Settings) -> list[bytes]:
    rows = some_rows(len(fragments), settings.sample_fragments, seed=settings.seed)
    return [fragments[row] for row in rows]


@dataclass(frozen=True)
class Stored:
    """Text in memory becomes rows on the disk.

    Attributes:
        verified: Whether every byte of the shards is what their hashes say.
        same_rows: Whether pyarrow finds in them the rows that were hashed, in order.
        leaks: What is wrong with the split; nothing.
        train_hashes: Of the training rows, in the order of the shards, as pyarrow reads them.
    """

    shards: int
    nbytes: int
    seconds: float
    usual: Usual
    verified: bool
    same_rows: bool
    leaks: list[str]
    train_hashes: Hashes


def store_text(
    texts: dict[str, Text], catalog: Catalog, settings: Settings, progress: Progress
) -> Stored:
    """Writes the rows as shards, and those of a sample, made in a loop, with scipy."""
    start = time.perf_counter()
    for split in SPLITS:
        report = partial(progress, f"writing the shards to {split}")
        write_shards(texts[split], catalog.folder / split, report)
    seconds = time.perf_counter() - start
    everything = [fragment for split in SPLITS for fragment in texts[split].fragments]
    sample = _sampled(everything, settings)
    start = time.perf_counter()
    sparse.save_npz(catalog.folder / "sample.npz", as_matrix(loop_rows(sample)), compressed=False)
    usual = Usual(len(sample), len(everything), time.perf_counter() - start)

    found = {s: sparse_hashes(catalog.matrix(s), catalog.targets(s)) for s in SPLITS}
    hashed = {
        s: sparse_hashes(HASHER.transform(texts[s].fragments), np.array(texts[s].labels, np.int64))
        for s in SPLITS
    }
    files = [file for split in SPLITS for file in catalog.shards(split)]
    reports = [hr.verify(catalog.folder / split, progress=False) for split in SPLITS]
    return Stored(
        shards=len(files),
        nbytes=sum(file.stat().st_size for file in files),
        seconds=seconds,
        usual=usual,
        verified=all(report.ok for report in reports),
        same_rows=all(np.array_equal(found[split], hashed[split]) for split in SPLITS),
        leaks=split_leaks(
            *(found["train"], found["test"]), catalog.files["train"], catalog.files["test"]
        ),
        train_hashes=found["train"],
    )
