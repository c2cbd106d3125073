from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headrace as hr
from headrace import ordered_map, row_blocks

RunScript = Callable[..., Any]


def numbered(k: int) -> dict[str, Any]:
    return {"x": np.array([k, 2 * k, -k], np.float32), "y": k}


def fail_at_seven(k: int) -> int:
    if k == 7:
        raise KeyError("seven")
    return k


def none_at_seven(k: int) -> Any:
    return None if k == 7 else k


def sleepy(k: int) -> int:
    time.sleep(0.01)
    return k


class SubmitOnly:
    """The least that an executor can be; counts what is submitted and not yet awaited."""

    def __init__(self) -> None:
        self.calls = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        self.calls += 1
        future: Future[Any] = Future()
        future.set_result(fn(*pickle.loads(pickle.dumps(args))))
        return future


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def ways(processes: ProcessPoolExecutor) -> dict[str, dict[str, Any]]:
    return {
        "here": {},
        "threads": {"threads": 3},
        "submit only": {"executor": SubmitOnly()},
        "processes": {"executor": processes},
    }


def check_numbered(ds: hr.Dataset, rows: int) -> None:
    y = np.arange(rows)
    np.testing.assert_array_equal(ds["y"], y)
    np.testing.assert_array_equal(ds["x"], np.stack([y, 2 * y, -y], axis=1))
    assert repr(ds.schema) == "Schema(x: float32[3], y: int64)"


@pytest.mark.parametrize(
    "items",
    [lambda: list(range(700)), lambda: range(700), lambda: iter(range(700))],
    ids=["list", "range", "iterator"],
)
@pytest.mark.parametrize("how", ["here", "threads", "submit only", "processes"])
def test_rows_are_in_the_order_of_the_items(
    how: str, items: Callable[[], Any], processes: ProcessPoolExecutor
) -> None:
    check_numbered(hr.from_items(items(), numbered, **ways(processes)[how]), 700)


def test_slow_first_items_still_come_first() -> None:
    def slow_at_first(k: int) -> int:
        time.sleep(0.05 if k < 2 else 0)
        return k

    assert hr.from_items(range(20), slow_at_first, threads=4)["0"][:].tolist() == [*range(20)]


def test_the_kind_of_result_is_the_kind_of_row() -> None:
    assert hr.from_items([1, 2], lambda k: np.full(2, k))[1][0].tolist() == [2, 2]
    assert hr.from_items([1, 2], lambda k: (k, k / 2))[1] == (2, 1.0)
    assert hr.from_items([1, 2], lambda k: {"b": k, "a": -k})[0] == {"b": 1, "a": -1}


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (True, "bool"),
        (3, "int64"),
        (3.5, "float64"),
        (np.float32(3), "float32"),
        (np.array(3, np.int16), "int16"),
        (torch.tensor(3, dtype=torch.uint8), "uint8"),
        (torch.ones(2, dtype=torch.bfloat16), "bfloat16"),
        (torch.ones(2, requires_grad=True), "float32"),
        ([1.0, 2.0], "float64"),
        (np.arange(10)[::2], "int64"),
    ],
)
@pytest.mark.parametrize("items", [[0, 1, 2], iter([0, 1, 2])], ids=["list", "iterator"])
def test_numbers_arrays_and_tensors_are_results(value: Any, dtype: str, items: Any) -> None:
    ds = hr.from_items(list(items) or [0, 1, 2], lambda k: value)
    assert ds.schema["0"].dtype == dtype
    with hr.Loader(ds, batch_size=3, output="dlpack") as loader:
        (batch,) = loader
    rows = torch.utils.dlpack.from_dlpack(batch[0])
    expected = torch.as_tensor(np.asarray(value) if not torch.is_tensor(value) else value)
    assert torch.equal(rows, torch.stack([expected.detach()] * 3))


def test_many_rows_per_item_follow_each_other(processes: ProcessPoolExecutor) -> None:
    def several(k: int) -> tuple[Any, Any]:
        return np.full((k % 4, 2), k), np.arange(k % 4)

    expected = np.repeat(np.arange(50), np.arange(50) % 4)
    for threads in (1, 2):
        ds = hr.from_items(range(50), several, rows="many", threads=threads)
        np.testing.assert_array_equal(ds["0"][:, 1], expected)
        np.testing.assert_array_equal(ds["1"][:6], [0, 0, 1, 0, 1, 2])
    ds = hr.from_items(range(50), np.arange, rows="many", executor=processes)
    np.testing.assert_array_equal(ds["0"], np.concatenate([np.arange(k) for k in range(50)]))


@pytest.mark.parametrize("rows", ["one", "many"])
def test_rows_of_unknown_number_fill_block_after_block(
    rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_blocks, "_FIRST_BYTES", 40)
    monkeypatch.setattr(row_blocks, "_LARGEST_BYTES", 200)

    def row(k: int) -> dict[str, Any]:
        one = numbered(k)
        return one if rows == "one" else {"x": one["x"][None], "y": np.array([k])}

    check_numbered(hr.from_items(iter(range(100)), row, rows=rows), 100)
    large = hr.from_items([1_000, 0, 3], np.arange, rows="many")  # one result over many blocks
    np.testing.assert_array_equal(large["0"], [*range(1_000), 0, 1, 2])


def test_results_are_copied() -> None:
    shared = np.zeros(2)

    def refill(k: int) -> Any:
        shared[:] = k
        return shared

    assert hr.from_items([1, 2, 3], refill)["0"][:, 0].tolist() == [1, 2, 3]
    assert hr.from_items([1, 2, 3], refill, rows="many")["0"][::2].tolist() == [1, 2, 3]


def test_the_peak_is_the_data_once(run_script: RunScript) -> None:
    done = run_script(
        """
        import resource
        import numpy as np
        import headrace as hr
        row = np.zeros(1 << 18)  # 2 MB
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for items, rows in (range(150), "one"), (iter(range(150)), "one"), (range(150), "many"):
            ds = hr.from_items(items, lambda k: row + 1 if rows == "one" else row[None] + 1,
                               rows=rows)
            assert ds["0"][149, 7] == 1
            del ds
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        assert grown < 1.35 * 150 * row.nbytes, grown / (150 * row.nbytes)
        """
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([1, 2.5], r"float64, and that of item 0 \('a'\) is int64; convert it in fn"),
        ([True, 1], "is int64, .* is bool"),
        ([np.zeros(2), np.zeros(2, np.float32)], r"float32\[2\], .* is float64\[2\]; convert"),
        ([np.zeros(2), np.zeros(3)], r'float64\[3\].*float64\[2\]; pad or crop.*rows="many"'),
        ([(1, 2), (1, 2, 3)], "a tuple of 3, .* is a tuple of 2; return the same"),
        ([(1, 2), {"a": 1}], "a dict with a, .* is a tuple of 2"),
        ([{"a": 1, "b": 2}, {"a": 1, "c": 2}], "a dict with a, c, .* is a dict with a, b"),
        ([1, (1,)], "a tuple of 1, .* is an array or a number"),
        ([torch.ones(2, dtype=torch.bfloat16), np.ones(2, np.int16)], "is int16.*is bfloat16"),
        ([1, None], "it is None; is a return missing"),
        ([(1, 2), (1, None)], "column '1' is None"),
        ([1, "b"], r"column '0' is a str"),
        ([1, 2**70], "object is not supported"),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_results_that_differ_name_the_item(results: list[Any], message: str, threads: int) -> None:
    given = dict(zip("abc", [results[0], *results], strict=False))
    with pytest.raises(hr.HeadraceError, match=rf"fn's result for item 2 \('c'\): .*{message}"):
        hr.from_items(["a", "b", "c"], given.__getitem__, threads=threads)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, r"item 0 \('a'\): it is None; is a return missing"),
        ((), "empty tuple"),
        ({}, "empty dict"),
        ({1: 2}, "a column's name is a str"),
        ("text", r'is a str; fn returns numpy arrays.*rows="many".*a list of one'),
        (hr.csr([[1]], columns=2), r'SparseColumn; fn.*rows="many".*one row: a matrix of one'),
        pytest.param(object(), r"one of them or a tuple or a dict of them$", id="object"),
        (["text"], "'a': "),
        ([[1], [1, 2]], "a list that is no array"),
        (np.ma.masked_equal([1, 2], 1), "filled"),
        (np.zeros(2, np.complex64), "real and the imaginary"),
        (np.zeros(2, ">f4"), "foreign byte order"),
        (torch.zeros(2).to_sparse(), "to_dense"),
        ({"x": {"y": 1}}, "column 'x' is a dict"),
    ],
    ids=str,
)
def test_results_that_cannot_be_kept_say_why(result: Any, message: str) -> None:
    message = message.replace("'a': ", "unique")
    with pytest.raises(hr.HeadraceError, match=message):
        hr.from_items(["a"], lambda item: result)


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([5], "single number"),
        ([np.zeros(3), np.array(5.0)], "single number"),
        ([(np.zeros(2), np.zeros(3))], "'0' has 2 rows and column '1' has 3"),
        ([(np.zeros(2), np.zeros(2)), (np.zeros(1), np.zeros(3))], "'0' has 1 rows .* '1' has 3"),
        ([np.zeros((2, 4)), np.zeros((2, 3))], r"float64\[3\].*rows of all items equal"),
        ([np.zeros(0)], "zero rows"),
    ],
)
def test_many_rows_that_cannot_be_right(results: list[Any], message: str) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        hr.from_items(results, lambda x: x, rows="many")


@pytest.mark.parametrize("how", ["here", "threads", "submit only", "processes"])
def test_an_exception_names_its_item(how: str, processes: ProcessPoolExecutor) -> None:
    arguments = ways(processes)
    message = r"fn raised KeyError for item 7 \(7\): 'seven'"
    with pytest.raises(hr.TransformError, match=message) as caught:
        hr.from_items(range(100), fail_at_seven, **arguments[how])
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.code == "transform"
    if how == "processes":
        assert "fail_at_seven" in str(caught.value.__cause__.__cause__)
    with pytest.raises(hr.InvalidError, match="item 7"):
        hr.from_items(range(100), none_at_seven, **arguments[how])


def test_the_name_of_an_item_is_short() -> None:
    with pytest.raises(hr.TransformError) as caught:
        hr.from_items(["x" * 10_000], lambda item: 1 / 0)
    assert len(str(caught.value)) < 250


def test_what_is_pending_is_cancelled_when_an_item_fails() -> None:
    futures: list[Future[Any]] = []

    class OneAtATime:
        """Works out the first submission, and leaves the others for later."""

        def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
            futures.append(Future())
            if len(futures) == 1:
                futures[0].set_result(fn(*args))
            return futures[-1]

    with pytest.raises(hr.TransformError, match="item 0"):
        hr.from_items(range(1_000), lambda k: 1 // k, executor=OneAtATime())
    assert len(futures) > 1
    assert all(future.cancelled() for future in futures[1:])


def test_threads_stop_when_an_item_fails() -> None:
    called: list[int] = []

    def fail_at_three(k: int) -> int:
        called.append(k)
        return 1 // (sleepy(k) - 3)

    with pytest.raises(hr.TransformError, match="item 3"):
        hr.from_items(range(1_000), fail_at_three, threads=2)
    time.sleep(0.1)
    assert len(called) < 12


def test_few_items_are_under_way_at_a_time() -> None:
    given = 0

    def items() -> Iterator[int]:
        nonlocal given
        while given < 10_000:
            yield given
            given += 1

    ahead: list[int] = []

    def look(k: int) -> int:
        ahead.append(given - k)
        time.sleep(0.011)  # too long for chunks of several
        return k

    with pytest.raises(hr.TransformError):
        hr.from_items(items(), lambda k: look(k) if k < 50 else 1 // 0, threads=3)
    assert max(ahead) <= 6


def test_tiny_items_travel_in_chunks() -> None:
    executor = SubmitOnly()
    hr.from_items(iter(range(20_000)), abs, executor=executor)
    assert executor.calls < 500
    executor = SubmitOnly()
    hr.from_items(range(256), abs, executor=executor)
    assert executor.calls >= 120, "each worker should get some"


def test_functions_that_cannot_be_sent_say_so(processes: ProcessPoolExecutor) -> None:
    with pytest.raises(hr.TransformError, match=r"item 0 \(0\).*top of a module"):
        hr.from_items(range(4), lambda k: k, executor=processes)
    assert hr.from_items([3], functools.partial(pow, 2), executor=processes)[0] == (8,)


def test_a_pool_that_is_shut_down_or_breaks_says_so() -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(hr.TransformError, match=r"executor failed at item 0.*after shutdown"):
        hr.from_items(range(4), abs, executor=pool)
    breaking = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    with breaking, pytest.raises(hr.TransformError, match="BrokenProcessPool"):
        hr.from_items(range(4), os._exit, executor=breaking)


def test_an_error_of_the_items_themselves_is_theirs() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the list ends here")

    for threads in (1, 2):
        with pytest.raises(OSError, match="ends here"):
            hr.from_items(items(), abs, threads=threads)


@pytest.mark.parametrize(
    ("items", "fn", "arguments", "message"),
    [
        ([], abs, {}, "there are no items"),
        (iter([]), abs, {"threads": 2}, "there are no items"),
        ("*.txt", abs, {}, "glob"),
        (b"*.txt", abs, {}, "glob"),
        (3, abs, {}, "items is anything to iterate over, or with len"),
        (list, abs, {}, "items is anything to iterate over, or with len"),
        ([1], "abs", {}, "no function"),
        ([1], abs, {"rows": "all"}, 'rows is "one" or "many"'),
        ([1], abs, {"threads": 0}, "threads must lie between 1"),
        ([1], abs, {"threads": 2, "executor": SubmitOnly()}, "exclude each other"),
        ([1], abs, {"executor": 4}, "submit"),
        ([1], abs, {"executor": ProcessPoolExecutor}, "submit"),
        ([1], abs, {"progress": 3}, "progress is True"),
    ],
)
def test_arguments_that_cannot_be_right(items: Any, fn: Any, arguments: Any, message: str) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        hr.from_items(items, fn, **arguments)


@pytest.mark.parametrize("threads", [1, 3])
def test_items_may_be_asked_by_number(threads: int) -> None:
    class Endless(torch.utils.data.Dataset[int]):
        """Knows no IndexError, as many datasets of torch do."""

        def __len__(self) -> int:
            return 50

        def __getitem__(self, index: int) -> int:
            return 2 * (index % 50)

    class Broken(Endless):
        def __getitem__(self, index: int) -> int:
            raise OSError(f"no item {index}")

    seen: list[Any] = []
    ds = hr.from_items(
        Endless(), lambda x: x + 1, threads=threads, progress=lambda *x: seen.append(x)
    )
    assert ds["0"][:].tolist() == list(range(1, 101, 2))
    assert seen[-1] == (50, 50)
    with pytest.raises(OSError, match="no item 0"):
        hr.from_items(Broken(), abs, threads=threads)


def test_a_length_that_is_wrong_is_only_a_guess() -> None:
    class Liar(list[int]):
        def __len__(self) -> int:
            return 3

    assert len(hr.from_items(Liar(range(7)), abs)) == 7
    assert len(hr.from_items(Liar(range(2)), abs)) == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_ends_at_once(threads: int, run_script: RunScript) -> None:
    done = run_script(
        f"""
        import os, signal, threading, time
        import headrace as hr
        began = time.monotonic()
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            hr.from_items(iter(range(10**9)), lambda k: time.sleep(0.05) or k, threads={threads})
        except KeyboardInterrupt:
            assert time.monotonic() - began < 2
            print("interrupted")
        """
    )
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    hr.from_items(range(100), abs, threads=4)
    assert threading.active_count() == before
    with pytest.raises(hr.TransformError):
        hr.from_items(range(100), fail_at_seven, threads=4)
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_files_are_read_once_and_kept(tmp_path: Path) -> None:
    for k in range(20):
        (tmp_path / f"{k:02}.txt").write_text(f"{k} {k + 1}")
    ds = hr.from_items(sorted(tmp_path.glob("*.txt")), np.loadtxt, threads=2)
    for path in tmp_path.glob("*.txt"):
        path.unlink()
    np.testing.assert_array_equal(ds["0"][:, 0], np.arange(20))
    assert pickle.loads(pickle.dumps(ds))[3][0].tolist() == [3.0, 4.0]


def test_the_name_of_an_item_survives_a_repr_that_fails() -> None:
    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert "Silent" in ordered_map.name_item(0, Silent())
