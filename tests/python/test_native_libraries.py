"""Native transforms: what `hr.native.load` makes of source files and of libraries."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import headrace as hr

LINES = Path(__file__).resolve().parents[1] / "testing" / "lines_transform.c"


@pytest.fixture(autouse=True)
def _cache(native_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(native_cache))


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
    os.utime(header, (old, old))  # of the user's own files the content counts
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


def test_a_library_is_there_at_once_the_second_time(
    compiler_calls: Callable[[], list[str]],
) -> None:
    hr.native.load(LINES)
    assert len(compiler_calls()) == 2
    began = time.perf_counter()
    hr.native.load(LINES)
    assert time.perf_counter() - began < 0.5  # 0.1 where nothing else runs
    assert compiler_calls() == []


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
    assert error.command.startswith("cc -O3")
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
    with pytest.raises(hr.MissingDependencyError, match=r"no C compiler.*gcc"):
        hr.native.load(LINES)


# --- Libraries ------------------------------------------------------------------------------------


@pytest.fixture
def library(tmp_path: Path) -> Callable[[str], Path]:
    """Compiles C into a shared library."""

    def build(code: str) -> Path:
        source, made = tmp_path / "made.c", tmp_path / "libmade.so"
        source.write_text(code)
        status = os.system(f"cc -shared -fPIC -I{hr.native.include_dir()} {source} -o {made}")
        assert status == 0
        return made

    return build


def test_a_library_that_was_built_elsewhere_is_loaded(library: Callable[[str], Path]) -> None:
    path = library(LINES.read_text())
    fn = hr.native.load(path)
    assert fn(b"one\ntwo")["lines"].values.tolist() == [3, 3]
    again = pickle.loads(pickle.dumps(fn))
    assert again.version == fn.version
    with pytest.raises(hr.InvalidError, match="compiled already"):
        hr.native.load(path, flags=["-O2"])


def test_a_library_that_was_replaced_is_not_taken_for_the_new_one(
    library: Callable[[str], Path],
) -> None:
    code = LINES.read_text()
    first = hr.native.load(library(code))
    old = first.version
    path = library(code + "\nint more;\n")
    os.rename(path, path.with_suffix(".new"))
    os.rename(path.with_suffix(".new"), path)
    with pytest.raises(hr.InvalidError, match="replaced"):
        hr.native.load(path)
    first.close()
    assert hr.native.load(path).version != old


def test_code_that_names_the_file_it_was_made_of(tmp_path: Path) -> None:
    source = tmp_path / "made.c"
    source.write_text('#line 1 "grammar.y"\n' + LINES.read_text())
    fn = hr.native.load(source)
    assert fn(b"one")["lines"].values.tolist() == [3]
    assert hr.native.load(source).version == fn.version


def test_libraries_that_cannot_be_used_say_why(
    library: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(
        hr.UnsupportedError, match=r"libmade.so exports no headrace_transform_table"
    ):
        hr.native.load(library("int nothing;"))
    other = LINES.read_text().replace("HEADRACE_TRANSFORM_ABI,", "7,")
    with pytest.raises(hr.UnsupportedError, match=r"version 7 .*has version 1; build it again"):
        hr.native.load(library(other))
    right = "(int32_t*)valued.indices)[kinds] = letter"
    wide = LINES.read_text().replace(right, right + " + 20")
    fn = hr.native.load(library(wide))
    with pytest.raises(hr.TransformError, match=r"letters.*row 0.*index 26.*width 26") as caught:
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
    [
        (3, "options is a str"),
        ({"a=b": 1}, "have no '='"),
        ({"a": "b\nc"}, "line ends"),
        ({1: 2}, "the names of options are str, not 1"),
        ({"a": "\ud800"}, "half of a surrogate pair"),
    ],
)
def test_options_that_cannot_be_are_refused(options: Any, message: str) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        hr.native.load(LINES, options=options)


@pytest.mark.parametrize("flags", [None, "-O2", b"-O2", 3, [3], ["-DX=\0"]])
def test_flags_that_cannot_be_are_refused(flags: Any) -> None:
    with pytest.raises(hr.InvalidError, match=r"^flags (is a list of|are) str"):
        hr.native.load(LINES, flags=flags)


def test_a_missing_symbol_is_said_of_the_source(tmp_path: Path) -> None:
    source = tmp_path / "root.c"
    source.write_text(LINES.read_text() + "int elsewhere(void);\nint (*used)(void) = elsewhere;\n")
    with pytest.raises(
        hr.InvalidError, match=r'undefined symbol: elsewhere; .*flags=\["-lfoo"\]'
    ) as caught:
        hr.native.load(source)
    assert str(caught.value).startswith(f"{source} compiles and cannot be loaded: ")
    assert caught.value.file == str(source)
    assert ".so: " not in str(caught.value), "a file of the cache tells nobody anything"


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
