from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
Tiers = Callable[[int], dict[str, hr.Dataset]]


@pytest.mark.parametrize("tier", ["memory", "raw", "npy"])
@pytest.mark.parametrize("batch_rows", [None, 1, 4, 21, 50])
def test_kept_rows_stay_in_their_order(tier: str, batch_rows: int | None, tiers: Tiers) -> None:
    ds = tiers(21)[tier]
    even = ds.filter(lambda batch: batch["y"] % 2 == 0, batch_rows=batch_rows)
    np.testing.assert_array_equal(even["y"], np.arange(0, 21, 2))
    np.testing.assert_array_equal(even["x"][:, 2], -np.arange(0, 21, 2))
    again = even.filter(lambda batch: batch["x"][:, 0] > 9, batch_rows=batch_rows)
    assert again["y"][:].tolist() == [10, 12, 14, 16, 18, 20]


def test_batches_are_as_the_rows_are(numbered: Numbered) -> None:
    assert len(hr.from_arrays(np.arange(9), np.zeros(9)).filter(lambda b: b[0] > 6)) == 2
    seen: list[int] = []

    def note(batch: Any) -> Any:
        seen.append(len(batch["y"]))
        return batch["y"] >= 0

    numbered(10).filter(note, batch_rows=4)
    assert seen == [4, 4, 2]


@pytest.mark.parametrize("mask", [lambda y: (y > 6).tolist(), lambda y: torch.from_numpy(y) > 6])
def test_masks_may_be_lists_or_tensors(mask: Callable[[Any], Any], numbered: Numbered) -> None:
    assert numbered(9).filter(lambda batch: mask(batch["y"]))["y"][:].tolist() == [7, 8]


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (lambda b: None, r"returned None for rows 0 to 3; .*return missing"),
        (lambda b: b["y"] < 0, "keeps none of 10 rows, .*True for each row to keep"),
        (lambda b: b["y"], 'int64 values for rows 0 to 3; .*"y"'),
        (lambda b: b["x"] > 0, r"shape \(4, 3\) for rows 0 to 3; .*\(4,\)"),
        (lambda b: (b["y"] >= 0)[:3], r"shape \(3,\)"),
        (lambda b: True, r"shape \(\)"),
        (lambda b: b["y"] if 9 in b["y"] else b["y"] > 0, "int64 values for rows 8 to 9"),
        (lambda b: [[True], [True, False]], "no array"),
        ("y", "a function of batches, not a str"),
    ],
)
def test_filters_that_cannot_be_right(fn: Any, message: str, numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        numbered(10).filter(fn, batch_rows=4)


def test_an_exception_names_its_rows(numbered: Numbered) -> None:
    with pytest.raises(hr.TransformError, match=r"ZeroDivisionError for rows 4 to 7: ") as caught:
        numbered(10).filter(lambda b: b["y"] > (1 // 0 if 5 in b["y"] else 0), batch_rows=4)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.row == 4


@pytest.mark.parametrize("batch_rows", [0, 2.5])
def test_batches_have_rows(batch_rows: Any, numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError, match="batch_rows must"):
        numbered(4).filter(lambda batch: batch["y"] > 0, batch_rows=batch_rows)
