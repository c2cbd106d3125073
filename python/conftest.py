"""Doctests of the package run in an empty folder of their own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the test's temporary folder the current one."""
    monkeypatch.chdir(tmp_path)
