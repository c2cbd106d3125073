"""The same with threads=1."""

from __future__ import annotations

from typing import Any

from compare.text_hash import headrace
from compare.text_hash.headrace import arrays

__all__ = ["arrays", "hash_texts"]


def hash_texts(documents: list[str]) -> Any:
    return headrace.hash_texts(documents, threads=1)
