from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
Tiers = Callable[[int], dict[str, hr.Dataset]]


@pytest.mark.parametrize("rows", [2, 10, 4095, 4097, 10_001])
@pytest.mark.parametrize("fractions", [0.5, [0.5, 0.5], [0.1, 0.2, 0.7], [1 / 3] * 3])
def test_parts_hold_each_row_once_in_order(rows: int, fractions: Any, numbered: Numbered) -> None:
    parts = [0.5, 0.5] if fractions == 0.5 else fractions
    bounds = [round(sum(parts[:k]) * rows) for k in range(len(parts) + 1)]
    totals = [stop - start for start, stop in itertools.pairwise(bounds)]
    if 0 in totals:
        with pytest.raises(hr.InvalidError, match="zero rows"):
            numbered(rows).split(fractions, seed=3)
        return
    found = [part["y"][:] for part in numbered(rows).split(fractions, seed=3)]
    assert [len(part) for part in found] == totals
    assert all((np.diff(part) > 0).all() for part in found)
    assert sorted(np.concatenate(found).tolist()) == list(range(rows))


def test_a_split_depends_on_the_seed_alone(tiers: Tiers) -> None:
    found = {name: ds.split(0.5, seed=1)[0]["y"][:].tolist() for name, ds in tiers(100).items()}
    assert found["memory"] == found["raw"] == found["npy"]


def test_other_seeds_give_other_splits(numbered: Numbered) -> None:
    ds = numbered(100)
    splits = [tuple(ds.split(0.5, seed=seed)[0]["y"][:].tolist()) for seed in range(5)]
    assert len(set(splits)) == 5


def test_a_split_by_file_keeps_files_whole_and_in_their_part(tmp_path: Path) -> None:
    def rows_by_part(files: int) -> list[set[int]]:
        for k in range(files):
            np.full(5, k).tofile(tmp_path / f"{k:03}.bin")
        parts = hr.memmap(f"{tmp_path}/*.bin", dtype="int64").split(0.7, seed=2, by="file")
        assert sum(map(len, parts)) == 5 * files
        return [set(part["0"][:].tolist()) for part in parts]

    train, test = rows_by_part(60)
    assert not train & test
    assert 25 <= len(train) <= 55
    more_train, more_test = rows_by_part(90)
    assert train <= more_train
    assert test <= more_test


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        (0.0, "between 0 and 1"),
        (1.0, "between 0 and 1"),
        (1.5, "between 0 and 1"),
        (float("nan"), "between 0 and 1"),
        ([0.5, 0.4], "sum to 1; .* sums to 0.9"),
        ([1.0], "two parts"),
        ([], "two parts"),
        (["a", "b"], "numbers"),
        (0.001, "part 0 of the split .* zero rows"),
    ],
)
def test_splits_that_cannot_be_right(fractions: Any, message: str, numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        numbered(100).split(fractions)


def test_arguments_of_split_are_checked(numbered: Numbered) -> None:
    ds = numbered(100)
    with pytest.raises(hr.InvalidError, match="without files"):
        ds.split(0.5, by="file")
    with pytest.raises(hr.InvalidError, match="by='class'"):
        ds.split(0.5, by="class")  # type: ignore[arg-type]
    with pytest.raises(hr.InvalidError, match="seed must lie between 0"):
        ds.split(0.5, seed=-1)


@pytest.mark.parametrize("fraction", [np.float32(0.75), np.float64(0.75), np.array(0.75)])
def test_a_fraction_may_be_a_number_of_numpy(fraction: Any, numbered: Numbered) -> None:
    train, test = numbered(100).split(fraction)
    assert (len(train), len(test)) == (75, 25)


@pytest.mark.parametrize("fraction", [None, "half", ["a", "b"], {}, object()])
def test_what_is_no_fraction_is_refused(fraction: Any, numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError):
        numbered(10).split(fraction)
