"""`headrace cache`: what a shell sees of a cache of remote shards, and what it removes."""

import fcntl
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from headrace.cli.program import main

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
BEFORE = str(UUID(int=77))
DATASETS = [str(UUID(int=number)) for number in (1, 2)]
TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# Shards that headrace has downloaded. It is safe to remove this directory while nothing uses "
    "it.\n"
)
_SET_LOCK_OF_OPENING = 37  # F_OFD_SETLK


def shard_name(dataset: str, number: int, suffix: str = "shard") -> str:
    """Returns the name of a file of a shard."""
    return f"{dataset}.{UUID(int=number)}.{number:016x}.{suffix}"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with three free shards, one of before a restart, a leftover, and somebody's file."""
    directory = tmp_path / "cache"
    (directory / BOOT).mkdir(parents=True)
    (directory / BEFORE).mkdir()
    (directory / "CACHEDIR.TAG").write_text(TAG)
    for dataset, number in ((DATASETS[0], 1), (DATASETS[0], 2), (DATASETS[1], 3)):
        (directory / BOOT / shard_name(dataset, number)).write_bytes(bytes(5000))
    (directory / BEFORE / shard_name(DATASETS[1], 4)).write_bytes(bytes(5000))
    (directory / BOOT / shard_name(DATASETS[1], 5, "part")).write_bytes(bytes(4000))
    (directory / "notes\x1b[31m.txt").write_text("mine")
    return directory


@pytest.fixture
def member(cache: Path) -> Iterator[None]:
    """This process among those that use the cache."""
    descriptor = os.open(cache / "pins", os.O_RDWR | os.O_CREAT, 0o666)
    write_lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)
    fcntl.fcntl(descriptor, _SET_LOCK_OF_OPENING, write_lock)
    yield
    os.close(descriptor)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Runs the command with --json; returns the object."""
    assert main(["cache", *arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


@pytest.mark.usefixtures("member")
def test_json_says_what_lies_there_and_who_uses_it(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = shown(capsys, str(cache))
    (user,) = found.pop("users")
    assert user.pop("program")
    assert user == {
        "process": os.getpid(),
        "pinned_shards": 0,
        "pinned_bytes": 0,
        "fetched_shards": 0,
    }
    assert found == {
        "format": 1,
        "directory": str(cache),
        "limit_bytes": None,
        "bytes": 4 * 8192 + 4096,
        "free": {"files": 4, "bytes": 4 * 8192},
        "pinned": {"files": 0, "bytes": 0},
        "fetched": {"files": 0, "bytes": 0},
        "leftover": {"files": 1, "bytes": 4096},
        "unchecked": {"files": 1, "bytes": 8192},
        "datasets": [
            {"dataset": DATASETS[0], "files": 2, "bytes": 2 * 8192, "pinned": 0},
            {"dataset": DATASETS[1], "files": 3, "bytes": 2 * 8192 + 4096, "pinned": 0},
        ],
        "unseen_users": 0,
        "foreign": [str(cache / "notes\x1b[31m.txt")],
        "private_directories": [],
    }


@pytest.mark.usefixtures("member")
def test_a_shell_sees_the_same_without_control_characters(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", str(cache)]) == 0
    said = capsys.readouterr().out
    for text in (str(cache), "unknown", "36.9 KB", "4, 32.8 KB", "dead", str(os.getpid())):
        assert text in said
    for dataset in DATASETS:
        assert dataset in said
    assert r"notes\x1b[31m.txt" in said
    assert "\x1b" not in said


def test_clean_removes_what_nobody_needs_and_no_file_of_others(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cache / BOOT / "mine.shard").write_text("mine")
    assert main(["cache", str(cache), "--clean"]) == 0
    assert capsys.readouterr().out == "removed: 4 shards and 1 leftover, 36.9 KB\n"
    left = {path.name for path in cache.rglob("*") if path.is_file()}
    assert left == {"CACHEDIR.TAG", "ledger", "pins", "notes\x1b[31m.txt", "mine.shard"}
    assert not (cache / BEFORE).exists()
    assert shown(capsys, str(cache), "--clean") == {
        "format": 1,
        "directory": str(cache),
        "removed_shards": 0,
        "removed_leftovers": 0,
        "removed_bytes": 0,
        "kept_shards": 0,
        "kept_bytes": 0,
    }


@pytest.mark.parametrize("options", [[], ["--clean"]])
def test_another_directory_is_an_error_and_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    (tmp_path / "precious").write_text("mine")
    assert main(["cache", str(tmp_path), *options]) == 1
    assert "is no cache" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
    assert main(["cache", str(tmp_path / "absent"), *options]) == 1
    assert "absent" in capsys.readouterr().err
