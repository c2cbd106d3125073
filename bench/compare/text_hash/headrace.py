"""hr.text.Hasher(2**18, ngram_range=(1, 2)).transform(documents): all cores."""

from __future__ import annotations

from typing import Any

import headrace as hr
from harness.text import OPTIONS, Arrays


def hash_texts(documents: list[str], *, threads: int | None = None) -> Any:
    return hr.text.Hasher(**OPTIONS).transform(documents, threads=threads)


def arrays(result: Any) -> Arrays:
    return result.indptr, result.indices, result.data
