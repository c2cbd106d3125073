"""hr.cache: __getitem__ once for each row, and then mapped shards."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

import headrace as hr
from headrace.conversion import cached
from headrace.conversion.code_version import code_version

cache = functools.partial(hr.cache, progress=False)


class Slow(Dataset[Any]):
    """Counts its calls in a file, so that those of other processes count as well."""

    def __init__(self, rows: int, log: Path, kind: str = "tuple") -> None:
        self.rows, self.log, self.kind = rows, log, kind

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, row: int) -> Any:
        with self.log.open("a") as log:
            log.write(f"{row}\n")
        if row == 13 and self.kind == "fails":
            raise KeyError("thirteen")
        if self.kind == "dict":
            return {"x": torch.full((2,), float(row)), "t": f"row {row}", "b": bytes([row % 256])}
        if self.kind == "number":
            return row
        return np.full(3, row, np.float32), row

    def calls(self) -> list[int]:
        found = sorted(map(int, self.log.read_text().split()))
        self.log.unlink()
        return found


@pytest.mark.parametrize("num_workers", [0, 2])
def test_each_row_is_made_once_and_then_only_opened(num_workers: int, tmp_path: Path) -> None:
    slow = Slow(300, tmp_path / "log")
    make = functools.partial(
        cache,
        *(slow, tmp_path / "out"),
        num_workers=num_workers,
        multiprocessing_context="fork",
    )
    ds = make()
    assert slow.calls() == list(range(300))
    assert len(ds) == 300
    x, y = ds[123]
    assert (x.tolist(), y) == ([123] * 3, 123)
    assert ds["1"][:].tolist() == list(range(300))
    make()
    assert not slow.log.exists()


def test_dict_rows_keep_their_names_and_kinds(tmp_path: Path) -> None:
    ds = cache(Slow(70, tmp_path / "log", "dict"), tmp_path / "out")
    assert ds[65]["x"].tolist() == [65, 65]
    assert (ds[65]["t"], ds[65]["b"]) == ("row 65", bytes([65]))


def test_a_single_value_is_a_tuple_of_one(tmp_path: Path) -> None:
    ds = cache(Slow(70, tmp_path / "log", "number"), tmp_path / "out")
    assert ds[65] == (65,)


def test_a_row_that_fails_is_named_and_those_before_it_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached, "_LEAST_ROWS", 5)
    slow = Slow(50, tmp_path / "log", "fails")
    with pytest.raises(hr.TransformError, match=r"dataset\[13\] raised KeyError") as caught:
        cache(slow, tmp_path / "out", version="1")
    assert isinstance(caught.value.__cause__, KeyError)
    slow.calls()
    slow.kind = "tuple"
    assert len(cache(slow, tmp_path / "out", version="1")) == 50
    assert slow.calls() == list(range(10, 50))


def test_a_dataset_that_changed_needs_another_directory(tmp_path: Path) -> None:
    one = TensorDataset(torch.arange(3))
    cache(one, tmp_path)
    with pytest.raises(hr.InvalidError, match="new directory"):
        cache(TensorDataset(torch.arange(3) + 1), tmp_path)
    with pytest.raises(hr.InvalidError, match=r"length=3 \(now 4\)"):
        cache(TensorDataset(torch.arange(4)), tmp_path, version=code_version(one))
    assert len(cache(TensorDataset(torch.arange(3)), tmp_path)) == 3


@pytest.mark.parametrize("dataset", [iter([1]), 3, "abc", list])
def test_what_has_no_rows_by_number_is_an_error(dataset: Any, tmp_path: Path) -> None:
    with pytest.raises(hr.InvalidError, match=r"dataset\[i\]"):
        cache(dataset, tmp_path)
    with pytest.raises(hr.InvalidError, match="empty"):
        cache([], tmp_path)


@pytest.mark.parametrize("version", ["", 1])
def test_a_version_is_a_name(version: Any, tmp_path: Path) -> None:
    with pytest.raises(hr.InvalidError, match="version is a str"):
        cache([1, 2], tmp_path / "out", version=version)


def test_rows_that_differ_are_named(tmp_path: Path) -> None:
    with pytest.raises(hr.InvalidError, match=r"dataset\[1\] has the columns \['y'\]"):
        cache([{"x": 1}, {"y": 1}], tmp_path / "a")
    with pytest.raises(hr.InvalidError, match="shape"):
        cache([np.zeros(3), np.zeros(4)], tmp_path / "b")


def test_dict_rows_with_numbers_for_keys_are_no_tuples(tmp_path: Path) -> None:
    with pytest.raises(hr.InvalidError, match=r"dataset\[0\] is a dict with the key 0, .*by str"):
        cache([{0: 1.5, 1: 2.5}], tmp_path / "numbers")
    with pytest.raises(hr.InvalidError, match=r"dataset\[1\] is a dict with the key 0"):
        cache([(1.5, 2.5), {0: 1.5, 1: 2.5}], tmp_path / "mixed")
    ds = cache([{"0": 1.5, "1": 2.5}], tmp_path / "texts")
    assert ds[0] == {"0": 1.5, "1": 2.5}


def test_a_row_with_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(hr.InvalidError, match=r"dataset\[1\] has None as 1, .* return a value"):
        cache([(1, 2), (3, None)], tmp_path / "o")


def test_a_row_that_is_an_object_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        hr.UnsupportedError, match=r"column 'x': row 0 is of the type dict, .*give numbers"
    ):
        cache([{"x": {"y": 1}}], tmp_path / "o")
