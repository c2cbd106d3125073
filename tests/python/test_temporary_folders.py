"""What a killed process leaves in TMPDIR goes when the next one makes a folder there."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from child_processes import running

import headrace as hr
from headrace.stores import temporary_folder
from headrace.stores.temporary_folder import make_folder

_HOLDS_A_CACHE = """
import time
import headrace as hr
ds = hr.from_shards(range(3), lambda sid: {"y": [sid]}, rows=1, version="1")
print(ds[0]["y"], flush=True)
time.sleep(60)
"""


class Owner:
    """What a folder goes with."""


@pytest.fixture
def tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary_folder, "_YOUNG_S", -1.0)
    monkeypatch.setattr(temporary_folder, "_looked", set())
    return tmp_path


def test_the_cache_of_a_killed_process_is_removed_and_no_other(tmp: Path) -> None:
    with (
        running([sys.executable, "-c", _HOLDS_A_CACHE]) as killed,
        running([sys.executable, "-c", _HOLDS_A_CACHE]) as alive,
    ):
        for process in (killed, alive):
            assert process.stdout is not None
            assert process.stdout.readline() == "0\n"
        (tmp / "headrace-cache-of-mine").mkdir()
        before = {path.name for path in tmp.iterdir()}
        assert len(before) == 3
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        ds = hr.from_shards([1], lambda sid: {"y": np.full(1, sid)}, rows=1, version="2")
        assert ds[0]["y"] == 1
        left = {path.name for path in tmp.iterdir()}
        assert len(before & left) == 2
        assert len(left - before) == 1
        del ds
    assert "headrace-cache-of-mine" in {path.name for path in tmp.iterdir()}


def test_folders_of_this_process_stay_until_their_owners_go(tmp: Path) -> None:
    first, second = Owner(), Owner()
    descriptors = len(os.listdir("/proc/self/fd"))
    paths = [make_folder(owner, "cache")[0] for owner in (first, second)]
    assert all(os.path.isdir(path) for path in paths)
    del first
    assert [os.path.isdir(path) for path in paths] == [False, True]
    shutil.rmtree(paths[1])  # by somebody else
    del second
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert list(tmp.iterdir()) == []


def test_young_folders_and_links_are_left_alone(tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = Owner()
    begin = Path(make_folder(owner, "cache")[0]).name[:-8]
    target = tmp / "target"
    target.mkdir()
    (tmp / f"{begin}abcdefgh").symlink_to(target)
    (tmp / f"{begin}bcdefghi").mkdir()
    monkeypatch.setattr(temporary_folder, "_YOUNG_S", 60.0)
    make_folder(owner, "cache")
    assert (tmp / f"{begin}bcdefghi").is_dir()
    temporary_folder._looked.clear()
    os.utime(tmp / f"{begin}bcdefghi", times=(time.time() - 90,) * 2)
    make_folder(owner, "cache")
    assert not (tmp / f"{begin}bcdefghi").exists()
    assert (tmp / f"{begin}abcdefgh").is_symlink()
    assert target.is_dir()


def test_a_process_looks_once(tmp: Path) -> None:
    owner = Owner()
    name = Path(make_folder(owner, "cache")[0]).name[:-8] + "abcdefgh"
    (tmp / name).mkdir()
    make_folder(owner, "cache")  # of thousands, in a TMPDIR of as many files
    assert (tmp / name).is_dir()


def test_where_locks_are_granted_to_anybody_nothing_is_removed(
    tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    descriptors = len(os.listdir("/proc/self/fd"))
    owners = [Owner() for _ in range(3)]
    paths = [make_folder(owner, "cache")[0] for owner in owners]
    assert sorted(map(str, tmp.iterdir())) == sorted(paths)
    del owners
    assert len(os.listdir("/proc/self/fd")) == descriptors
