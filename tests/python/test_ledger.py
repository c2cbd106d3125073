"""What is known of a conversion's inputs, and what is left to do of them."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.conversion.inputs import Input, Inputs
from headrace.conversion.ledger import Ledger, Record, to_origins


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.csv" for name in "bac"]
    for k, path in enumerate(paths):
        path.write_text("x\n" * (k + 1))
    return paths


def record(found: Input, index: int = 0, count: int = 1, steps: int = 1, **to: Any) -> Record:
    return Record(found.key, found.stamp, index, count, steps, **{"complete": True, **to})


def test_a_glob_is_sorted_and_a_list_keeps_its_order(files: list[Path], tmp_path: Path) -> None:
    by_glob = Inputs(f"{tmp_path}/*.csv", transforms=False)
    assert [os.path.basename(x.item) for x in by_glob] == ["a.csv", "b.csv", "c.csv"]
    by_list = Inputs([files[2], str(files[0])], transforms=False)
    assert [x.item for x in by_list] == [str(files[2]), str(files[0])]
    assert (by_list.count, by_list.size) == (2, 8)


def test_an_input_is_known_by_its_path_however_it_is_given(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {x.key for x in Inputs(f"{tmp_path}/*.csv", transforms=False)}
    monkeypatch.chdir(tmp_path)
    assert {x.key for x in Inputs(["a.csv", Path("b.csv"), "c*"], transforms=True)} == whole


def test_what_is_listed_twice_is_two_inputs(files: list[Path]) -> None:
    keys = [x.key for x in Inputs([files[0], 5, files[0], 5, 5], transforms=True)]
    assert len(set(keys)) == 5
    assert keys == [x.key for x in Inputs([files[0], 5, files[0], 5, 5], transforms=True)]


def test_strings_that_name_no_file_are_items_of_a_transform(files: list[Path]) -> None:
    inputs = Inputs(["https://x/y?z", "word", str(files[0])], transforms=True)
    assert [x.is_file for x in inputs] == [False, False, True]
    assert [type(x.item) for x in inputs] == [str] * 3
    assert inputs.size is None


@pytest.mark.parametrize("items", [range(5), iter("abc"), {"a": 1}.items(), (k for k in range(3))])
def test_items_may_be_anything_to_iterate_over(items: Any) -> None:
    assert len({x.key for x in Inputs(items, transforms=True)}) >= 1


@pytest.mark.parametrize(
    ("given", "transforms", "error", "says"),
    [
        ("no-such-file.csv", False, hr.NotFoundError, "does not exist"),
        ("no-such-*.csv", True, hr.NotFoundError, "no file matches"),
        ([Path("gone.csv")], True, hr.NotFoundError, "does not exist"),
        ([], True, hr.InvalidError, "no inputs"),
        (range(0), True, hr.InvalidError, "no inputs"),
        ([3], False, hr.InvalidError, "transform="),
        (range(3), False, hr.InvalidError, "transform="),
        (3, True, hr.InvalidError, "not 3"),
        (b"x", True, hr.InvalidError, "not b'x'"),
        ("/dev/null", True, hr.UnsupportedError, "neither a file"),
    ],
)
def test_what_is_no_input_is_an_error(
    given: Any, transforms: bool, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        Inputs(given, transforms=transforms)


def test_the_ledger_tells_what_is_left(files: list[Path]) -> None:
    one, two, three = Inputs([*files], transforms=False)
    ledger = Ledger()
    ledger.add(to_origins([record(one), record(two, steps=7, complete=False)]))
    ledger.add(np.array(to_origins([record(three, index=1, count=2)]), np.uint64))
    assert [ledger.is_complete(x) for x in (one, two, three)] == [True, False, False]
    assert ledger.steps(one, 0, 1) is None
    assert ledger.steps(two, 0, 1) == 7
    assert [ledger.steps(three, k, 2) for k in range(2)] == [0, None]
    ledger.add(to_origins([record(two, steps=9), record(three, index=0, count=2)]))
    assert ledger.is_complete(two)
    assert ledger.is_complete(three)
    # What was said before is no news.
    ledger.add(to_origins([record(two, steps=7, complete=False), record(three, index=0, count=2)]))
    assert ledger.is_complete(two)
    assert len(ledger) == 3


def test_a_changed_file_is_an_error(files: list[Path]) -> None:
    ledger = Ledger()
    ledger.add(to_origins(map(record, Inputs([*files], transforms=False))))
    files[1].write_text("other")
    one, two, _ = Inputs([*files], transforms=False)
    assert ledger.is_complete(one)
    with pytest.raises(hr.InvalidError, match=r"a\.csv' has changed since.*new directory"):
        ledger.is_complete(two)


def test_a_file_that_changes_while_it_is_read_is_noticed(files: list[Path]) -> None:
    (found,) = Inputs(str(files[0]), transforms=False)
    assert found.is_unchanged()
    os.utime(files[0], (1, 1))
    assert not found.is_unchanged()
    assert dataclasses.replace(found, is_file=False).is_unchanged()


def test_foreign_records_are_refused(files: list[Path]) -> None:
    (found,) = Inputs(str(files[0]), transforms=False)
    ledger = Ledger()
    with pytest.raises(hr.CorruptError, match="3 numbers"):
        ledger.add([1, 2, 3])
    ledger.add(to_origins([record(found, count=3)]))
    with pytest.raises(hr.InvalidError, match="3 parts and now has 4"):
        ledger.steps(found, 0, 4)
