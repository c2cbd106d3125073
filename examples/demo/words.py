"""The words of the same text: files -> hashed in C++ -> csr shards -> shuffled dense batches.

Beside it the loop over words that such features are usually made with, on a sample.
"""

from __future__ import annotations

import math
import re
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

import headrace as hr
from corpus import fragments_of, read_text
from models import train_step
from shards import SPLITS, Catalog

WIDTH = 1 << 12
HASHER = hr.text.Hasher(
    WIDTH, ngram_range=(1, 2), alternate_sign=False, dtype="float32", decode_error="replace"
)
COUNTER = hr.text.Hasher(
    WIDTH, ngram_range=(1, 2), alternate_sign=False, norm=None, decode_error="replace"
)
WORD = re.compile(r"\b\w\w+\b")
SAMPLE_FRAGMENTS = 1_000
# One input of the conversion: enough text for all cores.
PIECE_FRAGMENTS = 4_096


@dataclass(frozen=True)
class Words:
    """What the part of the demo about words found.

    Attributes:
        fragments, nbytes: Of text, training and test together.
        hash_seconds: From fragments in memory to csr rows, in C++ on all cores.
        shard_seconds: The same, and into shards on the disk.
        shard_nbytes: What the shards take.
        sample_fragments, sample_nbytes, sample_seconds: Of the loop in Python.
        same_counts: Whether both found equally many words and pairs in each fragment of the sample.
        each_row_once: Whether the epoch had each row exactly once.
        rows_per_second: Dense batches of the training rows, shuffled, without a model.
        accuracy: Of a linear model after one epoch, on the test rows.
    """

    fragments: int
    nbytes: int
    hash_seconds: float
    shard_seconds: float
    shard_nbytes: int
    sample_fragments: int
    sample_nbytes: int
    sample_seconds: float
    same_counts: bool
    each_row_once: bool
    rows_per_second: float
    accuracy: float

    @property
    def times_python(self) -> float:
        """How many times as fast as the loop the rows are made."""
        return (self.nbytes / self.hash_seconds) / (self.sample_nbytes / self.sample_seconds)


@dataclass(frozen=True)
class LabelledText:
    """Some fragments and their labels: one input of the conversion."""

    fragments: tuple[bytes, ...]
    labels: tuple[int, ...]


def to_columns(text: LabelledText) -> dict[str, object]:
    """Turns fragments into rows: what `hr.convert` calls for each input."""
    return {"x": HASHER.transform(text.fragments), "y": np.array(text.labels, np.int64)}


def loop_counts(fragments: list[bytes]) -> Iterator[tuple[dict[int, float], int]]:
    """Makes rows as a loop in Python does: words and pairs of words, counted by hash.

    Yields:
        The row of a fragment, scaled to length 1, and how many words and pairs it has.
    """
    for fragment in fragments:
        words = WORD.findall(fragment.decode("utf-8", "replace").lower())
        row: dict[int, float] = {}
        for feature in [*words, *map(" ".join, pairwise(words))]:
            column = zlib.crc32(feature.encode()) % WIDTH
            row[column] = row.get(column, 0.0) + 1.0
        found = sum(row.values())
        length = math.sqrt(sum(count * count for count in row.values())) or 1.0
        yield {column: count / length for column, count in row.items()}, round(found)


def measure_words(
    catalog: Catalog,
    folder: Path,
    *,
    seed: int,
    batch_size: int,
    progress: Callable[[str, float], None],
) -> Words:
    """Hashes the text of the corpus, stores it, trains on it, and compares the time with a loop's.

    Args:
        catalog: The corpus, whose files are read again.
        folder: Where the shards go.
        seed: Of the order and of the model.
        batch_size: Rows of a batch.
        progress: Called with a step and the fraction of it that is done.
    """
    texts = _labelled_texts(catalog, progress)
    everything = [fragment for split in SPLITS for fragment in texts[split].fragments]
    COUNTER.transform(everything[:100])  # the first call starts threads
    start = time.perf_counter()
    HASHER.transform(everything)
    hash_seconds = time.perf_counter() - start
    start = time.perf_counter()
    for split in SPLITS:
        hr.convert(
            _pieces(texts[split]),
            folder / split,
            transform=to_columns,
            version=repr(HASHER),
            progress=lambda done: progress("hashing into shards", 0.99 * (done.fraction or 0.0)),
        )
    shard_seconds = time.perf_counter() - start
    progress("hashing into shards", 1.0)
    shards = folder.glob("*/shards/*.arrow")

    sample = everything[:: max(1, len(everything) // SAMPLE_FRAGMENTS)][:SAMPLE_FRAGMENTS]
    start = time.perf_counter()
    rows = list(loop_counts(sample))
    sample_seconds = time.perf_counter() - start
    counted = np.asarray(COUNTER.transform(sample).sum(axis=1)).ravel()

    trained = _train(folder, len(catalog.kind_names), seed, batch_size, progress)
    return Words(
        fragments=len(everything),
        nbytes=sum(map(len, everything)),
        hash_seconds=hash_seconds,
        shard_seconds=shard_seconds,
        shard_nbytes=sum(shard.stat().st_size for shard in shards),
        sample_fragments=len(sample),
        sample_nbytes=sum(map(len, sample)),
        sample_seconds=sample_seconds,
        same_counts=counted.tolist() == [found for _, found in rows],
        each_row_once=trained.each_row_once,
        rows_per_second=trained.rows_per_second,
        accuracy=trained.accuracy,
    )


def _labelled_texts(
    catalog: Catalog, progress: Callable[[str, float], None]
) -> dict[str, LabelledText]:
    """Reads the files of each split again; a fragment that is there twice is kept once."""
    seen: set[bytes] = set()
    texts = {}
    for split in SPLITS:
        fragments: list[bytes] = []
        labels: list[int] = []
        for name, label in zip(catalog.sources[split], catalog.labels[split], strict=True):
            fresh = [text for text in fragments_of(read_text(Path(name)) or b"")
                     if text not in seen]  # fmt: skip
            fresh = list(dict.fromkeys(fresh))
            seen.update(fresh)
            fragments.extend(fresh)
            labels.extend([label] * len(fresh))
        texts[split] = LabelledText(tuple(fragments), tuple(labels))
        progress("reading the text again", 1.0 if split == SPLITS[-1] else 0.5)
    return texts


def _pieces(text: LabelledText) -> list[LabelledText]:
    starts = range(0, len(text.fragments), PIECE_FRAGMENTS)
    return [
        LabelledText(
            text.fragments[start : start + PIECE_FRAGMENTS],
            text.labels[start : start + PIECE_FRAGMENTS],
        )
        for start in starts
    ]


@dataclass(frozen=True)
class _Trained:
    each_row_once: bool
    rows_per_second: float
    accuracy: float


def _train(
    folder: Path, classes: int, seed: int, batch_size: int, progress: Callable[[str, float], None]
) -> _Trained:
    rows = hr.open(str(folder / "train")).with_layout(x="dense").with_row_ids("row")
    loader = hr.Loader(rows, batch_size=batch_size, shuffle=True, seed=seed)
    for _ in loader:  # brings the shards into memory and starts threads
        pass
    start = time.perf_counter()
    for _ in loader:
        pass
    loading_seconds = time.perf_counter() - start
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Linear(WIDTH, classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    seen = []
    for batch in loader:
        train_step(model, optimizer, batch["x"], batch["y"])
        seen.append(batch["row"].clone())
        progress("training on words", len(seen) / len(loader))
    delivered = torch.cat(seen).sort().values
    tests = hr.open(str(folder / "test")).with_layout(x="dense")
    right = 0
    with torch.inference_mode():
        for batch in hr.Loader(tests, batch_size=batch_size):
            right += int((model(batch["x"]).argmax(dim=1) == batch["y"]).sum())
    return _Trained(
        each_row_once=torch.equal(delivered, torch.arange(len(rows))),
        rows_per_second=len(rows) / loading_seconds,
        accuracy=right / len(tests),
    )
