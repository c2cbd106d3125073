"""What shards that a function loads are known by in a cache: its code, or a version, and more."""

from __future__ import annotations

import functools
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

RunScript = Callable[..., subprocess.CompletedProcess[str]]


def test_a_changed_function_does_not_find_what_the_old_one_loaded(tmp_path: Path) -> None:
    def define(value: int) -> Callable[[str], Any]:
        return lambda sid: {"x": np.full(3, value)}

    for value in (1, 2, 1):
        ds = hr.from_shards(["a", "b"], define(value), cache=tmp_path)
        assert ds["x"][:].tolist() == [value] * 6
    for value in (3, 4):  # the same, says its author
        ds = hr.from_shards(["a", "b"], define(value), cache=tmp_path, version="same")
        assert ds["x"][:].tolist() == [3] * 6
    lock = threading.Lock()
    with pytest.raises(hr.InvalidError, match=r"version of load.*version='1'"):
        hr.from_shards(["a"], lambda sid: np.full(3, lock.locked()), cache=tmp_path)


class Labelled:
    """What a function may be bound to."""

    def __init__(self, label: Any, token: str = "") -> None:
        self.label = label
        self._token = token
        self.lock = threading.Lock()

    def load(self, sid: str) -> Any:
        return np.full(3, int(np.sum(self.label)) + len(sid))

    def __call__(self, sid: str) -> Any:
        return self.load(sid)


class Slotted(Labelled):
    """With an attribute in a slot, beside those that are not."""

    __slots__ = ("more",)

    def __init__(self, more: int) -> None:
        super().__init__(0)
        self.more = more

    def load(self, sid: str) -> Any:
        return super().load(sid) + self.more


@dataclass(slots=True)
class Rooted:
    """Whose only attribute is in a slot."""

    label: int

    def load(self, sid: str) -> Any:
        return np.full(3, self.label + len(sid))


def load_labelled(label: int, sid: str, *, more: int = 0) -> Any:
    return np.full(3, label + more + len(sid))


def test_a_named_version_does_not_stand_for_what_a_function_is_called_with(tmp_path: Path) -> None:
    loads: dict[Any, list[Any]] = {
        "argument": [functools.partial(load_labelled, label) for label in (1, 2)],
        "keyword": [functools.partial(load_labelled, 0, more=label) for label in (1, 2)],
        "method": [Labelled(label).load for label in (1, np.int64(2))],
        "object": [Labelled(label) for label in ((1,), (1, 1))],
        "slot": [Slotted(label).load for label in (1, 2)],
        "slots": [Rooted(label).load for label in (1, 2)],
    }
    for kind, (first, second) in loads.items():
        for load, value in ((first, 2), (second, 3), (first, 2)):
            ds = hr.from_shards(["a"], load, cache=tmp_path / kind, version="1")
            assert ds["0"][:].tolist() == [value] * 3, kind
    for token in "xy":
        hr.from_shards(["a"], Labelled(1, token).load, cache=tmp_path / "token", version="1")
    assert len(list((tmp_path / "token").glob("*.loads.json"))) == 1


def test_a_class_of_a_notebook_has_no_file(run_script: RunScript) -> None:
    done = run_script(
        """
        import numpy as np
        import headrace as hr
        class Source:
            def __call__(self, sid):
                return np.arange(3)
        for version in None, "1":
            print(len(hr.from_shards(["a"], Source(), version=version)))
        """
    )
    assert (done.stdout, done.stderr) == ("3\n3\n", "")
