"""A fragment of text as a row: its words and pairs of words, counted by their hash, scaled.

Natively by `hr.text.Hasher`; and as the loop over words that such features are usually made with.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

import headrace as hr

COLUMNS = 1 << 10
HASHER = hr.text.Hasher(
    COLUMNS, ngram_range=(1, 2), alternate_sign=False, dtype="float32", decode_error="replace"
)
COUNTER = hr.text.Hasher(
    COLUMNS, ngram_range=(1, 2), alternate_sign=False, norm=None, decode_error="replace"
)

_WORD = re.compile(r"\b\w\w+\b")


@dataclass(frozen=True)
class LoopRow:
    """A row that the loop made, by column, and how many words and pairs it counted."""

    entries: dict[int, float]
    counted: int


def loop_rows(fragments: Iterable[bytes]) -> Iterator[LoopRow]:
    """Makes rows in plain Python."""
    for fragment in fragments:
        words = _WORD.findall(fragment.decode("utf-8", "replace").lower())
        row: dict[int, float] = {}
        for feature in [*words, *map(" ".join, pairwise(words))]:
            column = zlib.crc32(feature.encode()) % COLUMNS
            row[column] = row.get(column, 0.0) + 1.0
        counted = sum(row.values())
        length = math.sqrt(sum(count * count for count in row.values())) or 1.0
        yield LoopRow({column: count / length for column, count in row.items()}, round(counted))


def as_matrix(rows: Iterable[LoopRow]) -> sparse.csr_matrix:
    """Returns rows of the loop as a matrix: what they are stored as."""
    columns: list[int] = []
    values: list[float] = []
    ends = [0]
    for row in rows:
        columns.extend(row.entries)
        values.extend(row.entries.values())
        ends.append(len(columns))
    shape = (len(ends) - 1, COLUMNS)
    return sparse.csr_matrix((np.array(values, np.float32), columns, ends), shape)


def native_counts(fragments: list[bytes]) -> list[float]:
    """Returns how many words and pairs the native code finds in each fragment."""
    counts: list[float] = np.asarray(COUNTER.transform(fragments).sum(axis=1)).ravel().tolist()
    return counts
