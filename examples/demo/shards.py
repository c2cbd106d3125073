"""The text as two datasets of shards, one to train on and one to test.

    <folder>/train/shards/<uuid>.arrow    x csr float32[COLUMNS], y int64
    <folder>/test/...                     the same for the test files
    <folder>/corpus.json                  what lies there

The text becomes rows once, in `hr.convert`, and never again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

import headrace as hr
from arrow_rows import mapped_column, sparse_column
from checks import sparse_hashes
from corpus import Corpus
from features import COLUMNS, HASHER

SHARD_BYTES = "16MB"
SPLITS = ("train", "test")
# One input of the conversion: enough text for all cores.
_PIECE_FRAGMENTS = 4096


@dataclass(frozen=True)
class Piece:
    """Some fragments and their labels: one input of the conversion."""

    fragments: tuple[bytes, ...]
    labels: tuple[int, ...]


@dataclass
class Text:
    """The fragments of one split, their labels, and the files that they are of."""

    fragments: list[bytes] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        """Bytes of text."""
        return sum(map(len, self.fragments))

    def pieces(self) -> list[Piece]:
        """Returns it cut into inputs."""
        starts = range(0, len(self.fragments), _PIECE_FRAGMENTS)
        parts = [slice(start, start + _PIECE_FRAGMENTS) for start in starts]
        return [Piece(tuple(self.fragments[p]), tuple(self.labels[p])) for p in parts]


def split_text(corpus: Corpus) -> tuple[dict[str, Text], int]:
    """Returns the fragments of each split, and how many were dropped since their rows repeat.

    The same licence stands in many files. A row is kept where it is seen first, so that none is in
    both splits, and "each row exactly once" can be checked by content.
    """
    fragments = [source.fragments for source in corpus.sources]
    everything = [fragment for of_file in fragments for fragment in of_file]
    hashes = sparse_hashes(HASHER.transform(everything), np.zeros(len(everything), np.int64))
    is_first = np.zeros(len(everything), bool)
    is_first[np.unique(hashes, return_index=True)[1]] = True
    texts = {split: Text() for split in SPLITS}
    seen = 0
    for source, of_file in zip(corpus.sources, fragments, strict=True):
        firsts = is_first[seen : seen + len(of_file)]
        seen += len(of_file)
        fresh = [fragment for fragment, first in zip(of_file, firsts, strict=True) if first]
        if fresh:
            text = texts["test" if source.is_test else "train"]
            text.fragments.extend(fresh)
            text.labels.extend([source.label] * len(fresh))
            text.files.append(str(source.path))
    return texts, int(len(everything) - is_first.sum())


def to_columns(piece: Piece) -> dict[str, Any]:
    """Turns fragments into rows: what `hr.convert` calls for each input."""
    return {"x": HASHER.transform(piece.fragments), "y": np.array(piece.labels, np.int64)}


def write_shards(text: Text, folder: Path, progress: Callable[[float], None]) -> None:
    """Writes a split."""
    hr.convert(
        text.pieces(),
        folder,
        transform=to_columns,
        version=repr(HASHER),
        shard_bytes=SHARD_BYTES,
        progress=lambda done: progress(0.99 * (done.fraction or 0.0)),
    )
    progress(1.0)


@dataclass(frozen=True)
class Catalog:
    """What corpus.json says: enough to read the shards and to check the split."""

    folder: Path
    kind_names: tuple[str, ...]
    missing: tuple[str, ...]
    files: dict[str, tuple[str, ...]]
    rows_by_kind: dict[str, tuple[int, ...]]
    dropped: int

    def rows(self, split: str) -> int:
        """Returns how many rows a split has."""
        return sum(self.rows_by_kind[split])

    def shards(self, split: str) -> list[Path]:
        """Returns the shards of a split, in the order of their rows."""
        ids = hr.open(self.folder / split).shard_ids
        return [self.folder / split / "shards" / f"{shard}.arrow" for shard in ids]

    def matrix(self, split: str) -> sparse.csr_matrix:
        """Returns the features as pyarrow reads them."""
        return sparse_column(self.shards(split), "x", width=COLUMNS)

    def targets(self, split: str) -> npt.NDArray[np.int64]:
        """Returns the labels as pyarrow reads them."""
        return np.concatenate(mapped_column(self.shards(split), "y"))


def write_catalog(folder: Path, corpus: Corpus, texts: dict[str, Text], dropped: int) -> Catalog:
    """Writes down what lies in the folder."""
    kinds = range(len(corpus.kind_names))
    counts = {split: Counter(texts[split].labels) for split in SPLITS}
    catalog = {
        "kind_names": corpus.kind_names,
        "missing": corpus.missing,
        "files": {split: texts[split].files for split in SPLITS},
        "rows_by_kind": {split: [counts[split][kind] for kind in kinds] for split in SPLITS},
        "dropped": dropped,
    }
    (folder / "corpus.json").write_text(json.dumps(catalog, indent=1))
    return read_catalog(folder)


def read_catalog(folder: Path) -> Catalog:
    """Returns what a folder holds."""
    raw = json.loads((folder / "corpus.json").read_text())
    of_splits = {
        name: {split: tuple(raw[name][split]) for split in SPLITS}
        for name in ("files", "rows_by_kind")
    }
    return Catalog(
        folder=folder,
        kind_names=tuple(raw["kind_names"]),
        missing=tuple(raw["missing"]),
        dropped=raw["dropped"],
        **of_splits,
    )
