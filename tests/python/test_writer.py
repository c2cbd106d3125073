"""Datasets of shards are written: what a user gives, what is committed, and what is refused."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

import headrace as hr
from headrace import _core
from headrace.schema import Schema


def read_table(path: Path, version: int = 0) -> pa.Table:
    """Returns the rows of a version through pyarrow, in the order of its manifest."""
    entries = _core.Directory(str(path)).entries(version)
    parts = []
    for entry in entries:
        file = path / "shards" / f"{entry['id']}.arrow"
        assert file.stat().st_size == entry["stored_bytes"]
        parts.append(pa.ipc.open_file(pa.memory_map(str(file))).read_all())
        assert len(parts[-1]) == entry["rows"]
    return pa.concat_tables(parts)


def shard_files(path: Path) -> list[Path]:
    return sorted((path / "shards").glob("*")) if (path / "shards").exists() else []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "corpus"


def test_rows_come_back_in_order_from_many_small_shards(path: Path) -> None:
    x = np.arange(3000, dtype=np.float32).reshape(1000, 3)
    t = [f"row {i}" * (i % 5) for i in range(1000)]
    with hr.Writer(path, shard_bytes="4KB") as writer:
        for start in range(0, 1000, 37):
            writer.write(x=x[start : start + 37], t=t[start : start + 37])
        assert writer.rows == 1000
        assert writer.version is None
    assert repr(writer).endswith("corpus', 1000 rows, version 1, closed)")
    table = read_table(path)
    assert len(shard_files(path)) > 5
    np.testing.assert_array_equal(np.stack(table["x"].to_numpy()), x)
    assert table["t"].to_pylist() == t


def test_nothing_is_visible_before_the_commit_and_all_of_it_after(path: Path) -> None:
    directory = _core.Directory(str(path))
    with hr.Writer(path, shard_bytes="1KB") as writer:
        writer.write(x=np.arange(1000))
        assert shard_files(path)
        assert directory.newest() == 0
        assert writer.commit() == 1
        assert directory.read()["rows"] == 1000
        writer.write(x=np.arange(1000, 1500))
        assert directory.newest() == 1
        assert writer.rows == 1500
    assert writer.version == 2
    assert read_table(path)["x"].to_pylist() == list(range(1500))
    assert read_table(path, 1)["x"].to_pylist() == list(range(1000))


def test_leaving_by_an_exception_drops_everything_since_the_last_commit(path: Path) -> None:
    def fail() -> None:
        with hr.Writer(path, shard_bytes="1KB") as writer:
            writer.write(x=np.arange(500))
            writer.commit()
            writer.write(x=np.arange(5000))
            raise KeyError("the user's")

    with pytest.raises(KeyError, match="the user's"):
        fail()
    entries = _core.Directory(str(path)).entries()
    assert {file.stem for file in shard_files(path)} == {entry["id"] for entry in entries}
    assert read_table(path)["x"].to_pylist() == list(range(500))


def test_a_writer_adds_to_a_dataset_whose_columns_hold(path: Path) -> None:
    with hr.Writer(path, metadata={"source": "first", "kept": 1}) as writer:
        writer.write(x=np.zeros((2, 3), np.float32), y=[1, 2])
    with hr.Writer(path, metadata={"source": "second"}) as writer:
        assert repr(writer.schema) == "Schema(x: float32[3], y: int64)"
        with pytest.raises(hr.InvalidError, match=r"'x' is float32\[3\].*float64\[3\].*astype"):
            writer.write(x=np.zeros((2, 3)), y=[1, 2])
        with pytest.raises(hr.InvalidError, match=r"lacks column 'y'"):
            writer.write(x=np.zeros((2, 3), np.float32))
        with pytest.raises(hr.InvalidError, match=r"column 'z'.*not before"):
            writer.write(x=np.zeros((2, 3), np.float32), y=[1, 2], z=[1, 2])
        writer.write(y=[3], x=np.ones((1, 3), np.float32))
    assert read_table(path)["y"].to_pylist() == [1, 2, 3]
    assert '"kept": 1' in _core.Directory(str(path)).read()["metadata"].replace(
        '":', '": '
    ).replace('":  ', '": ')
    with pytest.raises(hr.InvalidError, match=r"columns= says.*int32.*new directory"):
        hr.Writer(path, columns={"y": {"dtype": "int32"}})


def test_a_mismatch_takes_nothing_of_the_batch(path: Path) -> None:
    with hr.Writer(path) as writer:
        writer.write(x=[1, 2], t=["a", "b"])
        with pytest.raises(hr.InvalidError, match=r"'x' has 3 rows and column 't' has 1"):
            writer.write(x=[3, 4, 5], t=["c"])
        with pytest.raises(hr.InvalidError, match=r"'t' is text.*int64"):
            writer.write(x=[3], t=[4])
        with pytest.raises(hr.InvalidError, match=r"column 't' began as text, and row 1 .* int"):
            writer.write(x=[3, 4], t=["c", 4])
        writer.write(x=[3], t=["c"])
    assert read_table(path).to_pydict() == {"x": [1, 2, 3], "t": ["a", "b", "c"]}


def test_memory_may_be_changed_after_write(path: Path) -> None:
    x = np.zeros(100)
    with hr.Writer(path) as writer:
        for value in range(5):
            x[:] = value
            writer.write(x=x)
    assert read_table(path)["x"].to_pylist() == [float(v) for v in range(5) for _ in range(100)]


def test_strided_arrays_and_tensors_are_written_as_they_look(path: Path) -> None:
    x = np.arange(2400, dtype=np.int16).reshape(40, 60)
    with hr.Writer(path) as writer:
        writer.write(a=x[::2, ::3], b=x.T[:20], c=torch.arange(60).reshape(3, 20).T, d=x[::-2, 0])
    table = read_table(path)
    np.testing.assert_array_equal(np.stack(table["a"].to_numpy()), x[::2, ::3])
    np.testing.assert_array_equal(np.stack(table["b"].to_numpy()), x.T[:20])
    np.testing.assert_array_equal(np.stack(table["c"].to_numpy()), np.arange(60).reshape(3, 20).T)
    assert table["d"].to_pylist() == x[::-2, 0].tolist()


def test_no_rows_are_nothing(path: Path) -> None:
    with hr.Writer(path) as writer:
        assert writer.commit() is None
        writer.write(x=np.empty((0, 3)), t=[])
        writer.write(x=[], t=[])
        assert writer.schema is None
        with pytest.raises(hr.InvalidError, match="takes columns as keywords"):
            writer.write()
        with pytest.raises(hr.InvalidError, match="at least one column"):
            writer.write({})
    assert writer.version is None
    assert not path.exists()


def test_a_sparse_column_widens_until_it_is_committed(path: Path) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    with hr.Writer(path) as writer:
        writer.write(w=sparse.csr_matrix(np.eye(3, 5)))
        writer.write(w=sparse.csr_array(np.eye(3, 9)))
        writer.write(w=sparse.coo_matrix(np.eye(3, 4)))
        assert repr(writer.schema) == "Schema(w: csr float64[9])"
        writer.commit()
        with pytest.raises(hr.InvalidError, match=r"'w' is 9 wide.*index 11.*width"):
            writer.write(w=sparse.csr_matrix(np.eye(12, 12)))
        writer.write(w=sparse.csr_matrix(np.eye(3, 12)))  # whose last columns are empty
    assert (
        Schema(map(hr.Field.from_core, _core.Directory(str(path)).read()["schema"]))["w"].width == 9
    )
    rows = read_table(path)["w"].to_pylist()
    assert [row[0]["indices"] for row in rows] == [0, 1, 2] * 4


def test_sparse_input_keeps_its_sums_and_its_index_type(path: Path) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    twice = sparse.csr_matrix(([1.0, 2.0, 4.0], [3, 1, 3], [0, 3]), shape=(1, 5))
    wide = sparse.csr_matrix(np.eye(1, 5))
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    with hr.Writer(path, columns={"w": {"width": 30000, "index_dtype": "int32"}}) as writer:
        writer.write(w=twice)
        writer.write(w=wide)
        assert repr(writer.schema) == "Schema(w: csr float64[30000])"
    assert not twice.has_canonical_format  # the caller's was not touched
    rows = read_table(path)["w"].to_pylist()
    assert rows[0] == [{"indices": 1, "values": 2.0}, {"indices": 3, "values": 5.0}]
    assert rows[1] == [{"indices": 0, "values": 1.0}]


def test_binary_sparse_columns_keep_no_values(path: Path) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    with hr.Writer(path, columns={"w": {"binary": True}}) as writer:
        writer.write(w=sparse.csr_matrix(np.eye(3, 5, dtype=np.int8)))
        with pytest.raises(hr.InvalidError, match=r"'w' is binary.*other than 1"):
            writer.write(w=sparse.csr_matrix(2 * np.eye(3, 5)))
    assert read_table(path)["w"].to_pylist() == [[0], [1], [2]]
    with hr.Writer(path.parent / "copy") as copy:
        copy.write(read_table(path))
        assert repr(copy.schema) == "Schema(w: csr binary[5])"


def test_lists_have_the_dtype_of_their_column(path: Path) -> None:
    with hr.Writer(path, columns={"x": {"dtype": "float32"}, "i": {"dtype": np.uint8}}) as writer:
        writer.write(x=[1, 2], i=[1, 255])
        writer.write(x=[0.5, 2], i=[1, 2])
        with pytest.raises(hr.InvalidError, match=r"'i' is uint8.*int64"):
            writer.write(x=[0.5], i=[256])
        with pytest.raises(hr.InvalidError, match=r"'i' is uint8.*float64"):
            writer.write(x=[0.5], i=[1.5])
    assert read_table(path)["x"].to_pylist() == [1, 2, 0.5, 2]


def test_ragged_columns_are_marked(path: Path) -> None:
    with hr.Writer(path, columns={"q": {"kind": "ragged"}}) as writer:
        writer.write(
            r=hr.ragged([np.ones((2, 3)), np.zeros((0, 3)), np.full((1, 3), 7.0)]),
            s=hr.ragged(np.arange(6), offsets=np.array([1, 1, 4, 5], np.int32)),
            q=[[1], [2, 3], []],
        )
        with pytest.raises(hr.InvalidError, match=r"column s, row 1 of the batch: .*offset 9"):
            writer.write(
                r=hr.ragged([np.ones((2, 3))] * 2),
                s=hr.ragged(np.arange(6), offsets=[0, 1, 9]),
                q=[[1], [2]],
            )
        with pytest.raises(hr.InvalidError, match=r"different shapes.*hr\.ragged\(rows\)"):
            hr.Writer(path.parent / "other").write(x=[np.ones(2), np.ones(3)])
    table = read_table(path)
    assert [len(row) for row in table["r"].to_pylist()] == [2, 0, 1]
    assert table["s"].to_pylist() == [[], [1, 2, 3], [4]]
    assert table["q"].to_pylist() == [[1], [2, 3], []]


def test_text_that_is_no_unicode_is_refused_and_bytes_are_not(path: Path) -> None:
    with hr.Writer(path) as writer:
        with pytest.raises(hr.InvalidError, match=r"'t', row 1 .*surrogateescape"):
            writer.write(t=["fine", os.fsdecode(b"\xff")])
        hostile = pa.Array.from_buffers(
            pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff")]
        )
        with pytest.raises(hr.InvalidError, match=r"column t, row 0 .*UTF-8"):
            writer.write(t=hostile)
        writer.write(t=np.array(["grün", "", "日本"]))
        writer.write(t=np.array(["object"], dtype=object))
    assert read_table(path)["t"].to_pylist() == ["grün", "", "日本", "object"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, None, 3], r"'x' has 1 null values in 3 rows.*fill="),
        (pa.array([None, None, 1]), r"'x' has 2 null values in 3 rows.*x_valid"),
        (pa.array([[1, None], [2], []]), r"'x' has 1 null elements within"),
        (pa.array([[1, None]] * 3, pa.list_(pa.int8(), 2)), r"'x' has 3 null values within"),
        (pa.nulls(3), r"'x' has 3 null values"),
        (pa.array([1, 2, 3], pa.timestamp("ns")), r"timestamp.*pyarrow\.int64"),
        (pa.array([1, 2, 3], pa.date32()), r"date32.*pyarrow\.int32"),
        (pa.array([1, 2, 3], pa.decimal128(9, 2)), r"decimal.*float64"),
        (pa.array([{"a": 1}] * 3), r"struct.*flatten"),
        (pa.array([[(1, 2)]] * 3, pa.map_(pa.int8(), pa.int8())), r"map.*two columns"),
        (pa.array([["a"]] * 3), r"lists of .*string"),
        (pa.array([[{"a": 1}]] * 3), r"structures with the fields a"),
        (np.array(["2020-01-01"] * 3, "datetime64[D]"), r"datetime64.*int64"),
        (np.ma.masked_array([1, 2, 3], [0, 1, 0]), r"masked.*filled"),
        (torch.ones(3).to_sparse(), r"layout"),
        ({"a": 1}, r"dict"),
        (7, r"single number"),
        (hr.chunks([np.ones(3)]), r"hr\.chunks; write each"),
    ],
)
def test_what_no_column_can_hold_is_refused_with_advice(
    path: Path, value: object, message: str
) -> None:
    with hr.Writer(path) as writer:
        with pytest.raises((hr.InvalidError, hr.UnsupportedError), match=message) as caught:
            writer.write(x=value, y=[1, 2, 3])
        assert caught.value.column == "x"
        assert writer.rows == 0


def test_fill_stands_in_for_nulls_and_says_where(path: Path) -> None:
    table = pa.table(
        {
            "n": pa.array([1, None, 3], pa.int32()),
            "t": ["a", None, "c"],
            "v": pa.array([[1.0, 2.0], None, [5.0, 6.0]], pa.list_(pa.float32(), 2)),
            "r": pa.array([[1], None, [2, 3]]),
            "whole": [1, 2, 3],
        }
    )
    fill = {"n": -1, "t": "", "v": 0.5, "r": []}
    with hr.Writer(path, fill=fill) as writer:
        writer.write(table)
        writer.write(table.slice(2))  # without nulls
        assert writer.schema is not None
        assert list(writer.schema)[5:] == ["n_valid", "t_valid", "v_valid", "r_valid"]
    found = read_table(path).to_pydict()
    assert found["n"] == [1, -1, 3, 3]
    assert found["t"] == ["a", "", "c", "c"]
    assert found["v"] == [[1, 2], [0.5, 0.5], [5, 6], [5, 6]]
    assert found["r"] == [[1], [], [2, 3], [2, 3]]
    assert found["n_valid"] == found["r_valid"] == [1, 0, 1, 1]
    with hr.Writer(path, fill=fill) as writer:  # adds to what it filled
        writer.write(table)
    assert len(read_table(path)) == 7


def test_a_fill_that_does_not_fit_is_refused(path: Path) -> None:
    numbers, late = pa.array([1, None], pa.uint8()), pa.array([1, 2], pa.uint8())
    for fill in (-1, 0.5, 256, "a", float("nan")):
        with (
            hr.Writer(path, fill=fill) as writer,
            pytest.raises(hr.InvalidError, match=r"cannot stand in for nulls of column 'x'"),
        ):
            writer.write(x=numbers)
    with hr.Writer(path, fill=0) as writer:
        writer.write(x=late)
        with pytest.raises(hr.InvalidError, match=r"'x' has nulls in this batch.*fill=\{'x'"):
            writer.write(x=numbers)


def test_tables_of_all_libraries_are_taken(path: Path) -> None:
    pl, pd = pytest.importorskip("polars"), pytest.importorskip("pandas")
    columns = {"n": [1, 2], "t": ["a", "b"]}
    stream = pa.table(columns).to_reader()
    with hr.Writer(path) as writer:
        for table in (columns, pa.table(columns), pl.DataFrame(columns), pd.DataFrame(columns),
                      pa.record_batch(columns), stream):  # fmt: skip
            writer.write(table)
        writer.write(n=pl.Series([9]), t=pd.Series(["z"]))
        writer.write(n=pa.chunked_array([[9], [9]]), t=pl.Series(["z", "z"], dtype=pl.Categorical))
        with pytest.raises(hr.InvalidError, match="two columns named 'n'"):
            writer.write(pa.table([[1], [2]], names=["n", "n"]))
        with pytest.raises(hr.InvalidError, match="not as a list"):
            writer.write([{"n": 1}])
    assert read_table(path)["n"].to_pylist() == [1, 2] * 6 + [9] * 3
    assert read_table(path)["t"].to_pylist() == ["a", "b"] * 6 + ["z"] * 3


def test_duckdb_results_are_taken(path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    with hr.Writer(path) as writer:
        writer.write(duckdb.sql("select range as n, range::varchar as t from range(5000)"))
    table = read_table(path)
    assert table["n"].to_pylist() == list(range(5000))
    assert table["t"].to_pylist() == [str(n) for n in range(5000)]


def test_what_was_written_can_be_written_again(path: Path) -> None:
    """Our own field metadata comes back: bool, bfloat16, csr."""
    sparse = pytest.importorskip("scipy.sparse")
    with hr.Writer(path) as writer:
        writer.write(
            m=np.array([True, False]),
            h=torch.ones(2, 3, dtype=torch.bfloat16),
            w=sparse.csr_matrix(np.eye(2, 900, dtype=np.float32)),
        )
    with hr.Writer(path.parent / "copy") as copy:
        copy.write(read_table(path))
    assert copy.schema == writer.schema
    assert read_table(path.parent / "copy").equals(read_table(path))


def test_a_closed_writer_says_so(path: Path) -> None:
    writer = hr.Writer(path)
    writer.write(x=[1])
    assert repr(writer).endswith("corpus', 1 rows, open)")
    writer.close()
    writer.close()
    for use in (lambda: writer.write(x=[2]), writer.commit):
        with pytest.raises(hr.InvalidError, match=r"is closed; make a new one"):
            use()
    assert repr(writer).endswith("corpus', 1 rows, version 1, closed)")


def test_a_writer_cannot_be_pickled(path: Path) -> None:
    with hr.Writer(path) as writer:
        with pytest.raises(hr.InvalidError, match="cannot be pickled"):
            pickle.dumps(writer)
        writer.write(x=[1])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_of_a_writer_is_refused_and_harms_nothing(path: Path) -> None:
    with hr.Writer(path, shard_bytes="1KB") as writer:
        writer.write(x=np.arange(1000))
        files = shard_files(path)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                writer.write(x=[1])
            except hr.InvalidError as error:
                writer.abort()
                status = 0 if "in each process" in str(error) and shard_files(path) == files else 2
            os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
    assert read_table(path)["x"].to_pylist() == list(range(1000))


def test_a_dropped_writer_warns_and_leaves_no_shards(path: Path) -> None:
    writer = hr.Writer(path, shard_bytes="1KB")
    writer.write(x=np.arange(1000))
    assert shard_files(path)
    with pytest.warns(ResourceWarning, match="1000 rows are lost"):
        del writer
    assert not shard_files(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "s3://bucket/corpus"}, "URL"),
        ({"path": __file__}, "is a file"),
        ({"path": ""}, "directory"),
        ({"path": 7}, "directory"),
        ({"shard_bytes": "lots"}, "shard_bytes"),
        ({"shard_bytes": 0}, "shard_bytes"),
        ({"metadata": {"x": float("nan")}}, "JSON"),
        ({"metadata": {"x": object()}}, "JSON"),
        ({"metadata": [1]}, "dict"),
        ({"columns": {"w": {"widht": 3}}}, "widht"),
        ({"columns": {"w": 3}}, r"hr\.Field"),
        ({"columns": ["w"]}, "columns="),
        ({"columns": {"w": {"width": 0}}}, "width"),
        ({"columns": {"w": {"dtype": "float31"}}}, "float31"),
    ],
)
def test_arguments_that_cannot_be_are_refused(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    path = arguments.pop("path", tmp_path / "corpus")
    with pytest.raises((hr.InvalidError, hr.UnsupportedError), match=message):
        hr.Writer(path, **arguments)


def test_columns_that_the_first_batch_lacks_are_refused(path: Path) -> None:
    with (
        hr.Writer(path, columns={"w": {"width": 10}}) as writer,
        pytest.raises(hr.InvalidError, match="'w', which the first batch does not have"),
    ):
        writer.write(x=[1])


def test_writers_in_many_processes_commit_all_of_their_rows_in_runs(path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import sys, numpy as np, headrace as hr
        for commit in range(3):
            with hr.Writer({str(path)!r}) as writer:
                for part in range(4):
                    what = np.arange(100) + 100 * part + commit
                    writer.write(who=np.full(100, int(sys.argv[1])), what=what)
        """
    )
    commands = [[sys.executable, "-c", script, str(number)] for number in range(4)]
    children = [subprocess.Popen(command) for command in commands]
    assert [child.wait(60) for child in children] == [0] * 4
    table = read_table(path)
    who, what = table["who"].to_numpy(), table["what"].to_numpy()
    assert len(who) == 4 * 3 * 400
    runs = [(int(who[start]), what[start : start + 400]) for start in range(0, len(who), 400)]
    for number in range(4):
        mine = [values for found, values in runs if found == number]
        assert [int(values[0]) for values in mine] == [0, 1, 2]  # each in its own order
        for commit, values in enumerate(mine):
            np.testing.assert_array_equal(values, np.arange(400) + commit)
    assert _core.Directory(str(path)).newest() == 12


def test_kill_while_writing_leaves_the_version_before(path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import numpy as np, headrace as hr
        writer = hr.Writer({str(path)!r}, shard_bytes="10KB")
        number = 0
        while True:
            writer.write(x=np.full(1000, number))
            number += 1
            if number % 5 == 0:
                print(writer.commit(), flush=True)
        """
    )
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            said = int(child.stdout.readline())
            time.sleep(0.02)
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read().split()
            said = int(rest[-1]) if rest else said
        newest = _core.Directory(str(path)).newest()
        assert newest in (said, said + 1)
        table = read_table(path)
        assert len(table) == 5000 * newest
    with hr.Writer(path) as writer:  # nothing is in its way
        writer.write(x=np.arange(3))
    assert len(read_table(path)) == 5000 * newest + 3


def test_the_disk_is_full(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "corpus"
    with hr.Writer(path) as writer:
        writer.write(x=np.arange(10))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        writer = hr.Writer(path)
        with pytest.raises(hr.IoError):
            writer.write(x=np.arange(40_000_000))
        with pytest.raises(hr.InvalidError, match="begin again"):
            writer.write(x=np.arange(3))
        writer.abort()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert read_table(path)["x"].to_pylist() == list(range(10))
    assert len(shard_files(path)) == 1


def test_memory_stays_below_two_record_batches(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import numpy as np, headrace as hr
        from headrace.shard_builder import ShardBuilder

        def anonymous():
            with open("/proc/self/status") as status:
                return sum(int(line.split()[1]) for line in status if line[:7] in ("RssAnon",))

        x = np.zeros((300, 1024), np.float32)
        texts = ["some text of a row " * 20] * 300
        builder = ShardBuilder({str(tmp_path)!r}, shard_bytes="1GB", body_bytes="16MiB")
        builder.write({{"x": x, "t": texts}})
        before = most = anonymous()
        for _ in range(200):
            builder.write({{"x": x, "t": texts}})
            most = max(most, anonymous())
        print(builder.rows, (most - before) * 1024)
        builder.abort()
        """
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert int(answer[0]) == 201 * 300  # 260 MB
    assert int(answer[1]) < 2 * 16 * 2**20
