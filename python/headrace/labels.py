"""Labels as class ids: `Dataset.encode_labels`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headrace.errors import InvalidError, UnsupportedError

if TYPE_CHECKING:
    from headrace.column import Column
    from headrace.schema import Field

Label = str | bytes | int | bool
_CHUNK_ROWS = 1 << 10  # text of a store has to be in the cache together where it is read together


def encode(column: Column, field: Field, classes: object) -> tuple[NDArray[np.int64], list[Label]]:
    """Returns the class id of each row, and the classes: sorted labels, or those that are given.

    Raises:
        InvalidError: If a row's label is not among the given classes, or these repeat.
        UnsupportedError: If the column holds no labels.
    """
    _check_column(field)
    given = None if classes is None else _checked_classes(field, classes)
    numbers: dict[Label, int] = {label: k for k, label in enumerate(given or [])}
    ids = np.empty(len(column), np.int64)
    for first in range(0, len(column), _CHUNK_ROWS):
        values = column[first : first + _CHUNK_ROWS]
        labels = values.tolist() if isinstance(values, np.ndarray) else values
        if given is None:
            found = [numbers.setdefault(label, len(numbers)) for label in labels]
        else:
            found = _known_ids(field, labels, numbers, first)
        ids[first : first + len(found)] = found
    if given is not None:
        return ids, given
    ordered = sorted(numbers)
    place = np.empty(len(ordered), np.int64)
    place[[numbers[label] for label in ordered]] = np.arange(len(ordered))
    return place[ids], ordered


def _known_ids(
    field: Field, labels: list[Label], numbers: dict[Label, int], first: int
) -> list[int]:
    try:
        return [numbers[label] for label in labels]
    except KeyError as error:
        (label,) = error.args
        row = first + labels.index(label)
        raise InvalidError(
            f"column {field.name!r}: row {row} has the label {label!r}, which is none of the "
            f"{len(numbers)} classes; add it to classes=, or leave such rows out with subset",
            column=field.name,
            row=row,
        ) from None


def _check_column(field: Field) -> None:
    scalar = field.is_tensor and not field.row_shape
    if field.kind in ("text", "bytes") or (scalar and "float" not in field.dtype):
        return
    raise UnsupportedError(
        f"{field!r} holds no labels: labels are text, bytes, whole numbers or bool, one for each "
        "row",
        column=field.name,
    )


def _checked_classes(field: Field, classes: Any) -> list[Label]:
    if isinstance(classes, (str, bytes)) or not isinstance(classes, Iterable):
        raise InvalidError(f"classes= is a list of labels, not {classes!r}", column=field.name)
    labels = [c.item() if isinstance(c, np.generic) else c for c in classes]
    wanted = str if field.kind == "text" else bytes if field.kind == "bytes" else int
    for label in labels:
        if not isinstance(label, wanted):
            raise InvalidError(
                f"classes= of column {field!r} are {wanted.__name__}; found {label!r}",
                column=field.name,
            )
    if len(set(labels)) < len(labels):
        repeated = next(label for k, label in enumerate(labels) if label in labels[:k])
        raise InvalidError(f"classes= has {repeated!r} more than once", column=field.name)
    return labels
