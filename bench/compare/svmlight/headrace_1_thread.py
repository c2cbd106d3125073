"""The same with threads=1."""

from __future__ import annotations

from pathlib import Path

import headrace as hr
from compare.svmlight import headrace
from compare.svmlight.headrace import as_scipy

__all__ = ["as_scipy", "read"]


def read(path: Path) -> hr.Dataset:
    return headrace.read(path, threads=1)
