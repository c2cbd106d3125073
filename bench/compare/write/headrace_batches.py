"""hr.Writer, 256 rows in each call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import headrace as hr
from compare.write.headrace import read

__all__ = ["read", "write"]


def write(x: Any, y: Any, folder: Path) -> None:
    with hr.Writer(folder) as writer:
        for start in range(0, len(x), 256):
            writer.write(x=x[start : start + 256], y=y[start : start + 256])
