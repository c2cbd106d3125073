"""Real text that every machine has, as documents, and the check that they were hashed right.

1. Folders of documentation and of sources are walked in order. A file counts if it is text, UTF-8
   without a NUL, plain or .gz, and once even if it lies on the disk several times.
2. Its lines are joined to documents of `LEAST` bytes and more; the last of a file may have less.
3. The first `rows` documents are the data. What scikit-learn makes of them is the answer that all
   others are compared with: worked out once, and kept beside the text.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import os
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer

from harness import process
from harness.data import Data, WrongAnswerError, write_once
from harness.library import Library, Measurement

LEAST = 2000
OPTIONS: dict[str, Any] = {"n_features": 2**18, "ngram_range": (1, 2)}
"""What the features are; all else is as scikit-learn has it."""

_FOLDERS = ("/usr/share/man", "/usr/share/doc", sysconfig.get_path("stdlib"), "/usr/lib/python3",
            "/usr/share/perl", sysconfig.get_path("purelib"), "/usr/include")  # fmt: skip
_LARGEST = 4 << 20  # tables that are called text

Arrays = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
"""The indptr, indices and values of a matrix."""


@dataclass(frozen=True)
class TextRows(Data):
    """Documents of real text; `width` is not used."""

    @property
    def directory(self) -> Path:
        """Where the text is; made by `write_files`."""
        return self.root / f"text-{self.rows}"

    def write_files(self) -> None:
        """Writes the text, its offsets and the answer, once."""
        write_once(self.directory, self._write_into)

    def _write_into(self, folder: Path) -> None:
        ends = [0]
        with open(folder / "text", "wb") as file:
            for document in _documents():
                file.write(document)
                ends.append(ends[-1] + len(document))
                if len(ends) > self.rows:
                    break
        if len(ends) <= self.rows:
            raise SystemExit(
                f"this machine has text for {len(ends) - 1:,} documents, and {self.rows:,} are "
                "asked for; pass --rows, or install documentation and sources"
            )
        np.save(folder / "ends.npy", np.array(ends))
        matrix = HashingVectorizer(**OPTIONS).transform(_read(folder))
        np.savez(folder / "answer.npz", indptr=matrix.indptr, indices=matrix.indices,
                 data=matrix.data)  # fmt: skip

    @property
    def size(self) -> int:
        """How many bytes of text there are."""
        return (self.directory / "text").stat().st_size

    def documents(self) -> list[str]:
        """Returns the documents."""
        return _read(self.directory)

    def answer(self) -> Arrays:
        """Returns what scikit-learn made of them."""
        with np.load(self.directory / "answer.npz") as kept:
            return kept["indptr"], kept["indices"], kept["data"]


def _read(folder: Path) -> list[str]:
    text, ends = (folder / "text").read_bytes(), np.load(folder / "ends.npy").tolist()
    return [text[a:b].decode() for a, b in itertools.pairwise(ends)]


def _documents() -> Iterator[bytes]:
    seen: set[bytes] = set()
    for folder in _FOLDERS:
        for parent, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                text = _read_text(Path(parent, name))
                digest = hashlib.blake2b(text, digest_size=16).digest()
                if digest not in seen:
                    seen.add(digest)
                    yield from _cut(text)


def _read_text(path: Path) -> bytes:
    """Returns the text of a file, nothing for what is none."""
    try:
        if path.is_symlink() or path.suffix in (".so", ".pyc", ".a", ".png"):
            return b""
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            text: bytes = file.read(_LARGEST + 1)
        text.decode()
    except (OSError, EOFError, UnicodeDecodeError):
        return b""
    return b"" if len(text) > _LARGEST or b"\0" in text else text


def _cut(text: bytes) -> Iterator[bytes]:
    begin = 0
    while begin < len(text):
        newline = text.find(b"\n", begin + LEAST)
        end = len(text) if newline < 0 else newline + 1
        yield text[begin:end]
        begin = end


def measure_text(library: Library, data: Any) -> Measurement:
    """Times hashing all documents, given as a list of str, and compares with the answer.

    A library has `hash_texts(documents) -> result` and `arrays(result) -> Arrays`. One that knows
    no case but that of ASCII says so by ASCII_ONLY = True: then other documents are hashed, too,
    and not compared. One that makes no matrix has `prepare(documents)`, which is not timed and
    gives what it hashes, and `count(result)`, the number of documents.
    """
    assert isinstance(data, TextRows)
    data.write_files()
    documents = data.documents()
    module = library.module
    prepare = getattr(module, "prepare", list)
    module.hash_texts(prepare(documents[:100]))
    given = prepare(documents)
    process.back_memory(4 * data.size)
    start = time.perf_counter()
    result = module.hash_texts(given)
    seconds = time.perf_counter() - start
    if hasattr(module, "count"):
        if module.count(result) != len(documents):
            raise WrongAnswerError(f"read {module.count(result)} of {len(documents)} documents")
    else:
        only = getattr(module, "ASCII_ONLY", False)
        _check(module.arrays(result), data.answer(), documents, ascii_only=only)
    metrics = {"mb_per_s": data.size / 1e6 / seconds, "seconds": seconds}
    return Measurement(len(documents), False, 0, metrics)


def _check(found: Arrays, expected: Arrays, documents: list[str], *, ascii_only: bool) -> None:
    if not ascii_only:
        for name, ours, theirs in zip(
            ("indptr", "indices", "values"), found, expected, strict=True
        ):
            if ours.dtype != theirs.dtype or not np.array_equal(ours, theirs):
                raise WrongAnswerError(f"the {name} are not those of scikit-learn")
        return
    for row, document in enumerate(documents):
        if document.isascii():
            mine, right = (slice(*arrays[0][row : row + 2]) for arrays in (found, expected))
            if not (
                np.array_equal(found[1][mine], expected[1][right])
                and np.array_equal(found[2][mine], expected[2][right])
            ):
                raise WrongAnswerError(f"document {row} is not as scikit-learn has it")
