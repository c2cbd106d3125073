"""Functions that somebody has bound already: they work as they are, wherever a function goes.

bindings/existing_bindings.cc has them, written with pybind11 as its manual says.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import hashlib
import importlib
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace import _core
from headrace.conversion.code_version import code_version

pybind11 = pytest.importorskip("pybind11")
SOURCE = Path(__file__).parent / "bindings" / "existing_bindings.cc"
COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


@pytest.fixture(scope="module")
def library(request: pytest.FixtureRequest) -> Path:
    """Compiles the module, or takes it from pytest's cache."""
    if COMPILER is None:
        pytest.skip("there is no C++ compiler")
    headers = [pybind11.get_include(), sysconfig.get_path("include")]
    command = [COMPILER, "-std=c++20", "-O0", "-shared", "-fPIC", "-fvisibility=hidden"]
    command += [f"-I{folder}" for folder in headers]
    what = [SOURCE.read_text(), *command, pybind11.__version__]
    key = hashlib.sha256("\n".join(what).encode()).hexdigest()[:16]
    assert request.config.cache is not None
    folder = Path(request.config.cache.mkdir(f"existing_bindings_{key}"))
    made = folder / f"existing_bindings{sysconfig.get_config_var('EXT_SUFFIX')}"
    if not made.exists():
        unfinished = folder / "unfinished.so"
        subprocess.run([*command, str(SOURCE), "-o", str(unfinished)], check=True)
        unfinished.rename(made)
    return made


@pytest.fixture
def bound(library: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module."""
    monkeypatch.syspath_prepend(str(library.parent))
    return importlib.import_module("existing_bindings")


@pytest.fixture
def built_anew(library: Path, tmp_path: Path) -> Path:
    """The module as another build would be: other bytes of the same name."""
    other = tmp_path / library.name
    other.write_bytes(library.read_bytes() + b"\0")
    return other


def check_numbers(x: Any, rows: int) -> None:
    k = np.arange(rows)
    np.testing.assert_array_equal(x, np.stack([k, 2 * k, -k], axis=1).astype(np.float32))


KINDS_OF_ARRAYS = ["of_numpy", "contiguous", "read_only", "backwards", "every_other"]


@pytest.mark.parametrize("threads", [None, 3])
@pytest.mark.parametrize("name", KINDS_OF_ARRAYS)
def test_arrays_of_any_memory_become_rows_and_go(bound: Any, name: str, threads: Any) -> None:
    ds = hr.from_items(range(40), getattr(bound, name), threads=threads)
    check_numbers(ds["0"][:], 40)
    assert bound.live_vectors() == 0


def test_tuples_and_dicts_are_rows(bound: Any) -> None:
    ds = hr.from_items(range(5), bound.as_tuple)
    check_numbers(ds["0"][:], 5)
    assert ds[3][1] == 3
    ds = hr.from_items(range(5), bound.as_dict, threads=2)
    check_numbers(ds["x"][:], 5)
    assert ds["y"][:].tolist() == [*range(5)]
    assert bound.live_vectors() == 0


def test_what_cannot_be_a_column_is_an_error_that_names_the_item(bound: Any) -> None:
    with pytest.raises(hr.UnsupportedError, match=r"item 0 \(2\).*complex64"):
        hr.from_items([2, 3], bound.complex)
    with pytest.raises(hr.InvalidError, match=r"item 0 .*None"):
        hr.from_items([{}], bound.nothing)


@pytest.mark.parametrize("threads", [None, 2])
def test_exceptions_of_cpp_name_the_item_and_are_the_cause(bound: Any, threads: Any) -> None:
    with pytest.raises(hr.TransformError, match=r"ValueError for item 7 \(7\): seven is") as caught:
        hr.from_items(range(10), bound.fail_at_seven, threads=threads)
    assert type(caught.value.__cause__) is ValueError
    with pytest.raises(hr.TransformError, match=r"item 7 \(7\)") as caught:
        hr.from_items(range(10), bound.fail_strangely_at_seven, threads=threads)
    assert type(caught.value.__cause__) is RuntimeError
    with pytest.raises(hr.TransformError, match=r"item 1 \('one'\)") as caught:
        hr.from_items([1, "one"], bound.as_dict, threads=threads)  # no function takes a str
    assert type(caught.value.__cause__) is TypeError


def test_functions_without_the_gil_run_at_the_same_time(bound: Any) -> None:
    ds = hr.from_items(range(6), bound.meet, threads=2)
    assert ds["0"][:].tolist() == [*range(6)]


def test_files_become_rows_in_threads(bound: Any, tmp_path: Path) -> None:
    for k in range(9):
        (tmp_path / f"{k}.txt").write_text("ab" * k + "z")
    paths = sorted(map(str, tmp_path.glob("*.txt")))
    ds = hr.from_items(paths, bound.count_letters, threads=2)
    assert ds["bytes"][:].tolist() == [2 * k + 1 for k in range(9)]
    assert ds["counts"][:][:, [0, 1, 25]].tolist() == [[k, k, 1] for k in range(9)]
    missing = str(tmp_path / "absent.txt")
    with pytest.raises(hr.TransformError, match=r"item 1 .*cannot open .*absent\.txt"):
        hr.from_items([paths[0], missing], bound.count_letters)


def test_inputs_become_shards(bound: Any, tmp_path: Path) -> None:
    ds = hr.convert([3, 0, 2], tmp_path / "many", transform=bound.many, progress=False)
    assert ds["name"][:] == ["3.0", "3.1", "3.2", "2.0", "2.1"]
    assert ds["x"][:].tolist() == [[3, 0], [3, 1], [3, 2], [2, 0], [2, 1]]
    for name in KINDS_OF_ARRAYS:
        one = hr.convert(
            range(4), tmp_path / name, transform=getattr(bound, name), rows="one", progress=False
        )
        check_numbers(one["0"][:], 4)
    deadline = time.monotonic() + 5  # a thread may just be giving back the last one
    while bound.live_vectors() and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
    assert bound.live_vectors() == 0
    with pytest.raises(hr.TransformError, match=r"ValueError for .*7.*: seven is") as caught:
        hr.convert([7], tmp_path / "none", transform=bound.fail_at_seven, progress=False)
    assert type(caught.value.__cause__) is ValueError


def test_a_conversion_goes_on_with_the_same_build_and_not_with_another(
    bound: Any, built_anew: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(inputs: list[int]) -> hr.Dataset:
        return hr.convert(inputs, tmp_path / "out", transform=bound.many, progress=False)

    convert([1, 2])
    assert len(convert([1, 2, 3])) == 6
    monkeypatch.setattr(bound, "__file__", str(built_anew))
    with pytest.raises(hr.InvalidError, match="version"):
        convert([1, 2, 3, 4])


class Items:
    """A dataset of torch whose rows a compiled function makes."""

    def __init__(self, fn: Callable[[int], Any], count: int) -> None:
        self.fn, self.count = fn, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, k: int) -> Any:
        return self.fn(k)


def test_rows_of_a_dataset_are_cached(
    bound: Any, built_anew: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cache() -> hr.Dataset:
        return hr.cache(Items(bound.as_dict, 20), tmp_path / "out", progress=False)

    check_numbers(cache()["x"][:], 20)
    assert bound.live_vectors() == 0
    assert len(cache()) == 20
    monkeypatch.setattr(bound, "__file__", str(built_anew))
    with pytest.raises(hr.InvalidError, match="version"):
        cache()


@pytest.mark.parametrize("threads", [None, 2])
def test_batches_are_transformed(bound: Any, threads: Any) -> None:
    ds = hr.from_items(range(40), bound.as_dict)
    loader = hr.Loader(
        ds, batch_size=8, transform=bound.doubled, transform_threads=threads, output="numpy"
    )
    batches = list(loader)
    assert [batch["y"].tolist() for batch in batches] == np.arange(40).reshape(5, 8).tolist()
    for batch in batches:
        np.testing.assert_array_equal(batch["x"][:, 0], 2.0 * batch["y"])


def test_transforms_without_the_gil_run_at_the_same_time(bound: Any) -> None:
    ds = hr.from_arrays(y=np.arange(32))
    loader = hr.Loader(ds, batch_size=4, transform=bound.meet, transform_threads=2, output="numpy")
    assert [batch["y"][0] for batch in loader] == [*range(0, 32, 4)]


def test_a_transform_that_fails_is_named_as_its_author_named_it(bound: Any) -> None:
    ds = hr.from_arrays(z=np.arange(32))
    loader = hr.Loader(ds, batch_size=4, transform=bound.doubled, output="numpy")
    with pytest.raises(hr.TransformError, match=r"the transform doubled failed: KeyError") as e:
        list(loader)
    assert isinstance(e.value.__cause__, KeyError)
    loader = hr.Loader(ds, batch_size=4, transform=bound.nothing, output="numpy")
    with pytest.raises(hr.TransformError, match="the transform nothing returned None"):
        list(loader)


def test_the_version_of_a_bound_function_is_its_build(
    bound: Any, built_anew: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = [bound.many, functools.partial(bound.many, 3), Items(bound.many, 3)]
    before = [code_version(function) for function in functions]
    assert before == [code_version(function) for function in functions]
    assert len({*before, code_version(bound.doubled)}) == 4
    monkeypatch.setattr(bound, "__file__", str(built_anew))
    assert not {*before} & {code_version(function) for function in functions}


def test_where_the_build_does_not_tell_what_a_function_does_a_version_is_asked_for(
    bound: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(hr.InvalidError, match=r"cannot be seen.*version='1'"):
        hr.convert([1], tmp_path / "out", transform=bound.adder(3), progress=False)
    ds = hr.convert(
        [1], tmp_path / "out", transform=bound.adder(3), version="1", rows="one", progress=False
    )
    assert ds["0"][:].tolist() == [4]
    monkeypatch.setattr(bound, "__file__", str(tmp_path / "gone.so"))
    with pytest.raises(hr.UnsupportedError, match=r"gone\.so.*cannot be read"):
        code_version(bound.many)


def test_a_library_of_ctypes_counts_by_its_file(library: Path, built_anew: Path) -> None:
    def version(path: Path) -> str:
        functions = ctypes.CDLL(str(path))
        functions.mean_of.restype = ctypes.c_double

        def fn(k: int) -> float:
            values = np.full(4, k, np.float32)
            mean: float = functions.mean_of(values.ctypes, ctypes.c_int64(4))
            return mean

        assert hr.from_items([1, 2], fn, threads=2)["0"][:].tolist() == [1, 2]
        return code_version(fn)

    assert version(library) == version(library) != version(built_anew)


def test_functions_of_nanobind_and_cython_count_by_their_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsing = pytest.importorskip("pandas._libs.tslibs.parsing")
    for module, names in (
        (_core, ["discard_shards", "text_rows"]),
        (parsing, ["py_parse_datetime_string", "parse_datetime_string_with_reso"]),
    ):
        functions = [getattr(module, name) for name in names]
        before = [code_version(function) for function in functions]
        assert len({*before}) == 2
        other = tmp_path / Path(str(module.__file__)).name
        other.write_bytes(b"another build")
        with monkeypatch.context() as patch:
            patch.setattr(module, "__file__", str(other))
            assert not {*before} & {code_version(function) for function in functions}
        assert before == [code_version(function) for function in functions]


def test_objects_of_compiled_classes_are_not_seen_into(bound: Any) -> None:
    held: Any = _core.Dataset.from_arrays(["x"], [np.arange(3)])
    for value in (held, bound.adder(1)):
        with pytest.raises(hr.UnsupportedError, match="cannot be seen"):
            code_version(Items(value, 1))


RUST = """
#[no_mangle]
pub unsafe extern "C" fn sums(values: *const f32, rows: usize, columns: usize, out: *mut f32) {
    let values = std::slice::from_raw_parts(values, rows * columns);
    let out = std::slice::from_raw_parts_mut(out, rows);
    for (row, sum) in values.chunks(columns).zip(out) {
        *sum = row.iter().sum();
    }
}
"""


def test_a_library_of_rust_makes_columns_of_batches(tmp_path: Path) -> None:
    rustc = shutil.which("rustc")
    if rustc is None:
        pytest.skip("there is no Rust compiler")
    source, made = tmp_path / "sums.rs", tmp_path / "libsums.so"
    source.write_text(RUST)
    subprocess.run([rustc, "--crate-type=cdylib", str(source), "-o", str(made)], check=True)
    functions = ctypes.CDLL(str(made))
    size = ctypes.c_size_t

    def add_sums(batch: dict[str, Any]) -> dict[str, Any]:
        x = batch["x"]
        out = np.empty(len(x), np.float32)
        functions.sums(x.ctypes, size(len(x)), size(x.shape[1]), out.ctypes)
        return {**batch, "sum": out}

    x = np.arange(60, dtype=np.float32).reshape(20, 3)
    loader = hr.Loader(
        hr.from_arrays(x=x), batch_size=6, transform=add_sums, transform_threads=2, output="numpy"
    )
    sums = np.concatenate([batch["sum"] for batch in loader])
    np.testing.assert_array_equal(sums, x.sum(axis=1))
