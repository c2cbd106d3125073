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
    pins = {file.stem: file.read_text().split() for file in files}
    # The packages of the benchmarks' rivals have a folder of their own.
    apart = pins.pop("bench")
    together = [pin for part in pins.values() for pin in part]
    assert len(pins) >= 4
    pattern = r"[a-z0-9-]+==[0-9.]+(\.post[0-9]+)?"
    assert [pin for pin in [*together, *apart] if not re.fullmatch(pattern, pin)] == []
    for names in ([pin.split("==")[0] for pin in part] for part in (together, apart)):
        assert len(set(names)) == len(names)
