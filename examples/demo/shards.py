"""The corpus as two datasets of shards, one to train on and one to test; then reused.

    <folder>/train/shards/<uuid>.arrow    x float64[COLUMNS], y int64
    <folder>/test/...                     the same for the test files
    <folder>/corpus.json                  what lies there

The text becomes features once, in `hr.convert`, and never again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import headrace as hr
from arrow_rows import Array, mapped_column
from corpus import Corpus, gather
from features import COLUMNS, as_features, bigram_counts

VERSION = 3
SHARD_BYTES = "16MB"
SPLITS = ("train", "test")


@dataclass(frozen=True)
class Piece:
    """The fragments of one file that no file before it has, and their label: an input."""

    fragments: tuple[bytes, ...]
    label: int


@dataclass(frozen=True)
class Catalog:
    """What corpus.json says: enough to read the shards and to check the split.

    Attributes:
        sources, labels: The files of each split, and of each its label.
    """

    folder: Path
    kind_names: tuple[str, ...]
    missing: tuple[str, ...]
    shard_ids: dict[str, tuple[str, ...]]
    sources: dict[str, tuple[str, ...]]
    labels: dict[str, tuple[int, ...]]
    rows_by_kind: dict[str, tuple[int, ...]]
    dropped: int

    def rows(self, split: str) -> int:
        """Returns how many rows a split has."""
        return sum(self.rows_by_kind[split])

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return sum(self.rows(split) for split in SPLITS) * (COLUMNS + 1) * 8

    def files(self, split: str) -> list[Path]:
        """Returns the shards of a split, in the order of their rows."""
        return [self.folder / split / "shards" / f"{sid}.arrow" for sid in self.shard_ids[split]]

    def arrays(self, split: str, column: str) -> list[Array]:
        """Returns a column as pyarrow maps it: an array for each record batch."""
        return mapped_column(self.files(split), column)


def to_columns(piece: Piece) -> dict[str, Any]:
    """Turns the fragments of one file into rows: what `hr.convert` calls for each input."""
    features = as_features(bigram_counts(list(piece.fragments)))
    return {"x": features, "y": np.full(len(features), piece.label, dtype=np.int64)}


def _convert(
    pieces: list[Piece], folder: Path, step: str, progress: Callable[[str, float], None]
) -> list[str]:
    """Writes a split, and returns the ids of its shards."""
    dataset = hr.convert(
        pieces,
        folder,
        transform=to_columns,
        shard_bytes=SHARD_BYTES,
        progress=lambda done: progress(step, 0.99 * (done.fraction or 0.0)),
    )
    progress(step, 1.0)
    return dataset.shard_ids


def _write_corpus(corpus: Corpus, folder: Path, progress: Callable[[str, float], None]) -> None:
    pieces: dict[str, list[Piece]] = {split: [] for split in SPLITS}
    sources: dict[str, list[str]] = {split: [] for split in SPLITS}
    labels: dict[str, list[int]] = {split: [] for split in SPLITS}
    by_kind = {split: Counter[int]() for split in SPLITS}
    seen: set[bytes] = set()
    dropped = 0
    for source in corpus.sources:
        fragments = source.fragments
        # The same licence stands in many files: a row is kept where it is seen first, so that none
        # is in both splits and "each row exactly once" can be checked by content.
        fresh: list[bytes] = []
        for fragment, counts in zip(fragments, bigram_counts(fragments), strict=True):
            digest = hashlib.blake2b(counts.tobytes(), digest_size=16).digest()
            if digest not in seen:
                seen.add(digest)
                fresh.append(fragment)
        dropped += len(fragments) - len(fresh)
        if fresh:
            split = "test" if source.is_test else "train"
            pieces[split].append(Piece(tuple(fresh), source.label))
            sources[split].append(str(source.path))
            labels[split].append(source.label)
            by_kind[split][source.label] += len(fresh)
    shard_ids = {
        split: _convert(pieces[split], folder / split, f"writing the shards to {split}", progress)
        for split in SPLITS
    }
    kinds = range(len(corpus.kind_names))
    catalog = {
        "kind_names": corpus.kind_names,
        "missing": corpus.missing,
        "shard_ids": shard_ids,
        "sources": sources,
        "labels": labels,
        "rows_by_kind": {split: [by_kind[split][kind] for kind in kinds] for split in SPLITS},
        "dropped": dropped,
    }
    (folder / "corpus.json").write_text(json.dumps(catalog, indent=1))


def read_catalog(folder: Path) -> Catalog:
    """Returns what a complete corpus folder holds."""
    raw = json.loads((folder / "corpus.json").read_text())
    of_splits = {
        name: {split: tuple(raw[name][split]) for split in SPLITS}
        for name in ("shard_ids", "sources", "labels", "rows_by_kind")
    }
    return Catalog(
        folder=folder,
        kind_names=tuple(raw["kind_names"]),
        missing=tuple(raw["missing"]),
        dropped=raw["dropped"],
        **of_splits,
    )


def _is_complete(folder: Path) -> bool:
    """Whether the corpus is there with all of its rows, and not a byte of it is damaged."""
    if not (folder / "corpus.json").is_file():
        return False
    catalog = read_catalog(folder)
    try:
        found = {split: hr.verify(folder / split, progress=False) for split in SPLITS}
    except hr.HeadraceError:
        return False
    return all(found[split].ok and found[split].rows == catalog.rows(split) for split in SPLITS)


def prepare(
    cache: Path, *, rows: int, progress: Callable[[str, float], None]
) -> tuple[Catalog, bool]:
    """Returns the corpus of about `rows` rows under `cache`, writing it if it is not there yet.

    Args:
        cache: The folder that holds corpora, one subfolder for each number of rows.
        rows: How many rows are wanted, training and test together.
        progress: Called with a step and the fraction of it that is done.

    Returns:
        The catalog, and whether it was reused.

    Raises:
        CorpusError: Too little text on this machine.
    """
    folder = cache / f"corpus-v{VERSION}-{rows}"
    if _is_complete(folder):
        return read_catalog(folder), True
    # The conversion could go on where it was interrupted; but the machine's text may have changed.
    shutil.rmtree(folder, ignore_errors=True)
    progress("reading text files", 0.0)
    corpus = gather(rows)
    progress("reading text files", 1.0)
    folder.mkdir(parents=True)
    _write_corpus(corpus, folder, progress)
    return read_catalog(folder), False
