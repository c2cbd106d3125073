"""Datasets of shards are written: what a user gives, what is committed, and what is refused."""

from __future__ import annotations

import json
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
import pytest
from child_processes import running
from written import read_table, shard_files

import headrace as hr
from headrace import _core
from headrace.shard_builder import ShardBuilder, discard


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
        ({"path": "s3://user:word@bucket/corpus"}, "password"),
        ({"path": __file__}, "is a file"),
        ({"path": ""}, "directory"),
        ({"path": 7}, "directory"),
        ({"shard_bytes": "lots"}, "shard_bytes"),
        ({"shard_bytes": 0}, "shard_bytes"),
        ({"metadata": {"x": float("nan")}}, "JSON"),
        ({"metadata": {"x": object()}}, "JSON"),
        ({"metadata": [1]}, "dict"),
        ({"metadata": {"as_tuple": True}}, "choose another key"),
        ({"metadata": {"x": 1, "convert": {}}}, "choose another key"),
        ({"columns": {"w": {"widht": 3}}}, "widht"),
        ({"columns": {"w": 3}}, r"hr\.Field"),
        ({"columns": ["w"]}, "columns="),
        ({"columns": {"w": {"width": 0}}}, "width"),
        ({"columns": {"w": {"dtype": "float31"}}}, "float31"),
        ({"columns": {"w": {"kind": "tensro"}}}, r"no kind 'tensro'.*ragged"),
        ({"columns": {"w": {"row_shape": 3}}}, "row_shape"),
        ({"columns": {"w": {"row_shape": (3, 0)}}}, "row_shape"),
        ({"columns": {"w": {"binary": 1}}}, "binary"),
    ],
)
def test_arguments_that_cannot_be_are_refused(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    path = arguments.pop("path", tmp_path / "corpus")
    with pytest.raises((hr.InvalidError, hr.UnsupportedError), match=message):
        hr.Writer(path, **arguments)


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
        with running([sys.executable, "-c", script]) as child:
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
        writer = hr.Writer(path, shard_bytes="1MB")
        with pytest.raises(hr.IoError):
            writer.write(x=np.arange(1_000_000))
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


def test_what_was_written_is_opened(path: Path) -> None:
    x = np.arange(3000, dtype=np.float32).reshape(1000, 3)
    t = [f"row {i}" for i in range(1000)]
    with hr.Writer(path, shard_bytes="4KB") as writer:
        writer.write(x=x, t=t)
    ds = hr.open(path, verify=True)
    assert len(ds) == 1000
    assert ds.schema == writer.schema
    np.testing.assert_array_equal(ds["x"][:], x)
    assert ds["t"][:] == t
    rows = next(iter(hr.Loader(ds.select_columns(["x"]), batch_size=1000, output="numpy")))
    np.testing.assert_array_equal(rows["x"], x)


def test_metadata_alone_is_a_commit_of_a_dataset_that_is_there(path: Path) -> None:
    with hr.Writer(path, metadata={"license": "CC0"}) as writer:
        assert writer.commit() is None  # there is nothing that it would be about
        writer.write(x=[1])
    with hr.Writer(path, metadata={"license": None, "source": "here"}) as writer:
        pass
    assert writer.version == 2
    assert json.loads(_core.Directory(str(path)).read()["metadata"]) == {"source": "here"}
    assert read_table(path)["x"].to_pylist() == [1]


def test_shards_of_other_processes_are_committed_here(path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import pickle, sys, numpy as np
        from headrace.shard_builder import ShardBuilder
        builder = ShardBuilder({str(path)!r}, shard_bytes="2KB")
        assert builder.finish().entries == []
        assert builder.write({{"x": np.arange(1000)}}) == 1000
        built = builder.finish()
        assert builder.write({{"x": np.arange(9000)}}) == 9000
        del builder  # drops what it did not hand over
        sys.stdout.buffer.write(pickle.dumps(built))
        """
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    built = pickle.loads(answer)
    assert (built.rows, repr(built.schema)) == (1000, "Schema(x: int64)")
    assert len(shard_files(path)) == len(built.entries) > 2
    fields = [field.to_core() for field in built.schema.values()]
    _core.Directory(str(path)).commit(built.entries, fields)
    assert read_table(path)["x"].to_pylist() == list(range(1000))


def test_shards_that_will_not_be_committed_are_discarded(path: Path) -> None:
    builder = ShardBuilder(path, shard_bytes="2KB")
    builder.write({"x": np.arange(1000)})
    built = builder.finish()
    assert shard_files(path)
    discard(path, built.entries)
    assert not shard_files(path)
