"""A fragment of text as a histogram of its byte bigrams, hashed into a fixed number of columns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

COLUMN_BITS = 9
COLUMNS = 1 << COLUMN_BITS


def bigram_counts(fragments: list[bytes]) -> npt.NDArray[np.uint16]:
    """Counts the bigrams of each fragment.

    Returns:
        An array (fragments, COLUMNS). A bigram falls into the column that Fibonacci hashing gives
        it; no bigram spans two fragments.
    """
    lengths = np.array([len(fragment) for fragment in fragments], dtype=np.int64)
    text = np.frombuffer(b"".join(fragments), dtype=np.uint8).astype(np.uint32)
    pairs = (text[:-1] << np.uint32(8)) | text[1:]
    columns = (pairs * np.uint32(0x9E3779B1)) >> np.uint32(32 - COLUMN_BITS)
    cells = np.repeat(np.arange(len(fragments)), lengths)[:-1] * COLUMNS + columns
    # The pair that begins with a fragment's last byte ends in the next fragment.
    inside = np.ones(len(pairs), dtype=bool)
    inside[np.cumsum(lengths)[:-1] - 1] = False
    counts = np.bincount(cells[inside], minlength=len(fragments) * COLUMNS)
    return counts.astype(np.uint16).reshape(len(fragments), COLUMNS)


def as_features(counts: npt.NDArray[np.uint16]) -> npt.NDArray[np.float64]:
    """Returns log(1 + count): float64, as the tutorial stores its features."""
    return np.log1p(counts.astype(np.float64))
