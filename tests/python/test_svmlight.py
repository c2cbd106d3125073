"""Files in svmlight format: equal to what scikit-learn reads, whole, in steps and converted."""

from __future__ import annotations

import contextlib
import functools
import gzip
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace import svmlight

VALUES = [
    *("1", "0", "-0", "+1", "0.5", "-.5", "5.", "1e-05", "1E5", "-2.5e+10", "nan", "inf", "-inf"),
    *("0.1", "0.30000000000000004", "123456.789", "9007199254740993", "2.2250738585072014e-308"),
    *("5e-324", "1e-400", "1e400", "-1e400", "0.1234567890123456789", "00012.5", "Infinity"),
    *("1.00000005960464477540", "179769313486231570814527423731704356798070e267"),
]


def random_text(seed: int, *, first: int, rows: int = 200, query: bool = False) -> str:
    """Returns lines with all that the format allows."""
    rng = random.Random(seed)
    lines = []
    for _ in range(rows):
        words = [rng.choice(VALUES[:6])]
        if query:
            words.append(f"qid:{rng.randrange(-5, 9)}")
        indices = sorted(rng.sample(range(first, 2000), rng.randrange(9)))
        for index in indices:
            value = rng.choice([*VALUES, f"{rng.uniform(-5, 5):.6f}", repr(rng.random())])
            words.append(f"{index}:{value}")
        line = rng.choice([" ", "\t", "  "]).join(words)
        lines.append(rng.choice(["", " "]) + line + rng.choice(["", " ", " # a: b", "#c"]))
        lines += rng.choice([[], [], [""], ["  # 1 1:1"]])
    return "".join(line + rng.choice(["\n", "\r\n"]) for line in lines)


def scipy_csr(ds: hr.Dataset) -> Any:
    sparse = pytest.importorskip("scipy.sparse")
    x = ds["x"][:]
    return sparse.csr_array((x.data, x.indices, x.indptr), x.shape)


def assert_same_bits(found: Any, expected: Any) -> None:
    """Signs of zeros count, those of NaN do not."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    same = found.view(f"u{found.itemsize}") == expected.view(f"u{expected.itemsize}")
    assert (same | np.isnan(found)).all()


def assert_as_scikit_learn(ds: hr.Dataset, x: Any, y: Any) -> None:
    found = scipy_csr(ds)
    assert found.shape == x.shape
    np.testing.assert_array_equal(found.indptr, x.indptr)
    np.testing.assert_array_equal(found.indices, x.indices)
    assert_same_bits(found.data, x.data)
    assert_same_bits(ds["y"][:], y)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("zero_based", ["auto", True, False])
@pytest.mark.parametrize("first", [0, 1])
def test_is_bit_for_bit_what_scikit_learn_reads(
    first: int, zero_based: Any, dtype: str, tmp_path: Path
) -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    path = tmp_path / "a.svm"
    path.write_bytes(random_text(7 * first, first=first).encode())
    if first == 0 and zero_based is False:
        with pytest.raises(hr.CorruptError, match="index 0 is below 1"):
            hr.read_svmlight(path, zero_based=False)
        return
    x, y = sklearn.load_svmlight_file(str(path), zero_based=zero_based, dtype=np.dtype(dtype))
    for threads in (1, 3):
        ds = hr.read_svmlight(path, zero_based=zero_based, dtype=dtype, threads=threads)
        assert_as_scikit_learn(ds, x, y)
    wider = x.shape[1] + 5
    x, y = sklearn.load_svmlight_file(
        str(path), n_features=wider, zero_based=zero_based, dtype=np.dtype(dtype)
    )
    ds = hr.read_svmlight(path, columns=wider, zero_based=zero_based, dtype=dtype)
    assert_as_scikit_learn(ds, x, y)


@pytest.mark.parametrize("firsts", [(1, 1), (1, 0), (0, 1)])
def test_several_files_count_from_the_same_number(firsts: tuple[int, int], tmp_path: Path) -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    paths = [str(tmp_path / f"{k}.svm") for k in range(2)]
    for seed, (path, first) in enumerate(zip(paths, firsts, strict=True)):
        Path(path).write_text(random_text(seed, first=first))
    x1, y1, x2, y2 = sklearn.load_svmlight_files(paths)
    ds = hr.read_svmlight(str(tmp_path / "*.svm"))
    assert ds.schema["x"].width == x1.shape[1] == x2.shape[1]
    assert_as_scikit_learn(ds.subset(range(len(y1))), x1, y1)
    assert_as_scikit_learn(ds.subset(range(len(y1), len(ds))), x2, y2)
    steps = list(hr.iter_svmlight(paths))
    assert sum(len(step["y"]) for step in steps) == len(ds)
    assert {step["x"].columns for step in steps} == {ds.schema["x"].width}


def test_queries_and_many_labels_are_those_of_scikit_learn(tmp_path: Path) -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    path = str(tmp_path / "a.svm")
    Path(path).write_text(random_text(5, first=1, query=True))
    x, y, qid = sklearn.load_svmlight_file(path, query_id=True)
    ds = hr.read_svmlight(path, query_id=True)
    assert_as_scikit_learn(ds, x, y)
    np.testing.assert_array_equal(ds["qid"][:], qid)
    assert "qid" not in hr.read_svmlight(path).schema

    Path(path).write_text("3,1 1:1\n2:5 7:1\n4\n0.5,-1,2 3:1\n")
    x, labels = sklearn.load_svmlight_file(path, multilabel=True)
    ds = hr.read_svmlight(path, multilabel=True)
    assert [tuple(row.tolist()) for row in ds["y"][:]] == labels
    np.testing.assert_array_equal(scipy_csr(ds).toarray(), x.toarray())


def test_files_without_a_pair_are_one_wide(tmp_path: Path) -> None:
    path = tmp_path / "a.svm"
    path.write_text("1\n2 # 5:5\n")
    ds = hr.read_svmlight(path)
    assert (len(ds), ds.schema["x"].width, ds["y"][:].tolist()) == (2, 1, [1.0, 2.0])


@pytest.mark.parametrize(
    ("text", "arguments", "error", "message"),
    [
        ("1 1:1\n2 x:1\n", {}, hr.CorruptError, r"a.svm, line 2, column 3: the index 'x'"),
        ("1 2:1 1:1\n", {}, hr.CorruptError, "line 1, column 7: the index 1 follows 2"),
        ("1 1:0x1p3\n", {}, hr.CorruptError, "column 5: the value '0x1p3' of the index 1"),
        ("1 1:\u00e4\n", {}, hr.CorruptError, "column 5: the value"),
        ("1 4294967297:1\n", {}, hr.CorruptError, "above 2147483647"),
        ("1 1:1\0 2:1\n", {}, hr.CorruptError, r"the value '1\\x00' of the index 1 is no dec"),
        ("\ufeff1 1:1\n", {}, hr.CorruptError, r"byte order mark \(\\xef\\xbb\\xbf\)"),
        ("1 -1:1\n", {"zero_based": True}, hr.CorruptError, "the index -1 is negative; indices"),
        ("1 -1:1\n", {"zero_based": False}, hr.CorruptError, "the index -1 is negative; indices"),
        ("1,2 1:1\n", {}, hr.CorruptError, "multilabel=True"),
        ("1 1:1\n2 qid:1\n", {"query_id": True}, hr.CorruptError, "line 1, column 1: .* no qid:"),
        ("1 5:1\n", {"columns": 4}, hr.CorruptError, "the index 5 is above 4, the last of col"),
        ("1 0:1 4:1\n", {"columns": 4}, hr.InvalidError, "at least columns=5"),
        ("\n# nothing\n", {}, hr.InvalidError, "no row in .*a.svm"),
        ("", {}, hr.InvalidError, "no row in"),
        ("1 1:1\n", {"columns": 0}, hr.InvalidError, "columns must lie between 1"),
        ("1 1:1\n", {"zero_based": "no"}, hr.InvalidError, "True, False or \"auto\", not 'no'"),
        ("1 1:1\n", {"dtype": "int32"}, hr.UnsupportedError, r"ds\.cast\(x='int32'\)"),
        ("1 1:1\n", {"threads": 0}, hr.InvalidError, "threads must lie between 1"),
        ("1 1:1\n", {"multilabel": 1}, hr.InvalidError, "multilabel is True or False"),
    ],
)
def test_what_is_wrong_is_said(
    text: str, arguments: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.svm"
    path.write_text(text)
    with pytest.raises(error, match=message) as caught:
        hr.read_svmlight(path, **arguments)
    if error is hr.CorruptError:
        assert isinstance(caught.value, hr.CorruptError)
        assert caught.value.file == str(path)
        assert caught.value.offset is not None


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(hr.InvalidError, match=r"is a directory; .* glob '.*/\*\.svm'$") as found:
        hr.read_svmlight(tmp_path)
    assert found.value.column == ""
    packed = tmp_path / "a.svm.gz"
    packed.write_bytes(gzip.compress(b"1 1:1\n"))
    with pytest.raises(hr.CorruptError, match="the file is compressed by gzip; decompress it"):
        hr.read_svmlight(packed)
    with pytest.raises(hr.NotFoundError, match="does not exist"):
        hr.read_svmlight(tmp_path / "none.svm")
    with pytest.raises(hr.NotFoundError, match="no file matches"):
        hr.read_svmlight(str(tmp_path / "*.svm"))
    with pytest.raises(hr.InvalidError, match="a path, a glob or a list of paths"):
        hr.read_svmlight({"x": "a.svm"})  # type: ignore[arg-type]


def test_steps_are_the_whole_and_may_be_of_one_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.svm"
    path.write_text(random_text(3, first=1, rows=500))
    monkeypatch.setattr(svmlight, "_STEP_BYTES", 1000)
    whole = hr.read_svmlight(path)
    width = whole.schema["x"].width
    for arguments in ({}, {"columns": width, "zero_based": False}):
        steps = list(hr.iter_svmlight(path, **arguments))  # type: ignore[arg-type]
        assert len(steps) > 5
        joined = hr.from_arrays(
            x=hr.chunks([step["x"] for step in steps]), y=hr.chunks([step["y"] for step in steps])
        )
        assert_as_scikit_learn(joined, scipy_csr(whole), whole["y"][:])


@pytest.mark.parametrize("suffix", [".svm", ".svmlight", ".libsvm"])
def test_conversions_read_files_by_their_suffix(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.conversion.text_formats.PART_BYTES", 3000)
    path = tmp_path / f"a{suffix}"
    path.write_text(random_text(4, first=1, rows=500))
    whole = hr.read_svmlight(path)
    ds = hr.convert(path, tmp_path / "out", progress=False, shard_bytes=20_000)
    assert ds.schema["x"].width == whole.schema["x"].width
    assert_as_scikit_learn(ds, scipy_csr(whole), whole["y"][:])


def indices_of(ds: hr.Dataset) -> list[list[int]]:
    return [ds[i]["x"].indices.tolist() for i in range(len(ds))]


ONE_BASED, ZERO_BASED = "0 1:7 2:8\n", "1 0:1 2:1\n"


@pytest.mark.parametrize("workers", [0, 2])
def test_files_of_one_conversion_count_from_the_same_number(workers: int, tmp_path: Path) -> None:
    (tmp_path / "0.svm").write_text(ONE_BASED)
    (tmp_path / "1.svm").write_text("1 1:x\n")
    (tmp_path / "2.svm").write_text(ZERO_BASED + "1 5:1\n")
    executor = ThreadPoolExecutor(workers) if workers else None
    with contextlib.ExitStack() as stack, pytest.warns(match="1 inputs were skipped"):
        ds = hr.convert(
            str(tmp_path / "*.svm"),
            tmp_path / "out",
            errors="skip",
            executor=executor and stack.enter_context(executor),
            progress=False,
        )
    whole = hr.read_svmlight([tmp_path / "0.svm", tmp_path / "2.svm"])
    assert_as_scikit_learn(ds, scipy_csr(whole), whole["y"][:])
    assert whole["x"][0].indices.tolist() == [1, 2]


def test_files_that_come_later_count_as_those_before(tmp_path: Path) -> None:
    out, paths = tmp_path / "out", [tmp_path / f"{k}.svm" for k in range(3)]
    paths[0].write_text(ONE_BASED)
    hr.convert(paths[0], out, progress=False)
    paths[1].write_text("1 1:1\n")
    ds = hr.convert(paths[:2], out, progress=False)
    assert indices_of(ds) == [[0, 1], [0]]
    paths[2].write_text("1 1:1\n" + ZERO_BASED)
    with pytest.raises(hr.InvalidError, match=r"2.svm' has an index 0.*zero_based=True") as caught:
        hr.convert(paths, out, progress=False)
    assert caught.value.file == str(paths[2])
    paths[2].write_text("1 1:1\n1 5:1\n")
    with pytest.raises(hr.InvalidError, match=r"2.svm.*2 wide.*row 1 .*index 4.*'width': 5"):
        hr.convert(paths, out, progress=False)

    hr.convert(paths[::-1][1:], tmp_path / "wide", columns={"x": {"width": 5}}, progress=False)
    ds = hr.convert(paths, tmp_path / "wide", columns={"x": {"width": 5}}, progress=False)
    assert (len(ds), ds.schema["x"].width) == (4, 5)
    zero_based = tmp_path / "zero"
    paths[0].write_text(ZERO_BASED)
    hr.convert(paths[0], zero_based, progress=False)
    ds = hr.convert(paths[:2], zero_based, progress=False)
    assert indices_of(ds) == [[0, 2], [1]]


def test_a_transform_of_one_file_at_a_time_must_know_how_all_count(tmp_path: Path) -> None:
    (tmp_path / "a.svm").write_text(ONE_BASED)
    for read in (hr.iter_svmlight, functools.partial(hr.iter_svmlight, columns=5)):
        with pytest.raises(hr.InvalidError, match=r"one file at a time.*zero_based=True"):
            hr.convert(tmp_path / "a.svm", tmp_path / "out", transform=read, progress=False)


def test_a_conversion_with_its_own_options_goes_on(tmp_path: Path) -> None:
    paths = [tmp_path / f"{k}.txt" for k in range(2)]
    for seed, path in enumerate(paths):
        path.write_text(random_text(seed, first=0, query=True))
    read = functools.partial(
        hr.iter_svmlight, columns=2500, zero_based=True, query_id=True, dtype="float32"
    )
    hr.convert(paths[:1], tmp_path / "out", transform=read, progress=False)
    ds = hr.convert(paths, tmp_path / "out", transform=read, progress=False)
    whole = hr.read_svmlight(
        list(paths), columns=2500, zero_based=True, query_id=True, dtype="float32"
    )
    assert_as_scikit_learn(ds, scipy_csr(whole), whole["y"][:])
    np.testing.assert_array_equal(ds["qid"][:], whole["qid"][:])


def test_ctrl_c_ends_a_read_in_the_middle_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.svm"
    path.write_text("1 1:1 # a comment that goes on for a while: ")
    os.truncate(path, 2**38)  # of which no byte is on the disk
    # A process that was started in the background ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        hr.read_svmlight(path)
    assert time.monotonic() - start < 10
    timer.join()


def test_rows_of_csr_are_sliced_over_the_same_arrays() -> None:
    column = hr.csr([[3, 1], [], [2]], columns=4, values=[[1.0, 2.0], [], [3.0]])
    rows = column[1:]
    assert rows.indptr.tolist() == [0, 0, 1]
    assert (rows.indices.tolist(), rows.values.tolist()) == ([2], [3.0])
    assert np.shares_memory(rows.indices, column.indices)
    assert len(column[3:]) == 0
    with pytest.raises(hr.InvalidError, match="step of 1"):
        column[::2]
