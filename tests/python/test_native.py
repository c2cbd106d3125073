"""Native transforms: what calls and maps give, and what else takes them."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

sparse = pytest.importorskip("scipy.sparse")

# A row for each input with a column of every kind, in C, which compiles in no time.
LINES = Path(__file__).resolve().parents[1] / "testing" / "lines_transform.c"

TEXTS = ["one two\nthree", "", "\n\nzz\n", "größe"]


@pytest.fixture(autouse=True)
def _cache(native_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(native_cache))


@pytest.fixture
def lines() -> hr.native.NativeTransform:
    return hr.native.load(LINES)


@pytest.fixture
def texts(tmp_path: Path) -> list[str]:
    paths = []
    for number, text in enumerate(TEXTS):
        path = tmp_path / f"{number}.txt"
        path.write_bytes(text.encode())
        paths.append(str(path))
    return paths


def expect_lines(found: dict[str, Any], texts: list[str]) -> None:
    """Checks the rows of texts, as Python works them out."""
    data = [text.encode() for text in texts]
    assert list(found) == ["size", "lines", "letters", "seen", "first"]
    assert found["size"].tolist() == [len(one) for one in data]
    rows = [[len(line) for line in one.split(b"\n")] for one in data]
    ragged = found["lines"]
    assert ragged.values.dtype == np.int32
    for row, expected in enumerate(rows):
        begin, end = ragged.offsets[row : row + 2]
        assert ragged.values[begin:end].tolist() == expected
    counts = np.array([[one.count(bytes([97 + k])) for k in range(26)] for one in data])
    letters = found["letters"]
    assert isinstance(letters, sparse.csr_array)
    assert letters.dtype == np.float32
    np.testing.assert_array_equal(letters.toarray(), counts)
    ds = hr.from_arrays(seen=found["seen"])
    np.testing.assert_array_equal(ds.with_layout(seen="dense")["seen"][:], counts > 0)
    assert found["first"] == [text.split("\n")[0] for text in texts]


def test_a_call_gives_the_columns_of_a_file_or_of_bytes(
    lines: hr.native.NativeTransform, texts: list[str]
) -> None:
    for path, text in zip(texts, TEXTS, strict=True):
        expect_lines(lines(path), [text])
        expect_lines(lines(Path(path)), [text])
        expect_lines(lines(text.encode()), [text])
        expect_lines(lines(bytearray(text.encode())), [text])
        expect_lines(lines(memoryview(text.encode())), [text])
    assert list(lines.schema) == ["size", "lines", "letters", "seen", "first"]
    assert repr(lines.schema["seen"]) == "seen: csr binary[26]"
    assert "lines_transform.c" in repr(lines)


def test_arrays_are_over_memory_of_the_core_that_lives_as_long_as_they_do(
    lines: hr.native.NativeTransform,
) -> None:
    found = lines(b"some\ntext")
    assert found["letters"].indices.dtype == np.int32  # as it was written, not copied by scipy
    assert not found["letters"].indices.flags.owndata
    values = found["lines"].values
    assert not values.flags.owndata
    assert values.flags.writeable
    lines.close()
    del found, lines
    gc.collect()
    assert values.tolist() == [4, 4]


def test_batch_joins_the_rows_of_several_inputs(lines: hr.native.NativeTransform) -> None:
    expect_lines(lines.batch([text.encode() for text in TEXTS]), TEXTS)
    assert lines.batch([])["size"].shape == (0,)
    with pytest.raises(hr.TransformError, match=r"input 1.*'!'"):
        lines.batch([b"fine", b"!"])


@pytest.mark.parametrize("threads", [1, 3, None])
def test_map_gives_every_file_in_order(
    lines: hr.native.NativeTransform, texts: list[str], threads: int | None
) -> None:
    order = np.random.default_rng(1).integers(0, len(texts), 400).tolist()
    seen = 0
    for number, found in zip(
        order, lines.map([texts[k] for k in order], threads=threads), strict=True
    ):
        expect_lines(found, [TEXTS[number]])
        seen += 1
    assert seen == 400
    assert list(lines.map([])) == []


def test_small_results_lie_together_and_outlive_each_other(
    lines: hr.native.NativeTransform, texts: list[str]
) -> None:
    order = np.random.default_rng(2).integers(0, len(texts), 2000).tolist()
    kept = [
        (number, found)
        for position, (number, found) in enumerate(
            zip(order, lines.map([texts[k] for k in order], threads=2), strict=True)
        )
        if position % 7 == 0
    ]
    for number, found in kept:
        expect_lines(found, [TEXTS[number]])
    _, found = kept[-1]
    assert found["size"].base is found["lines"].values.base is found["lines"].offsets.base
    assert all(
        array.flags.writeable and array.ctypes.data % 64 == 0
        for array in (found["size"], found["lines"].values)
    )


def test_map_tells_its_progress(lines: hr.native.NativeTransform, texts: list[str]) -> None:
    told: list[tuple[int, int | None]] = []
    list(lines.map(texts, progress=lambda done, total: told.append((done, total))))
    assert told[-1] == (4, 4)


def test_map_ends_its_threads_when_it_is_closed(
    lines: hr.native.NativeTransform, texts: list[str]
) -> None:
    results = lines.map(texts * 200, threads=3)
    next(results)
    assert _map_threads() == 3
    results.close()
    assert _map_threads() == 0
    with pytest.raises(StopIteration):
        next(results)


def _map_threads() -> int:
    names = (Path(task.path, "comm").read_text() for task in os.scandir("/proc/self/task"))
    return sum(name.strip() == "headrace-map" for name in names)


@pytest.mark.parametrize("paths", [[3], 3, "a.txt", [None]])
def test_map_takes_paths(lines: hr.native.NativeTransform, paths: Any) -> None:
    with pytest.raises(hr.InvalidError, match=r"paths of files, str or|a list of paths, not "):
        lines.map(paths)


def test_map_raises_in_the_turn_of_the_file(
    lines: hr.native.NativeTransform, texts: list[str], tmp_path: Path
) -> None:
    (tmp_path / "bad").write_text("!")
    results = lines.map([*texts, tmp_path / "bad", texts[0]])
    for text in TEXTS:
        expect_lines(next(results), [text])
    with pytest.raises(hr.TransformError, match=r"lines_transform.c refused .*bad: it begins") as e:
        next(results)
    assert e.value.file == str(tmp_path / "bad")
    with pytest.raises(hr.NotFoundError, match="gone"):
        list(lines.map([tmp_path / "gone"]))
    with pytest.raises(hr.InvalidError, match="directory"):
        list(lines.map([tmp_path]))


def test_errors_say_what_and_which(lines: hr.native.NativeTransform, tmp_path: Path) -> None:
    with pytest.raises(hr.TransformError, match="the bytes given: it begins with '!'"):
        lines(b"! no")
    with pytest.raises(hr.TransformError, match="not UTF-8"):
        lines(b"a\xff")
    with pytest.raises(hr.NotFoundError, match="gone"):
        lines(tmp_path / "gone")
    with pytest.raises(hr.UnsupportedError, match="a path or bytes, not int"):
        lines(3)  # type: ignore[arg-type]
    with pytest.raises(hr.InvalidError, match="threads"):
        lines.map([], threads=0)
    with pytest.raises(hr.InvalidError, match="list of paths"):
        lines.map("a.txt")
    for wrong, said in ((b"a.txt", r"contents.*fn\.batch.*os\.fsdecode"), (3, "3 is no path")):
        with pytest.raises(hr.InvalidError, match=said):
            lines.map(["a.txt", wrong])  # type: ignore[list-item]
    with pytest.raises(hr.TransformError, match="these options are refused"):
        hr.native.load(LINES, options="refuse")
    expect_lines(lines(b"still"), ["still"])


def test_a_call_that_failed_leaves_nothing_to_the_next(
    lines: hr.native.NativeTransform, texts: list[str]
) -> None:
    with pytest.raises(hr.TransformError):
        lines.batch([b"fine", b"! no"])
    expect_lines(lines(texts[0]), TEXTS[:1])


def test_a_path_is_not_cut_at_a_nul(lines: hr.native.NativeTransform, texts: list[str]) -> None:
    with pytest.raises(hr.InvalidError, match=r"0\.txt\\0rest has a NUL"):
        lines(texts[0] + "\0rest")


def test_a_forked_child_may_leave_a_map_open(
    lines: hr.native.NativeTransform, texts: list[str]
) -> None:
    results = lines.map(texts * 50)
    next(results)
    child = os.fork()
    if child == 0:
        results.close()
        os._exit(0)
    assert _status_within(child, seconds=30) == 0
    assert len(list(results)) == 50 * len(texts) - 1


def _status_within(child: int, *, seconds: float) -> int:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done == child:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


def test_calls_run_at_the_same_time_in_threads(
    lines: hr.native.NativeTransform, texts: list[str]
) -> None:
    with ThreadPoolExecutor(4) as pool:
        for number, found in enumerate(pool.map(lines, texts * 50)):
            expect_lines(found, [TEXTS[number % 4]])


def test_a_closed_transform_says_so(lines: hr.native.NativeTransform, texts: list[str]) -> None:
    rest = lines.map(texts)
    lines.close()
    lines.close()
    with pytest.raises(hr.InvalidError, match="closed"):
        lines(b"")
    expect_lines(next(rest), [TEXTS[0]])


# --- In the rest of headrace ----------------------------------------------------------------------


def test_from_items_makes_a_dataset(lines: hr.native.NativeTransform, texts: list[str]) -> None:
    for threads in (None, 3):
        ds = hr.from_items(texts, lines, threads=threads)
        assert repr(ds.schema) == repr(lines.schema)
        assert ds["size"][:].tolist() == [len(text.encode()) for text in TEXTS]
        assert ds["first"][:] == [text.split("\n")[0] for text in TEXTS]
        assert ds["lines"][2].tolist() == [0, 0, 2, 0]
        assert ds[0]["letters"].indices.dtype == np.int32


@pytest.mark.parametrize("rows", ["one", "many"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_missing_item_is_said_to_be_missing(
    rows: Any, threads: int, lines: hr.native.NativeTransform, texts: list[str], tmp_path: Path
) -> None:
    gone = str(tmp_path / "gone")
    with pytest.raises(hr.NotFoundError, match=r"item 0 \(.*gone'\): .*gone") as caught:
        hr.from_items([gone, *texts], lines, rows=rows, threads=threads)
    assert caught.value.file == gone
    with pytest.raises(hr.TransformError, match="item 0"):
        hr.from_items([b"!", b"a"], lines, threads=threads)


def test_convert_takes_it_and_knows_its_version(
    lines: hr.native.NativeTransform, texts: list[str], tmp_path: Path
) -> None:
    ds = hr.convert(texts, tmp_path / "out", transform=lines, progress=False)
    assert repr(ds.schema["seen"]) == "seen: csr binary[26]"
    assert ds["size"][:].tolist() == [len(text.encode()) for text in TEXTS]
    again = hr.native.load(LINES)
    assert again.version == lines.version
    assert len(hr.convert(texts, tmp_path / "out", transform=again, progress=False)) == 4
    other = hr.native.load(LINES, options="other")
    assert other.version != lines.version
    with pytest.raises(hr.InvalidError, match="version"):
        hr.convert(texts, tmp_path / "out", transform=other, progress=False)

    def sizes(path: str, fn: Any = lines) -> Any:
        return {"size": fn(path)["size"]}

    first = hr.convert(texts, tmp_path / "sizes", transform=sizes, progress=False)
    assert first["size"][:].tolist() == ds["size"][:].tolist()


def test_a_batch_of_a_loader_can_be_transformed(lines: hr.native.NativeTransform) -> None:
    data = [f"{number} words\n" * number for number in range(1, 9)]
    ds = hr.from_arrays(data=[text.encode() for text in data], y=np.arange(8))

    def features(batch: dict[str, Any], context: hr.BatchContext) -> dict[str, Any]:
        found = lines.batch(batch["data"], epoch=context.epoch, position=context.position)
        return {"size": found["size"], "y": batch["y"]}

    loader = hr.Loader(ds, batch_size=4, transform=features, output="numpy")
    for batch in loader:
        assert batch["size"].tolist() == [len(data[y]) for y in batch["y"]]


def test_it_is_pickled_as_its_recipe(tmp_path: Path, texts: list[str]) -> None:
    source = tmp_path / "own.c"
    source.write_text(LINES.read_text())
    fn = hr.native.load(source)
    again = pickle.loads(pickle.dumps(fn))
    assert again.version == fn.version
    expect_lines(again(texts[0]), [TEXTS[0]])
    pickled = pickle.dumps(fn)
    source.write_text(LINES.read_text().replace("'!'", "'?'"))
    with pytest.raises(hr.InvalidError, match="changed since"):
        pickle.loads(pickled)


def test_threads_that_use_one_map_get_each_result_once(
    lines: hr.native.NativeTransform, texts: list[str]
) -> None:
    results = iter(_Locked(lines.map(texts * 25, threads=2)))
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.extend(int(one["size"][0]) for one in results))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(len(text.encode()) for text in TEXTS * 25)


class _Locked:
    """What a user does who shares an iterator: a generator itself is for one thread at a time."""

    def __init__(self, results: Iterator[Any]) -> None:
        self._results, self._lock = results, threading.Lock()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        with self._lock:
            return next(self._results)
