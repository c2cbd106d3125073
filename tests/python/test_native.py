"""Native transforms: what `hr.native.load` makes of source files and libraries, and what it gives."""

from __future__ import annotations

import gc
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
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
    with pytest.raises(hr.TransformError, match="input 1.*'!'"):
        lines.batch([b"fine", b"!"])


@pytest.mark.parametrize("threads", [1, 3, None])
def test_map_gives_every_file_in_order(
    lines: hr.native.NativeTransform, texts: list[str], threads: int | None
) -> None:
    order = np.random.default_rng(1).integers(0, len(texts), 400).tolist()
    seen = 0
    for number, found in zip(order, lines.map([texts[k] for k in order], threads=threads), strict=True):
        expect_lines(found, [TEXTS[number]])
        seen += 1
    assert seen == 400
    assert list(lines.map([])) == []


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
    with pytest.raises(hr.TransformError, match="these options are refused"):
        hr.native.load(LINES, options="refuse")
    expect_lines(lines(b"still"), ["still"])


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
        assert [row["first"] for row in ds[:]] == [text.split("\n")[0] for text in TEXTS]
        assert [row["lines"].tolist() for row in ds[:]][2] == [0, 0, 2, 0]
        assert ds[0]["letters"].indices.dtype == np.int32


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


# --- Compiling ------------------------------------------------------------------------------------


@pytest.fixture
def compiler_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Puts a compiler in the environment that writes down how it is called."""
    log, program = tmp_path / "calls", tmp_path / "logged-cc"
    program.write_text(f'#!/bin/sh\necho "$*" >>{log}\nexec cc "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("CC", str(program))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def calls() -> list[str]:
        found = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [call for call in found if call != "--version"]

    return calls


def test_a_source_is_compiled_once_and_again_when_what_it_is_made_of_changes(
    tmp_path: Path, compiler_calls: Callable[[], list[str]]
) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    source, header = folder / "own.c", folder / "own.h"
    header.write_text("#define MARK '!'\n")
    text = '#include "own.h"\n' + LINES.read_text().replace("bytes[0] == '!'", "bytes[0] == MARK")
    source.write_text(text)
    old = time.time() - 100
    for path in (source, header):
        os.utime(path, (old, old))

    def load(**arguments: Any) -> tuple[hr.native.NativeTransform, int]:
        fn = hr.native.load(source, **arguments)
        return fn, len(compiler_calls())

    first, calls = load()
    assert calls == 2  # preprocess, compile
    second, calls = load()
    assert calls == 0
    assert second.version == first.version

    header.write_text("#define MARK '?'\n")
    third, calls = load()
    assert calls == 2
    assert third.version != first.version
    assert third(b"!")["size"] == [1]
    with pytest.raises(hr.TransformError):
        third(b"?")

    header.write_text("#define MARK '!'\n")  # as it once was
    fourth, calls = load()
    assert calls == 1
    assert fourth.version == first.version

    _, calls = load(flags=["-O1"])
    assert calls == 2


def test_a_library_is_there_at_once_the_second_time() -> None:
    hr.native.load(LINES)
    began = time.perf_counter()
    hr.native.load(LINES)
    assert time.perf_counter() - began < 0.5  # 0.1 where nothing else runs


def test_what_the_compiler_says_is_said_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "wrong.c"
    source.write_text("int main(void) { return nothing; }\n")
    with pytest.raises(hr.CompileError) as caught:
        hr.native.load(source)
    error = caught.value
    assert error.output.startswith("wrong.c: In function")
    assert "wrong.c:1:25: error: " in error.output
    assert "return nothing;" in error.output
    assert str(error).endswith(error.output)
    assert "wrong.c" in error.command
    assert error.file == str(source)
    assert pickle.loads(pickle.dumps(error)).output == error.output
    source.write_text('#include "missing.h"\n')
    with pytest.raises(hr.CompileError, match=r"missing\.h"):
        hr.native.load(source)


def test_what_the_compiler_warns_of_is_a_warning(tmp_path: Path) -> None:
    source = tmp_path / "warned.c"
    source.write_text(LINES.read_text() + "static int unused;\n")
    with pytest.warns(UserWarning, match="unused"):
        hr.native.load(source, flags=["-Wunused-variable"])


def test_processes_compile_the_same_source_at_the_same_time(
    tmp_path: Path, run_script: Callable[..., Any]
) -> None:
    script = f"""
        import sys, headrace as hr
        print(hr.native.load({str(LINES)!r})(b"abc")["size"][0])
    """
    with ThreadPoolExecutor(3) as pool:
        cache = str(tmp_path / "cache")
        done = list(pool.map(lambda _: run_script(script, XDG_CACHE_HOME=cache), range(3)))
    assert [one.stdout.strip() for one in done] == ["3"] * 3, [one.stderr for one in done]
    kept = sorted(path.suffix for path in (tmp_path / "cache/headrace/native").iterdir())
    assert kept == [".json", ".so"]


def test_a_cache_that_others_may_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "headrace" / "native"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    with pytest.raises(hr.InvalidError, match="others can write"):
        hr.native.load(LINES)


def test_what_has_not_been_used_for_long_is_removed(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "headrace" / "native"
    folder.mkdir(parents=True, mode=0o700)
    for name, days in (("old.so", 100), ("new.so", 10)):
        (folder / name).touch()
        then = time.time() - days * 86400
        os.utime(folder / name, (then, then))
    hr.native.load(LINES)
    assert not (folder / "old.so").exists()
    assert (folder / "new.so").exists()


def test_a_compiler_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(hr.MissingDependencyError, match="no-such-compiler"):
        hr.native.load(LINES)
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(hr.MissingDependencyError, match="no C compiler.*gcc"):
        hr.native.load(LINES)


# --- Libraries ------------------------------------------------------------------------------------


@pytest.fixture
def library(tmp_path: Path) -> Callable[[str], Path]:
    """Compiles C into a shared library."""

    def build(code: str) -> Path:
        source, made = tmp_path / "made.c", tmp_path / "libmade.so"
        source.write_text(code)
        status = os.system(
            f"cc -shared -fPIC -I{hr.native.include_dir()} {source} -o {made}"
        )
        assert status == 0
        return made

    return build


def test_a_library_that_was_built_elsewhere_is_loaded(
    library: Callable[[str], Path], texts: list[str]
) -> None:
    path = library(LINES.read_text())
    fn = hr.native.load(path)
    expect_lines(fn(texts[0]), [TEXTS[0]])
    again = pickle.loads(pickle.dumps(fn))
    assert again.version == fn.version
    with pytest.raises(hr.InvalidError, match="compiled already"):
        hr.native.load(path, flags=["-O2"])


def test_libraries_that_cannot_be_used_say_why(
    library: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(hr.UnsupportedError, match="libmade.so exports no headrace_transform_table"):
        hr.native.load(library("int nothing;"))
    other = LINES.read_text().replace("HEADRACE_TRANSFORM_ABI, sizeof", "7, sizeof")
    with pytest.raises(hr.UnsupportedError, match=r"version 7 .*has version 1; build it again"):
        hr.native.load(library(other))
    right = "(int32_t*)valued.indices)[kinds] = letter"
    wide = LINES.read_text().replace(right, right + " + 20")
    fn = hr.native.load(library(wide))
    with pytest.raises(hr.TransformError, match="letters.*row 0.*index 26.*width 26") as caught:
        fn(b"g")
    assert caught.value.column == "letters"
    text = tmp_path / "text.so"
    text.write_text("no library")
    with pytest.raises(hr.InvalidError, match=r"text\.so.*(ELF|too short)"):
        hr.native.load(text)
    with pytest.raises(hr.NotFoundError, match=r"gone\.so"):
        hr.native.load(tmp_path / "gone.so")
    text.rename(tmp_path / "text.txt")
    with pytest.raises(hr.UnsupportedError, match="neither a source file"):
        hr.native.load(tmp_path / "text.txt")


@pytest.mark.parametrize(
    ("options", "message"),
    [(3, "options is a str"), ({"a=b": 1}, "without '='"), ({"a": "b\nc"}, "line ends")],
)
def test_options_that_cannot_be_are_refused(options: Any, message: str) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        hr.native.load(LINES, options=options)


def test_a_map_can_be_interrupted(
    tmp_path: Path, run_script: Callable[..., Any], library: Callable[[str], Path]
) -> None:
    slow = LINES.read_text().replace("(void)state;", "(void)state; usleep(300000);")
    path = library("#define _DEFAULT_SOURCE\n#include <unistd.h>\n" + slow)
    (tmp_path / "a").write_text("a")
    done = run_script(f"""
        import os, signal, threading, time, headrace as hr
        fn = hr.native.load({str(path)!r})
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        began = time.perf_counter()
        try:
            list(fn.map([{str(tmp_path / "a")!r}] * 1000, threads=1))
        except KeyboardInterrupt:
            print("interrupted", time.perf_counter() - began < 5)
    """)
    assert done.stdout.strip() == "interrupted True", done.stderr


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
