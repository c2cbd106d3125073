"""Datasets are written to stores as to directories: whole, once, and by any number of writers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from child_processes import running
from object_stores import S3, Answer, download, http_server

import headrace as hr
from headrace import _core
from headrace.shard_builder import ShardBuilder
from headrace.stores import ObjectStore, uploads
from headrace.stores.manifests import (
    fetch_version,
    manifest_key,
    newest_version,
)
from headrace.stores.obstore_store import ObstoreStore
from headrace.stores.probe import check_writable
from headrace.stores.store_directory import StoreDirectory

Make = Callable[..., hr.Writer]
ROWS = 2000


@pytest.fixture
def writer(s3: S3) -> Make:
    return lambda **options: hr.Writer(s3.url(), storage_options=s3.options, **options)


def keys(store: ObjectStore) -> dict[str, int]:
    """How many objects there are of each folder."""
    folders = [found.key.split("/")[0] for found in store.list()]
    return {folder: folders.count(folder) for folder in sorted(set(folders))}


@pytest.mark.parametrize("compression", [None, "zstd"])
def test_rows_come_back(s3: S3, writer: Make, tmp_path: Path, compression: Any) -> None:
    rng = np.random.default_rng(0)
    steps = [rng.integers(0, 9, (ROWS, 8)) for _ in range(5)]
    with writer(shard_bytes="300KB", compression=compression, metadata={"a": 1}) as made:
        for step in steps:
            made.write(x=step, t=["text"] * ROWS)
    assert (made.rows, made.version, made.path) == (5 * ROWS, 1, s3.url())
    assert repr(made) == f"headrace.Writer({s3.url()!r}, {5 * ROWS} rows, version 1, closed)"
    assert keys(s3.open()) == {"latest": 1, "manifests": 1, "shards": 3}
    found = download(s3.open(), tmp_path / "copy")
    assert hr.verify(str(tmp_path / "copy")).ok
    if compression:
        found = hr.expand(tmp_path / "copy", tmp_path / "expanded")
    np.testing.assert_array_equal(found["x"][:], np.concatenate(steps))


def test_shards_are_uploaded_while_rows_are_written(s3: S3, writer: Make) -> None:
    with writer(shard_bytes="100KB") as made:
        for _ in range(30):
            made.write(x=np.zeros((ROWS, 2)))
            folder = Path(made._builder._path, "shards")
            assert len(list(folder.glob("*"))) <= 12
        assert keys(s3.open())["shards"] > 0
        assert newest_version(s3.open()) == 0
    assert not folder.exists()


def test_a_writer_adds_to_a_dataset_and_keeps_to_its_columns(s3: S3, writer: Make) -> None:
    with writer(metadata={"a": 1}) as made:
        made.write(x=np.arange(3))
        assert made.commit() == 1
        made.write(x=np.arange(4))
    with writer(metadata={"b": 2}) as again:
        assert again.schema == made.schema
        with pytest.raises(hr.InvalidError, match="x"):
            again.write(x=["text"])
        again.write(x=np.arange(5))
    directory = StoreDirectory(s3.open())
    info = directory.read()
    assert (info["version"], info["rows"], info["shards"]) == (3, 12, 3)
    assert info["metadata"] == '{"a":1,"b":2}'
    assert [entry["rows"] for entry in directory.entries(2)] == [3, 4]
    assert len(directory.origins()) == 0


def test_what_is_dropped_leaves_nothing(s3: S3, writer: Make) -> None:
    with contextlib.suppress(KeyError), writer(shard_bytes="100KB") as made:
        for _ in range(10):
            made.write(x=np.zeros((ROWS, 8)))
        assert keys(s3.open())["shards"] > 0
        raise KeyError
    assert keys(s3.open()) == {}


def test_other_columns_are_refused_and_their_shards_removed(s3: S3, writer: Make) -> None:
    first, second = writer(), writer()
    first.write(x=np.arange(3))
    second.write(y=np.arange(3))
    first.close()
    with pytest.raises(hr.InvalidError, match=f"a commit to {s3.url()} does not fit it") as caught:
        second.close()
    assert "headrace-manifests" not in f"{caught.value} {caught.value.file}"
    assert keys(s3.open()) == {"latest": 1, "manifests": 1, "shards": 1}


def test_writers_that_commit_at_once_lose_nothing(s3: S3, writer: Make, tmp_path: Path) -> None:
    def write(number: int) -> None:
        with writer() as made:
            for step in range(3):
                made.write(x=np.full(10, 10 * number + step))
                made.commit()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = download(s3.open(), tmp_path)
    assert newest_version(s3.open()) == 12
    expected = [10 * number + step for number in range(4) for step in range(3)]
    assert sorted(found["x"][:].tolist()) == sorted(expected * 10)


def test_an_append_chain_becomes_a_snapshot(s3: S3, writer: Make) -> None:
    with writer() as made:
        made.write(x=np.zeros(1000))
        for _ in range(4):
            made.commit()
            made.write(x=np.zeros(100))
    kinds = [StoreDirectory(s3.open()).read(version)["kind"] for version in range(1, 6)]
    assert kinds == ["snapshot", "append", "append", "snapshot", "append"]


class Unreliable(ObstoreStore):
    """Whose answers to puts of manifests are lost, or which never gets them."""

    arrives = True
    says: Any = False

    def put_if_absent(self, key: str, data: bytes) -> bool:
        if not key.startswith("manifests/"):
            return super().put_if_absent(key, data)
        done = self.arrives and super().put_if_absent(key, data)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says and done


def shard_in(store: ObjectStore, folder: Path, number: int) -> tuple[list[dict[str, Any]], Any]:
    """Puts a shard into the store that no version names."""
    builder = ShardBuilder(folder / str(number))
    builder.write({"x": np.full(3, number)})
    built = builder.finish()
    (path,) = (folder / str(number) / "shards").iterdir()
    store.put(f"shards/{path.name}", path)
    return built.entries, [field.to_core() for field in built.schema.values()]


@pytest.fixture
def unreliable(s3: S3) -> Unreliable:
    store = s3.open()
    assert isinstance(store, ObstoreStore)
    return Unreliable(store._store, store.url)


@pytest.mark.parametrize("says", [False, hr.StoreTimeoutError("lost"), hr.IoError("reset")])
@pytest.mark.parametrize("before", [0, 2])
def test_a_commit_whose_answer_is_lost_happens_once(
    unreliable: Unreliable, tmp_path: Path, says: Any, before: int
) -> None:
    directory = StoreDirectory(unreliable)
    unreliable.says = True
    for number in range(before):
        assert directory.commit(*shard_in(unreliable, tmp_path, number)) == number + 1
    unreliable.says = says
    assert directory.commit(*shard_in(unreliable, tmp_path, 9)) == before + 1
    assert newest_version(unreliable) == before + 1
    unreliable.says = True
    assert directory.commit(*shard_in(unreliable, tmp_path, 10)) == before + 2
    assert directory.read()["rows"] == 3 * (before + 2)


def test_a_commit_that_may_still_arrive_says_so_and_keeps_its_shards(
    unreliable: Unreliable, tmp_path: Path
) -> None:
    directory = StoreDirectory(unreliable)
    unreliable.arrives, unreliable.says = False, hr.StoreTimeoutError("no answer")
    entries, schema = shard_in(unreliable, tmp_path, 0)
    with pytest.raises(hr.IoError, match="whether version 1 was committed is not known"):
        directory.commit(entries, schema)
    directory.discard(entries)
    assert keys(unreliable) == {"shards": 1}


def test_a_commit_that_is_refused_leaves_the_directory_of_use(
    unreliable: Unreliable, tmp_path: Path
) -> None:
    directory = StoreDirectory(unreliable)
    unreliable.arrives, unreliable.says = False, hr.PermissionDeniedError("no")
    entries, schema = shard_in(unreliable, tmp_path, 0)
    with pytest.raises(hr.PermissionDeniedError):
        directory.commit(entries, schema)
    unreliable.arrives = unreliable.says = True
    assert directory.commit(entries, schema) == 1
    directory.discard(entries)
    assert keys(unreliable) == {"latest": 1, "manifests": 1, "shards": 1}


def test_conversions_notice_that_somebody_else_commits(s3: S3, tmp_path: Path) -> None:
    store = s3.open()
    alone, other = StoreDirectory(store, exclusive=True), StoreDirectory(store)
    assert alone.newest() == 0
    assert alone.commit(*shard_in(store, tmp_path, 0)) == 1
    assert alone.commit(*shard_in(store, tmp_path, 1)) == 2
    other.commit(*shard_in(store, tmp_path, 2))
    with pytest.raises(hr.InvalidError, match="somebody else committed version 3"):
        alone.commit(*shard_in(store, tmp_path, 3))


def test_manifests_are_fetched_for_readers(s3: S3, writer: Make, tmp_path: Path) -> None:
    store = s3.open()
    with pytest.raises(hr.NotFoundError, match="is no dataset of shards"):
        fetch_version(store, str(tmp_path / "none"))
    with writer() as made:
        for _ in range(5):
            made.write(x=np.zeros(1000 if made.rows == 0 else 50))
            made.commit()
    assert fetch_version(store, str(tmp_path / "new")) == 5
    assert fetch_version(store, str(tmp_path / "old"), 3) == 3
    for name, version, rows in ("new", 5, 1200), ("old", 3, 1100):
        directory = _core.Directory(str(tmp_path / name))
        assert directory.newest() == version
        assert sum(entry["rows"] for entry in directory.entries()) == rows
    copied = (tmp_path / "new" / manifest_key(5)).read_bytes()
    assert copied == store.get(manifest_key(5))
    with pytest.raises(hr.NotFoundError, match="lacks a version"):
        fetch_version(store, str(tmp_path / "old"), 9)


@pytest.mark.parametrize("hint", [None, b"", b"x", b"1", b"3\n", b"7", b"9" * 40])
def test_the_newest_version_is_found_whatever_the_hint_says(s3: S3, hint: bytes | None) -> None:
    store = s3.open()
    for version in range(1, 8):
        store.put(manifest_key(version), b"")
    if hint is not None:
        store.put("latest", hint)
    assert newest_version(store) == 7


def test_a_hint_to_a_manifest_that_is_gone_is_an_error(s3: S3) -> None:
    store = s3.open()
    store.put(manifest_key(1), b"")
    store.put("latest", b"2")
    with pytest.raises(hr.CorruptError, match="latest says that there is version 2"):
        newest_version(store)


def test_403_means_none_once_something_was_read() -> None:
    there = {f"/bucket/data/{manifest_key(1)}": b"", "/bucket/data/latest": b"1\n"}

    def answer(_: str, path: str, __: dict[str, str]) -> Answer:
        return (200, {}, there[path]) if path in there else (403, {}, b"")

    with http_server(answer) as url:
        store = S3.__new__(S3)
        store.bucket = "bucket"
        store.options = {
            "endpoint": url,
            "region": "x",
            "access_key_id": "a",
            "secret_access_key": "b",
            "retry_config": {"max_retries": 0},
        }
        assert newest_version(store.open()) == 1
        del there["/bucket/data/latest"]
        assert newest_version(store.open()) == 1
        there.clear()
        with pytest.raises(hr.PermissionDeniedError):
            newest_version(store.open())
        assert newest_version(store.open(), trusted=True) == 0


def test_a_store_that_replaces_what_is_there_is_refused(s3: S3) -> None:
    store = s3.open()
    assert isinstance(store, ObstoreStore)

    class Careless(ObstoreStore):
        def put_if_absent(self, key: str, data: bytes) -> bool:
            self.put(key, data)
            return True

    with pytest.raises(hr.UnsupportedError, match="commits could be lost"):
        check_writable(Careless(store._store, store.url))
    assert keys(store) == {}


def test_a_writer_says_at_once_what_is_wrong(s3: S3) -> None:
    with pytest.raises(hr.NotFoundError, match="the bucket does not exist"):
        hr.Writer("s3://no-such-bucket/data", storage_options=s3.options)
    expired = b"<Error><Code>ExpiredToken</Code></Error>"
    with (
        http_server(lambda *_: (400, {}, expired)) as url,
        pytest.raises(hr.PermissionDeniedError, match="have expired"),
    ):
        hr.Writer(s3.url(), storage_options={**s3.options, "endpoint": url})
    with pytest.raises(hr.InvalidError, match="storage_options= are for URLs"):
        hr.Writer("directory", storage_options=s3.options)
    with pytest.raises(hr.InvalidError, match="compression"):
        hr.Writer(s3.url(), storage_options=s3.options, compression="lz4")  # type: ignore[arg-type]


def test_an_upload_that_fails_is_the_writers_error(s3: S3, writer: Make) -> None:
    made = writer(shard_bytes="100KB")
    made.write(x=np.zeros(10))

    failed: Future[None] = Future()
    failed.set_exception(hr.IoError("the store is gone"))

    def write() -> None:
        for _ in range(50):
            made.write(x=np.zeros(ROWS))

    made._builder._uploads._store.begin_put = lambda *_: failed  # type: ignore[attr-defined]
    with pytest.raises(hr.IoError, match="the store is gone"):
        write()
    made.abort()
    assert keys(s3.open()) == {}


def test_no_room_for_shards_before_they_are_uploaded_is_said_to_be_that(run_script: Any) -> None:
    done = run_script(
        """
        import resource
        import numpy as np
        import headrace as hr
        writer = hr.Writer("memory://data", shard_bytes="8MB")
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        try:
            for _ in range(40):
                writer.write(x=np.zeros((100_000, 4)))
        except hr.IoError as error:
            print(error)
        """
    )
    assert "before they are uploaded: make room there, set TMPDIR" in done.stdout, done.stderr


def test_what_cannot_be_written_to_is_told_with_what_can() -> None:
    with (
        http_server(lambda *_: (405, {}, b"")) as url,
        pytest.raises(hr.UnsupportedError, match=r"no such operation; write to s3://"),
    ):
        hr.Writer(f"{url}/data")


def test_a_file_url_is_a_directory(tmp_path: Path) -> None:
    with hr.Writer(f"file://{tmp_path}/corpus") as made:
        made.write(x=np.arange(3))
    assert made.path == f"{tmp_path}/corpus"
    assert len(hr.open(f"file://{tmp_path}/corpus")) == 3


_KILLED = """
import sys, numpy as np, headrace as hr, json
with hr.Writer(sys.argv[1], storage_options=json.loads(sys.argv[2]), shard_bytes="100KB") as made:
    made.write(x=np.zeros(1000))
    made.commit()
    print("ready", flush=True)
    while True:
        made.write(x=np.zeros((1000, )))
        if sys.argv[3] == "commit":
            made.commit()
"""


@pytest.mark.parametrize("doing", ["upload", "commit"])
def test_a_killed_writer_leaves_whole_versions_only(s3: S3, tmp_path: Path, doing: str) -> None:
    arguments = [s3.url(), json.dumps(s3.options), doing]
    command = [sys.executable, "-c", _KILLED, *arguments]
    with running(command, env={**os.environ, "TMPDIR": str(tmp_path)}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.4)
        process.send_signal(signal.SIGKILL)
    newest = newest_version(s3.open())
    found = download(s3.open(), tmp_path / "copy")
    assert len(found) == 1000 * newest
    assert newest == 1 or doing == "commit"
    assert hr.verify(str(tmp_path / "copy")).ok
    with hr.Writer(s3.url(), storage_options=s3.options) as made:
        made.write(x=np.ones(5))
    assert made.version == newest + 1


def number_rows(number: int) -> dict[str, Any]:
    return {"x": np.full(100, number)}


@pytest.mark.parametrize("workers", [0, 2])
def test_conversions_go_on_where_they_were(s3: S3, tmp_path: Path, workers: int) -> None:
    with contextlib.ExitStack() as stack:
        executor = None
        if workers:
            pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
            executor = stack.enter_context(pool)
        versions = []
        for inputs in range(6), range(6), range(9):
            hr.convert(
                inputs,
                s3.url(),
                transform=number_rows,
                executor=executor,
                shard_bytes=2000,
                progress=False,
                compression="zstd",
                storage_options=s3.options,
            )
            versions.append(newest_version(s3.open()))
    assert versions[0] == versions[1] < versions[2]
    download(s3.open(), tmp_path / "copy")
    found = hr.expand(tmp_path / "copy", tmp_path / "expanded")
    np.testing.assert_array_equal(found["x"][:], np.repeat(np.arange(9), 100))
    assert keys(s3.open())["shards"] == len(found.shard_ids)


def test_shards_that_are_old_are_not_committed(
    s3: S3, writer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = writer()
    made.write(x=np.arange(3))
    monkeypatch.setattr(uploads, "_MOST_AGE_S", 0.0)
    with pytest.raises(hr.InvalidError, match="write its rows again, and commit more often"):
        made.commit()
    made.abort()
    assert newest_version(s3.open()) == 0


def test_a_conversion_ends_where_somebody_else_commits_and_goes_on_later(
    s3: S3, writer: Make, tmp_path: Path
) -> None:
    was_there: list[int] = []

    def interrupted(number: int) -> dict[str, Any]:
        if number == 3 and not was_there:
            was_there.append(number)
            with writer() as other:
                other.write(x=np.full(100, 7))
        return number_rows(number)

    def convert() -> None:
        hr.convert(
            range(5),
            s3.url(),
            transform=interrupted,
            version="1",
            shard_bytes=800,
            progress=False,
            storage_options=s3.options,
        )

    with pytest.raises(hr.InvalidError, match="somebody else committed"):
        convert()
    assert keys(s3.open())["shards"] == StoreDirectory(s3.open()).read()["shards"]
    convert()
    found = download(s3.open(), tmp_path)["x"][:]
    assert sorted(found.tolist()) == sorted(np.repeat([0, 1, 2, 3, 4, 7], 100).tolist())
