"""scikit-learn: HashingVectorizer(n_features=2**18, ngram_range=(1, 2)).transform(documents)."""

from __future__ import annotations

from typing import Any

from sklearn.feature_extraction.text import HashingVectorizer

from compare.text_hash.headrace import arrays
from harness.text import OPTIONS

__all__ = ["arrays", "hash_texts"]


def hash_texts(documents: list[str]) -> Any:
    return HashingVectorizer(**OPTIONS).transform(documents)
