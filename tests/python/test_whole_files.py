"""hr.files: rows that are whole files."""

from __future__ import annotations

import itertools
import os
import pickle
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

RunScript = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, content: str | bytes = b"") -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return name


def numbered(count: int, folder: str = "n") -> list[bytes]:
    """Writes files whose sizes differ and whose names sort as their numbers; returns the rows."""
    contents = [b"%d:" % k + b"x" * (k * 37 % 300) for k in range(count)]
    contents[3:4] = [b""]
    for k, content in enumerate(contents):
        write(f"{folder}/{k:04}.bin", content)
    return contents


def test_a_row_is_a_file_and_globs_are_sorted_by_character() -> None:
    for name in ("10.txt", "9.txt", "B.txt", "a.txt"):
        write(name, f"I am {name}\n\0")
    ds = hr.files("*.txt")
    assert repr(ds.schema) == "Schema(data: bytes, path: text)"
    assert ds["path"][:] == ["10.txt", "9.txt", "B.txt", "a.txt"]
    assert ds[1] == {"data": b"I am 9.txt\n\0", "path": "9.txt"}
    assert ds[2:]["data"] == [b"I am B.txt\n\0", b"I am a.txt\n\0"]
    assert ds.locate(3) == (os.path.abspath("a.txt"), 0)


def test_labels_are_the_directories_that_files_are_in() -> None:
    for name in ("img/dog/1.jpg", "img/cat/2.jpg", "img/cat/more/3.jpg", "img/cat/4.png"):
        write(name, name)
    ds = hr.files("img/**/*.jpg", label="parent", path=False)
    assert repr(ds.schema) == "Schema(data: bytes, label: text)"
    assert ds["label"][:] == ["cat", "more", "dog"]
    encoded, classes = ds.encode_labels("label")
    assert classes == ["cat", "dog", "more"]
    assert encoded["label"][:].tolist() == [0, 2, 1]
    assert encoded[2]["data"] == b"img/dog/1.jpg"
    assert hr.files(Path("img/cat/4.png").absolute(), label="parent")[0]["label"] == "cat"


def test_lists_keep_their_order_and_globs_in_them_are_sorted() -> None:
    for name in ("a/1", "a/2", "b/1", "c", "x[1]", "x1"):
        write(name, name)
    given: list[str | Path] = ["c", "b/*", Path("a") / "*", "c", "x[1]"]
    ds = hr.files(given)
    assert ds["path"][:] == ["c", "b/1", "a/1", "a/2", "c", "x[1]"]
    assert ds["data"][:] == [name.encode() for name in ds["path"][:]]


def test_directories_among_the_matches_are_left_out() -> None:
    for name in ("t/a.txt", "t/deep/b.txt", "t/deep/er/c.txt"):
        write(name)
    assert len(hr.files("t/**/*")) == len(hr.files("t/**")) == 3


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ("t", hr.InvalidError, r"'t' is a directory; give its files, .*'t/\*'"),
        ("t/dee*", hr.InvalidError, r"directories only, such as 't/deep'.*'t/dee\*/\*'"),
        ("*.jpg", hr.NotFoundError, r"no file matches '\*\.jpg' \(searched from"),
        ("absent", hr.NotFoundError, "'absent' does not exist"),
        (["t/*.txt", "t/a*"], hr.InvalidError, r"'t/a\.txt' matches 't/\*\.txt' and 't/a\*'"),
        (["t/*.txt", "t/*.txt"], hr.InvalidError, "two rows"),
        ([], hr.InvalidError, "empty"),
        (["t/a.txt", 3], hr.InvalidError, "not 3"),
        (b"t/a.txt", hr.InvalidError, "not b't/a.txt'"),
        (7, hr.InvalidError, "not 7"),
        (iter(["t/a.txt"]), hr.InvalidError, "list of these, not <list_iterator"),
        ("/dev/null", hr.InvalidError, "no regular file"),
        ("t/\udcff.txt", hr.UnsupportedError, "not UTF-8"),
    ],
)
def test_what_are_no_files_is_said_so(given: Any, error: type[Exception], words: str) -> None:
    for name in ("t/a.txt", "t/deep/b.txt", "t/\udcff.txt"):
        write(name)
    with pytest.raises(error, match=words):
        hr.files(given)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label": "name"}, r'label=\'name\': label="parent" is .*hr\.zip'),
        ({"path": "yes"}, "path is True or False"),
    ],
)
def test_wrong_options_are_said_so(options: dict[str, Any], words: str) -> None:
    with pytest.raises(hr.InvalidError, match=words):
        hr.files(write("a"), **options)


@pytest.mark.parametrize("shuffle", [False, True, hr.BlockShuffle(block_rows=4, window=3)], ids=str)
@pytest.mark.parametrize("num_threads", [1, 3])
def test_batches_are_those_of_the_same_rows_in_memory(shuffle: Any, num_threads: int) -> None:
    contents = numbered(61)
    datasets = [hr.files("n/*.bin", path=False), hr.from_arrays(data=contents)]
    settings: dict[str, Any] = {"batch_size": 7, "shuffle": shuffle, "seed": 5, "output": "numpy"}
    ours, theirs = (
        [batch["data"] for batch in hr.Loader(ds, num_threads=num_threads, **settings)]
        for ds in datasets
    )
    assert ours == theirs
    assert sorted(itertools.chain.from_iterable(ours)) == sorted(contents)


def test_views_hold_for_files_as_for_other_rows() -> None:
    contents = numbered(40)
    ds = hr.files("n/*.bin")
    train, test = ds.split(0.75, seed=1)
    assert sorted(train["data"][:] + test["data"][:]) == sorted(contents)
    by_file = ds.split(0.5, by="file", seed=1)
    assert sum(map(len, by_file)) == 40
    again = hr.files([f"n/{k:04}.bin" for k in range(0, 40, 2)]).split(0.5, by="file", seed=1)
    assert set(again[0]["path"][:]) <= set(by_file[0]["path"][:])
    assert ds.subset([5, 3, 5])["data"][:] == [contents[k] for k in (5, 3, 5)]
    assert ds.subset(slice(None, None, -3))["data"][:] == contents[::-3]
    joined = hr.concat([ds.select_columns(["data"]), hr.from_arrays(data=[b"in memory"])])
    assert joined[40:]["data"] == [b"in memory"]
    assert joined[[40, 4]]["data"] == [b"in memory", contents[4]]
    numbers = hr.zip([ds.rename(data="bytes"), hr.from_arrays(y=np.arange(40))])
    assert numbers[7] == {"bytes": contents[7], "path": "n/0007.bin", "y": 7}
    assert ds.filter(lambda rows: np.array([not data for data in rows["data"]]))["path"][:] == [
        "n/0003.bin"
    ]


def test_a_transform_decodes() -> None:
    for k in range(20):
        np.save(f"{k:02}.npy", np.full((2, 3), k, np.float32))

    def decode(batch: dict[str, Any]) -> dict[str, Any]:
        return {"x": np.stack([np.frombuffer(d[-24:], np.float32) for d in batch["data"]])}

    loader = hr.Loader(
        hr.files("*.npy", path=False),
        batch_size=8,
        transform=decode,
        transform_threads=2,
        output="numpy",
    )
    assert np.concatenate([b["x"] for b in loader])[:, 0].tolist() == [*range(20)]


def test_a_state_is_taken_by_the_same_contents_wherever_they_lie() -> None:
    contents = numbered(30)
    settings: dict[str, Any] = {"batch_size": 4, "shuffle": True, "seed": 3, "output": "numpy"}
    loader = hr.Loader(hr.files("n/*.bin", path=False), **settings)
    batches = iter(loader)
    for _ in range(3):
        next(batches)
    state = loader.state_dict()
    rest = [batch["data"] for batch in batches]
    shutil.copytree("n", "copy", copy_function=shutil.copy)  # with times of their own
    for ds in (hr.files("copy/*.bin", path=False), hr.from_arrays(data=contents)):
        resumed = hr.Loader(ds, **settings)
        resumed.load_state_dict(state)
        assert [batch["data"] for batch in resumed] == rest
    write("copy/0007.bin", b"other")
    with pytest.raises(hr.InvalidError):
        hr.Loader(hr.files("copy/*.bin", path=False), **settings).load_state_dict(state)


def test_pickles_are_the_same_files() -> None:
    contents = numbered(25)
    ds = hr.files("n/*.bin", label="parent").subset(slice(20, None, -2))
    again = pickle.loads(pickle.dumps(ds))
    assert again[:] == ds[:]
    assert again[0] == {"data": contents[20], "path": "n/0020.bin", "label": "n"}
    pickled = pickle.dumps(ds)
    write("n/0001.bin", b"longer than it was before, whatever that has been")
    with pytest.raises(hr.InvalidError, match=r"0001\.bin' has 49 bytes"):
        pickle.loads(pickled)
    Path("n/0001.bin").unlink()
    with pytest.raises(hr.NotFoundError, match=r"0001\.bin"):
        pickle.loads(pickled)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path: Path) -> None:
    time.sleep(0.02)  # the clock of a file system ticks in milliseconds
    path.write_bytes(b"y" * path.stat().st_size)


def replace(path: Path) -> None:
    shutil.copy2(path, "other")
    os.replace("other", path)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (Path.unlink, hr.NotFoundError),
        (lambda path: os.truncate(path, 5), hr.TruncatedError),
        (grow, hr.CorruptError),
        (rewrite, hr.CorruptError),
        (replace, hr.CorruptError),
    ],
)
def test_files_that_have_changed_are_errors_that_name_them(
    change: Callable[[Path], Any], error: type[hr.HeadraceError]
) -> None:
    numbered(12)
    ds = hr.files("n/*.bin")
    changed = Path("n/0008.bin")
    change(changed)
    assert ds[7]["data"].startswith(b"7:")
    with pytest.raises(error, match=r"0008\.bin") as caught:
        ds[8]
    assert caught.value.file == str(changed.absolute())
    loader = hr.Loader(ds, batch_size=4, output="numpy")
    batches = iter(loader)
    assert len(next(batches)["data"]) == len(next(batches)["data"]) == 4
    with pytest.raises(error, match=r"0008\.bin"):
        next(batches)
    assert len(hr.files("n/*.bin")[:]["data"]) in (11, 12)  # made again, it is what is there


def test_many_files_need_few_descriptors(run_script: RunScript) -> None:
    numbered(600)
    done = run_script("""
        import resource
        import headrace as hr
        ds = hr.files("n/*.bin")
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        loader = hr.Loader(ds, batch_size=50, shuffle=True, num_threads=4, output="numpy")
        print(sum(len(batch["data"]) for batch in loader), len(ds[:]["data"]))
    """)
    assert done.stdout == "600 600\n", done.stderr


def test_only_batches_are_in_memory(run_script: RunScript) -> None:
    for k in range(48):
        write(f"large/{k}", bytes([k]) * (4 << 20))
    done = run_script("""
        import resource
        import headrace as hr
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        ds = hr.files("large/*", path=False)
        before = peak()
        loader = hr.Loader(
            ds, batch_size=1, shuffle=True, num_threads=1, prefetch=1, output="numpy"
        )
        rows = sum(len(batch["data"][0]) == 4 << 20 for batch in loader)
        print(rows, peak() - before)
    """)
    assert done.returncode == 0, done.stderr
    rows, mebibytes = map(int, done.stdout.split())
    assert rows == 48
    assert mebibytes < 96  # of 192 in the files


def test_cold_files_are_asked_for_ahead_and_right(
    make_cold: Callable[[Iterable[Path]], None],
) -> None:
    contents = [bytes([k]) * 40_000 for k in range(120)]
    for k, content in enumerate(contents):
        write(f"cold/{k:03}", content)
    make_cold(Path("cold").iterdir())
    loader = hr.Loader(hr.files("cold/*"), batch_size=4, shuffle=True, prefetch=2, output="numpy")
    batches = iter(loader)
    found = next(batches)["data"]
    deadline = time.monotonic() + 30
    while not (stats := loader.stats())["hinted_bytes"] + stats["read_ahead_bytes"]:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    for batch in batches:
        found += batch["data"]
    assert sorted(found) == contents
