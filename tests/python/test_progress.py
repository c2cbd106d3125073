"""The progress of from_items: a function, a bar, or silence."""

from __future__ import annotations

import time
from typing import Any

import pytest

import headrace as hr
import headrace.progress


def sleepy(k: int) -> int:
    time.sleep(0.01)
    return k


def test_progress_is_told_to_a_function() -> None:
    seen: list[Any] = []

    hr.from_items(range(30), sleepy, progress=lambda *x: seen.append(x))
    assert seen[-1] == (30, 30)
    assert 2 <= len(seen) < 15
    assert sorted(seen) == seen
    hr.from_items(iter(range(3)), abs, progress=lambda *x: seen.append(x))
    assert seen[-1] == (3, None)


def test_progress_is_a_bar_of_tqdm(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    hr.from_items(range(30), abs, progress=True)
    assert "30/30" in capsys.readouterr().err
    hr.from_items(range(30), abs)  # stderr is no terminal
    assert capsys.readouterr().err == ""


def test_a_bar_shows_itself_on_a_terminal_after_a_while(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    hr.from_items(range(30), abs)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(headrace.progress, "_QUIET_S", 0.2)
    hr.from_items(range(30), sleepy)
    assert "30/30" in capsys.readouterr().err
    hr.from_items(range(30), abs, progress=False)
    assert capsys.readouterr().err == ""


def test_progress_without_tqdm_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    with pytest.raises(hr.MissingDependencyError, match="pip install tqdm"):
        hr.from_items(range(3), abs, progress=True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert len(hr.from_items(range(3), abs)) == 3
