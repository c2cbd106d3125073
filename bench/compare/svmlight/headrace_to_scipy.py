"""The same, and then as one matrix of scipy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compare.svmlight import headrace


def read(path: Path) -> tuple[Any, Any]:
    return headrace.as_scipy(headrace.read(path))
