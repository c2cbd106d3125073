"""sklearn.datasets.load_svmlight_file(path)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sklearn.datasets import load_svmlight_file

PACKAGE = "sklearn"


def read(path: Path) -> tuple[Any, Any]:
    x, y = load_svmlight_file(str(path))
    return x, y
