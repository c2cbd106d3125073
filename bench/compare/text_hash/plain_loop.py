"""A Python loop: re.findall, murmurhash3_32 of scikit-learn, a dict for each document."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
from sklearn.utils import murmurhash3_32

from harness.text import OPTIONS, Arrays

_WORD = re.compile(r"\b\w\w+\b")
_COLUMNS = OPTIONS["n_features"]


def hash_texts(documents: list[str]) -> Arrays:
    indptr, indices, values = [0], [], []
    for document in documents:
        words = _WORD.findall(document.lower())
        counts: dict[int, int] = {}
        for feature in (*words, *map(" ".join, itertools.pairwise(words))):
            hashed = murmurhash3_32(feature)
            column = abs(hashed) % _COLUMNS
            counts[column] = counts.get(column, 0) + (1 if hashed >= 0 else -1)
        norm = math.sqrt(sum(count * count for count in counts.values())) or 1.0
        for column in sorted(counts):
            indices.append(column)
            values.append(counts[column] / norm)
        indptr.append(len(indices))
    return np.array(indptr, np.int32), np.array(indices, np.int32), np.array(values)


def arrays(result: Arrays) -> Arrays:
    return result
