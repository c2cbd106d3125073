"""Files that are there and cannot be read: every reader of files says which, and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_modes import modes_that_count

import headrace as hr

pytest.importorskip("scipy.sparse")

LINES = Path(__file__).resolve().parents[1] / "testing" / "lines_transform.c"

Read = Callable[[Path], Any]


def lines() -> hr.native.NativeTransform:
    return hr.native.load(LINES)


def convert(path: Path, **options: Any) -> hr.Dataset:
    dataset: hr.Dataset = hr.convert(path, path.parent / "out", progress=False, **options)
    return dataset


HASHER = hr.text.Hasher(64)

# By what reads: the name of a file that it takes, and the reading.
READERS: dict[str, tuple[str, Read]] = {
    "files": ("a.bin", lambda path: hr.files(str(path))[0]),
    "files in a Loader": ("a.bin", lambda path: list(hr.Loader(hr.files(str(path)), batch_size=1))),
    "native": ("a.txt", lambda path: lines()(str(path), seed=1)),
    "native map": ("a.txt", lambda path: list(lines().map([path]))),
    "native convert": ("a.txt", lambda path: convert(path, transform=lines())),
    "text": ("a.txt", lambda path: list(HASHER.transform_files(path))),
    "text convert": ("a.txt", lambda path: convert(path, transform=HASHER.file_transform())),
    "svmlight": ("a.svm", hr.read_svmlight),
    "svmlight in steps": ("a.svm", lambda path: list(hr.iter_svmlight(path))),
    "svmlight convert": ("a.svm", convert),
    "npy": ("a.npy", lambda path: hr.open(str(path))),
    "raw": ("a.raw", lambda path: hr.memmap(str(path), dtype="uint8")[0]),
    "csv convert": ("a.csv", convert),
}


@pytest.fixture(autouse=True)
def _cache(native_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(native_cache))


def written(path: Path) -> Path:
    if path.suffix == ".npy":
        np.save(path, np.arange(4))
    else:
        path.write_text("1 1:1\n")
    return path


@pytest.mark.parametrize("reader", READERS)
def test_a_file_whose_mode_forbids_it_is_named(reader: str, tmp_path: Path) -> None:
    name, read = READERS[reader]
    path = written(tmp_path / name)
    lines()  # compiled before root is bound
    path.chmod(0)
    with (
        modes_that_count(),
        pytest.raises(hr.IoError, match=rf"{name}.*Permission denied") as caught,
    ):
        read(path)
    assert caught.value.file == str(path)
    assert not list(tmp_path.glob("out/shards/*"))


def test_from_items_names_the_item_and_the_file(tmp_path: Path) -> None:
    fn = lines()
    fine, secret = written(tmp_path / "fine.txt"), written(tmp_path / "secret.txt")
    secret.chmod(0)
    with (
        modes_that_count(),
        pytest.raises(hr.IoError, match=r"item 1 .*secret\.txt") as caught,
    ):
        hr.from_items([fine, secret], fn)
    assert caught.value.file == str(secret)


@pytest.mark.parametrize("reader", READERS)
def test_a_loop_of_links_is_named(reader: str, tmp_path: Path) -> None:
    name, read = READERS[reader]
    path = tmp_path / name
    path.symlink_to(path)
    with pytest.raises(hr.HeadraceError, match=name):
        read(path)
