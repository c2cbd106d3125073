"""How many rows each part of a split gets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np

from headrace.errors import InvalidError


def split_fractions(fractions: float | Sequence[float]) -> list[float]:
    """Returns the parts of a split; one number f means the parts f and 1 - f."""
    if _is_number(fractions):
        first = _number(fractions)
        parts = [first, 1.0 - first]
    elif isinstance(fractions, Iterable) and not isinstance(fractions, (str, bytes)):
        parts = [_number(part) for part in fractions]
    else:
        raise InvalidError(f"a split is a number or several, between 0 and 1; found {fractions!r}")
    if len(parts) < 2:
        raise InvalidError(f"a split needs two parts or more; {fractions!r} gives {len(parts)}")
    if not all(0.0 < part < 1.0 for part in parts):
        raise InvalidError(f"each part of a split lies between 0 and 1; found {fractions!r}")
    total = math.fsum(parts)
    if abs(total - 1.0) > 1e-9:
        raise InvalidError(f"the parts of a split sum to 1; {fractions!r} sums to {total:.12g}")
    return parts


def split_totals(rows: int, parts: Sequence[float]) -> list[int]:
    """Returns exact totals that sum to `rows`: the running sums, rounded.

    Raises:
        InvalidError: If a part would have zero rows.
    """
    bounds = [round(Fraction(math.fsum(parts[:k])) * rows) for k in range(len(parts))] + [rows]
    totals = [bounds[k + 1] - bounds[k] for k in range(len(parts))]
    check_totals(rows, parts, totals)
    return totals


def check_totals(rows: int, parts: Sequence[float], totals: Sequence[int]) -> None:
    """Raises InvalidError if a part has zero rows."""
    for position, total in enumerate(totals):
        if total == 0:
            raise InvalidError(
                f"part {position} of the split ({parts[position]:g} of {rows} rows) would have "
                "zero rows; give it a larger fraction"
            )


def _is_number(part: object) -> bool:
    single = isinstance(part, np.ndarray) and part.ndim == 0
    return single or isinstance(part, (int, float, np.number))


def _number(part: object) -> float:
    if not _is_number(part):
        raise InvalidError(f"the parts of a split are numbers between 0 and 1; found {part!r}")
    try:
        return float(part)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InvalidError(f"{part!r} is no number between 0 and 1") from None
