"""Facts that stand in two files agree."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def find(name: str, pattern: str) -> str:
    match = re.search(pattern, (ROOT / name).read_text(), re.MULTILINE)
    assert match is not None, f"{name} lacks {pattern}"
    return match[1]


def test_the_version_is_one() -> None:
    version = find("pyproject.toml", r'^version = "(.+)"$')
    assert find("CMakeLists.txt", r"^project\(headrace VERSION (\S+)") == version
    assert find("python/headrace/__init__.py", r'^__version__ = "(.+)"$') == version


def test_pip_and_make_build_with_the_same_tools() -> None:
    requires = set(re.findall(r'"([^"]+)"', find("pyproject.toml", r"^requires = \[(.*)\]$")))
    pins = set((ROOT / "tools" / "requirements" / "build.txt").read_text().split())
    assert requires <= pins
    assert len(requires) == 2


def test_every_python_package_is_pinned() -> None:
    files = sorted((ROOT / "tools" / "requirements").glob("*.txt"))
    pins = [pin for file in files for pin in file.read_text().split()]
    assert len(files) >= 4
    assert [pin for pin in pins if not re.fullmatch(r"[a-z0-9-]+==[0-9.]+", pin)] == []
    assert len({pin.split("==")[0] for pin in pins}) == len(pins)
