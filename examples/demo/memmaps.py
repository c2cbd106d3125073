"""The corpus as memory-mapped files with UUID names, as the tutorial writes them; then reused.

    <folder>/train/features/<uuid>.memmap   float64 (rows, COLUMNS)
    <folder>/train/targets/<uuid>.memmap    float64 (rows,)
    <folder>/test/...                       the same for the test files
    <folder>/corpus.json                    what lies there

A folder is written under a temporary name and renamed when it is complete, so an interrupted run
leaves nothing that looks finished.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from corpus import Corpus, gather
from features import COLUMNS, as_features, bigram_counts

VERSION = 1
ROWS_PER_FILE = 4096
SPLITS = ("train", "test")


@dataclass(frozen=True)
class Part:
    """One pair of memory-mapped files: features and targets under the same UUID."""

    name: str
    rows: int


@dataclass(frozen=True)
class Catalog:
    """What corpus.json says: enough to read the files and to check the split."""

    folder: Path
    kind_names: tuple[str, ...]
    missing: tuple[str, ...]
    parts: dict[str, tuple[Part, ...]]
    sources: dict[str, tuple[str, ...]]
    rows_by_kind: dict[str, tuple[int, ...]]
    dropped: int

    def rows(self, split: str) -> int:
        """Returns how many rows a split has."""
        return sum(part.rows for part in self.parts[split])

    @property
    def nbytes(self) -> int:
        """Bytes of all memory-mapped files."""
        return sum(self.rows(split) for split in SPLITS) * (COLUMNS + 1) * 8

    def files(self, split: str, column: str) -> list[Path]:
        """Returns the files of "features" or "targets", in the order of their names."""
        return [self.folder / split / column / f"{part.name}.memmap" for part in self.parts[split]]


class _SplitWriter:
    """Collects the rows of one split and writes a pair of files whenever there are enough."""

    def __init__(self, folder: Path, rng: np.random.Generator) -> None:
        self._folder = folder
        self._rng = rng
        self._counts: list[npt.NDArray[np.uint16]] = []
        self._labels: list[npt.NDArray[np.float64]] = []
        self._waiting = 0
        self.parts: list[Part] = []
        for column in ("features", "targets"):
            (folder / column).mkdir(parents=True)

    def add(self, counts: npt.NDArray[np.uint16], label: int) -> None:
        self._counts.append(counts)
        self._labels.append(np.full(len(counts), float(label)))
        self._waiting += len(counts)
        if self._waiting >= ROWS_PER_FILE:
            self.flush()

    def flush(self) -> None:
        if self._waiting == 0:
            return
        # A random UUID like the tutorial's, but seeded: the order of the files is repeatable.
        name = str(uuid.UUID(bytes=self._rng.bytes(16), version=4))
        self._write("features", name, as_features(np.concatenate(self._counts)))
        self._write("targets", name, np.concatenate(self._labels))
        self.parts.append(Part(name, self._waiting))
        self._counts, self._labels, self._waiting = [], [], 0

    def _write(self, column: str, name: str, values: npt.NDArray[np.float64]) -> None:
        path = self._folder / column / f"{name}.memmap"
        file = np.memmap(path, dtype="float64", mode="w+", shape=values.shape)
        file[:] = values
        file.flush()


def _write_corpus(
    corpus: Corpus, folder: Path, seed: int, progress: Callable[[str, float], None]
) -> None:
    rng = np.random.default_rng(seed)
    writers = {split: _SplitWriter(folder / split, rng) for split in SPLITS}
    sources: dict[str, list[str]] = {split: [] for split in SPLITS}
    by_kind = {split: Counter[int]() for split in SPLITS}
    seen: set[bytes] = set()
    dropped = 0
    for done, source in enumerate(corpus.sources):
        counts = bigram_counts(source.fragments)
        # The same licence stands in many files: a row is kept where it is seen first, so that none
        # is in both splits and "each row exactly once" can be checked by content.
        fresh: list[int] = []
        for index, row in enumerate(counts):
            digest = hashlib.blake2b(row.tobytes(), digest_size=16).digest()
            if digest not in seen:
                seen.add(digest)
                fresh.append(index)
        dropped += len(counts) - len(fresh)
        if fresh:
            split = "test" if source.is_test else "train"
            writers[split].add(counts[fresh], source.label)
            sources[split].append(str(source.path))
            by_kind[split][source.label] += len(fresh)
        progress("writing memory-mapped files", (done + 1) / len(corpus.sources))
    for writer in writers.values():
        writer.flush()
    labels = range(len(corpus.kind_names))
    catalog = {
        "kind_names": corpus.kind_names,
        "missing": corpus.missing,
        "parts": {split: [asdict(part) for part in writers[split].parts] for split in SPLITS},
        "sources": sources,
        "rows_by_kind": {split: [by_kind[split][label] for label in labels] for split in SPLITS},
        "dropped": dropped,
    }
    (folder / "corpus.json").write_text(json.dumps(catalog, indent=1))


def read_catalog(folder: Path) -> Catalog:
    """Returns what a complete corpus folder holds."""
    raw = json.loads((folder / "corpus.json").read_text())
    # Sorted by name: the order in which a glob gives the files, for all three loaders.
    parts = {
        split: tuple(sorted((Part(**part) for part in raw["parts"][split]), key=lambda p: p.name))
        for split in SPLITS
    }
    return Catalog(
        folder=folder,
        kind_names=tuple(raw["kind_names"]),
        missing=tuple(raw["missing"]),
        parts=parts,
        sources={split: tuple(raw["sources"][split]) for split in SPLITS},
        rows_by_kind={split: tuple(raw["rows_by_kind"][split]) for split in SPLITS},
        dropped=raw["dropped"],
    )


def _is_complete(folder: Path) -> bool:
    if not (folder / "corpus.json").is_file():
        return False
    catalog = read_catalog(folder)
    for split in SPLITS:
        for column, row_bytes in (("features", COLUMNS * 8), ("targets", 8)):
            for path, part in zip(catalog.files(split, column), catalog.parts[split], strict=True):
                if not path.is_file() or path.stat().st_size != part.rows * row_bytes:
                    return False
    return True


def prepare(
    cache: Path, *, rows: int, seed: int, progress: Callable[[str, float], None]
) -> tuple[Catalog, bool]:
    """Returns the corpus of about `rows` rows under `cache`, writing it if it is not there yet.

    Args:
        cache: The folder that holds corpora, one subfolder for each number of rows.
        rows: How many rows are wanted, training and test together.
        seed: Names the files; part of the folder's name.
        progress: Called with a step and the fraction of it that is done.

    Returns:
        The catalog, and whether it was reused.

    Raises:
        CorpusError: Too little text on this machine.
    """
    folder = cache / f"corpus-v{VERSION}-{rows}-{seed}"
    if _is_complete(folder):
        return read_catalog(folder), True
    unfinished = folder.with_suffix(".unfinished")
    for leftover in (folder, unfinished):
        shutil.rmtree(leftover, ignore_errors=True)
    progress("reading text files", 0.0)
    corpus = gather(rows)
    progress("reading text files", 1.0)
    _write_corpus(corpus, unfinished, seed, progress)
    unfinished.rename(folder)
    return read_catalog(folder), False
