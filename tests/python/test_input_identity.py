"""What is known again by a later call of hr.convert, and what is an error since it cannot be."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.conversion import input_identity
from headrace.conversion.input_identity import identity_of_item, is_by_position
from headrace.conversion.inputs import Input, Inputs
from headrace.conversion.ledger import Ledger, Record, to_origins

RunScript = Callable[..., Any]

KEYS = [10737460281362493389, 8654856050347303100, 13592970658690435351, 1285209184147574863]
KEY_OF_POSITION_3 = 16022907079501166809
KEY_OF_A_PATH = 15452296852019003534


@dataclass
class Point:
    """An item of a class of the user's."""

    x: int


class Unseen:
    """An item whose value is hidden, and that pickle can send."""

    __slots__ = ("__weakref__", "_hidden")

    def __init__(self, x: int) -> None:
        self._hidden = memoryview(bytes([x]))

    @property
    def x(self) -> int:
        """What it is."""
        return self._hidden[0]

    def __reduce__(self) -> Any:
        return Unseen, (self.x,)


class Closed(Unseen):
    """An item of which nothing can be seen."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        raise TypeError("cannot be pickled")


def x_of(item: Any) -> dict[str, Any]:
    return {"x": np.array([item if isinstance(item, int) else item.x])}


def fails_at_3(item: Any) -> dict[str, Any]:
    if item.x == 3:
        raise KeyError("three")
    return x_of(item)


def convert(items: Any, directory: Path, **to: Any) -> list[int]:
    given = {"transform": x_of, "version": "1", "progress": False, **to}
    found: list[int] = hr.convert(items, directory, **given)["x"][:].tolist()
    return found


def unseen(*numbers: int) -> list[Any]:
    return [Unseen(x) for x in numbers]


def test_the_identities_of_before_are_those_of_now() -> None:
    # Datasets name their inputs by these numbers: another one would convert them again.
    table = [(5, 0), ("word", 0), ({"a": [1, 2.5]}, 0), (np.arange(3, dtype=np.int32), 0)]
    assert [identity_of_item(*given, count=1).key for given in table] == KEYS
    assert [key.former for key in Inputs([5, "word"], transforms=True)] == [None, None]
    assert identity_of_item(Unseen(1), 3, 5).key == KEY_OF_POSITION_3
    (found,) = Inputs("/etc/hostname", transforms=True)
    assert found.key == KEY_OF_A_PATH


def test_an_item_is_the_same_when_the_code_of_its_class_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [Point(1), Point(2)]
    assert convert(points, tmp_path) == [1, 2]
    before = identity_of_item(points[0], 0, 2)
    monkeypatch.setattr(Point, "area", lambda self: self.x**2, raising=False)
    assert identity_of_item(points[0], 0, 2).key == before.key
    assert identity_of_item(points[0], 0, 2).former != before.former
    assert convert([Point(3), *points], tmp_path) == [1, 2, 3]


def test_a_ledger_of_before_knows_items_by_the_code_of_their_class() -> None:
    listed = list(Inputs([Point(1), Point(1), Point(2)], transforms=True))
    assert all(found.former is not None for found in listed)
    ledger = Ledger()
    ledger.add(to_origins([_record(found.former or 0) for found in listed[:2]]))
    found = [ledger.recognize(one, k) for k, one in enumerate(listed)]
    assert [ledger.is_complete(one) for one in found] == [True, True, False]


def _record(key: int, stamp: int = 0) -> Record:
    return Record(key, stamp, 0, 1, 1, complete=True)


def test_what_pickle_would_send_tells_items_apart_in_every_process(run_script: RunScript) -> None:
    pytest.importorskip("pyarrow")
    script = """
        import pyarrow as pa
        from headrace.conversion.input_identity import identity_of_item
        items = [pa.table({"x": [1]}), pa.table({"x": [2]}), {"t": pa.array([1]), "s": {"b", "a"}}]
        print([identity_of_item(item, 0, 3)[:2] for item in items])
    """
    first, second = (run_script(script, PYTHONHASHSEED=seed) for seed in "12")
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    identities = ast.literal_eval(first.stdout)
    assert len({key for key, _ in identities}) == 1
    assert len({stamp for _, stamp in identities}) == 3
    assert all(is_by_position(stamp) for _, stamp in identities)


@pytest.mark.parametrize("lazy", [False, True])
def test_items_by_position_go_on_where_they_were(lazy: bool, tmp_path: Path) -> None:
    def given(*numbers: int) -> Any:
        return (item for item in unseen(*numbers)) if lazy else unseen(*numbers)

    assert convert(given(1, 2), tmp_path) == [1, 2]
    assert convert(given(1, 2, 2, 3), tmp_path) == [1, 2, 2, 3]
    assert convert(given(1, 2, 2, 3), tmp_path) == [1, 2, 2, 3]
    assert convert(given(1), tmp_path) == [1, 2, 2, 3]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (unseen(1, 2), unseen(0, 1, 2)),
        (unseen(1, 2), unseen(2, 1)),
        (unseen(1, 2), unseen(3, 4)),
        (unseen(1, 2, 3), unseen(1, 3)),
        (unseen(1), [7, *unseen(1)]),
        (unseen(1), [7, *unseen(2)]),
        ([7, *unseen(1)], unseen(1)),
        ([7, *unseen(1)], [7, 8, *unseen(1)]),
        ([Closed(1)], [Closed(1), Closed(2)]),
        ([Closed(1)], [7, Closed(1)]),
    ],
)
def test_items_by_position_that_stand_elsewhere_are_an_error(
    before: list[Any], now: list[Any], tmp_path: Path
) -> None:
    rows = convert(before, tmp_path)
    with pytest.raises(hr.InvalidError, match=r"item \d \(.*known by its position.*in their order"):
        convert(now, tmp_path)
    found = hr.open(tmp_path)["x"][:].tolist()
    assert found[: len(rows)] == rows
    assert all(x in (7, 8) for x in found[len(rows) :])
    assert convert(before, tmp_path) == found


def test_items_by_value_may_come_in_any_order(tmp_path: Path) -> None:
    assert convert([3, *unseen(1), 5], tmp_path) == [3, 1, 5]
    assert convert([5, *unseen(1), 4, 3], tmp_path) == [3, 1, 5, 4]
    assert convert([9, 3], tmp_path) == [3, 1, 5, 4, 9]


def test_an_item_by_position_that_failed_is_tried_again(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="1 inputs"):
        first = convert(unseen(1, 3, 4), tmp_path, transform=fails_at_3, errors="skip")
    assert first == [1, 4]
    assert convert(unseen(1, 3, 4), tmp_path) == [1, 4, 3]


def test_a_ledger_that_knows_nothing_but_positions_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(input_identity, "_stamp_of_unseen", lambda item, count: 0)
        assert convert(unseen(1, 2), tmp_path) == [1, 2]
    assert convert(unseen(1, 2, 3), tmp_path) == [1, 2, 3]
    with pytest.raises(hr.InvalidError, match="known by its position"):
        convert(unseen(1, 2, 4), tmp_path)


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A folder `real` of two files, and a link `link` to it."""
    (tmp_path / "real").mkdir()
    for name in "ab":
        (tmp_path / "real" / f"{name}.csv").write_text("x\n1\n")
    (tmp_path / "link").symlink_to("real")
    return tmp_path


def read_csv(inputs: Any, directory: Path) -> int:
    return len(hr.convert(inputs, directory, progress=False))


def test_a_link_to_a_folder_is_that_folder(linked: Path) -> None:
    pytest.importorskip("pyarrow")
    assert read_csv(f"{linked}/real/*.csv", linked / "out") == 2
    assert read_csv(f"{linked}/link/*.csv", linked / "out") == 2
    (linked / "real" / "c.csv").symlink_to("a.csv")
    assert read_csv(f"{linked}/link/*.csv", linked / "out") == 3


@pytest.mark.parametrize("both", [False, True])
def test_a_ledger_of_before_knows_links_by_their_own_path(
    both: bool, linked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    files = [linked / "link" / "a.csv", linked / "real" / "a.csv"][: 1 + both]
    with monkeypatch.context() as before:
        before.setattr(os.path, "realpath", lambda path: path)
        assert read_csv(files, linked / "out") == 1 + both
    assert read_csv(files, linked / "out") == 1 + both
    assert read_csv([*files, linked / "real" / "b.csv"], linked / "out") == 2 + both


def test_how_many_inputs_of_before_are_not_named_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Any] = []
    convert([1, 2, 3], tmp_path, progress=seen.append)
    assert seen[-1].unnamed == 0
    convert([3, 4], tmp_path, progress=seen.append)
    assert seen[-1].unnamed == 2
    capsys.readouterr()
    convert([4], tmp_path, progress=True)
    assert "rows of 3 inputs stay that were converted before" in capsys.readouterr().err
    convert([1, 2, 3, 4], tmp_path, progress=True)
    assert capsys.readouterr().err == ""


def test_an_input_is_recognized_once() -> None:
    (found,) = Inputs([5], transforms=True)
    assert isinstance(found, Input)
    ledger = Ledger()
    ledger.add(to_origins([_record(found.key)]))
    assert ledger.unnamed == 1
    ledger.recognize(found, 0)
    ledger.recognize(found, 1)
    assert ledger.unnamed == 0
