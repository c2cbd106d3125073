"""Whatever a store does: the right rows, or a typed error in time; and nothing wrong stays behind.

Each fault, at the manifest and at three shards, once and until it is repaired. FAULT_MATRIX=all,
which `make check` sets, has every such case, over http:// as well, and reads in two ways.
"""

from __future__ import annotations

import functools
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fault_server import FaultServer, fault_server
from store_faults import FAULTS

import headrace as hr

ALL = os.environ.get("FAULT_MATRIX") == "all"
# A busy machine, and the client's own tries of what comes before the shards.
MORE_SECONDS = 6
WATCHDOG_SECONDS = 60
ROWS = 2000
SHARDS = 5
LARGE_ROWS, LARGE_WIDTH = 5000, 1000  # 40 MB
CANARIES = ("SIGCANARY", "AKIACANARY", "SECRETCANARY", "TOKENCANARY")
OPTIONS = {
    "access_key_id": "AKIACANARY",
    "secret_access_key": "SECRETCANARY",
    "session_token": "TOKENCANARY",
    "skip_signature": False,
}

# What is raised as long as a fault lasts, and what it says; None where it does no harm.
LASTING: dict[str, tuple[type[hr.HeadraceError], str] | None] = {
    "missing": (hr.NotFoundError, "it does not exist"),
    "denied": (hr.PermissionDeniedError, "access was denied"),
    "expired": (hr.PermissionDeniedError, "have expired"),
    "throttled": (hr.IoError, "429"),
    "busy": (hr.IoError, "503, SlowDown"),
    "broken": (hr.IoError, "500"),
    "cut": (hr.IoError, "the connection broke"),
    "short": (hr.TruncatedError, "shorter"),
    "flipped": (hr.CorruptError, "another hash"),
    "too_long": (hr.CorruptError, "other bytes than it was asked for"),
    "endless": None,
    "stalled": (hr.IoError, "in time"),
    "silent": (hr.IoError, "in time"),
    "reset": (hr.IoError, "the connection broke"),
    "refused": (hr.IoError, "the connection broke"),
    "changed": (hr.CorruptError, "another hash"),
    "unranged": (hr.CorruptError, "other bytes than it was asked for"),
    "empty": (hr.CorruptError, "other bytes than it was asked for"),
    "moved": None,
    "moved_in_circles": (hr.IoError, "in circles"),
    "dripping": (hr.IoError, "in time"),
}
# A manifest is asked for as a whole.
HARMLESS_AT_MANIFEST = frozenset({"unranged"})
# Once is enough for these: nothing says that they may pass.
FINAL = frozenset({"missing", "denied", "expired"})


@dataclass(frozen=True)
class Case:
    """A fault of one object; no `times` is until it is repaired."""

    fault: str
    place: str
    times: int | None
    scheme: str = "s3"

    @property
    def bucket(self) -> str:
        return f"{self.fault}-{self.place}-{self.times}-{self.scheme}".replace("_", "-").lower()

    @property
    def fetch_timeout(self) -> float:
        """Short for what is waited for, long for what should not happen."""
        return 2.0 if self.times is None else 4.0


Stored = tuple[FaultServer, dict[str, Any], dict[str, str]]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """A server, the columns of its dataset, and the objects by the place that they are at."""
    root = tmp_path_factory.mktemp("store")
    random = np.random.default_rng(0)
    columns = {
        "x": random.normal(size=(ROWS, 32)).astype(np.float32),
        "y": np.arange(ROWS),
    }
    with hr.Writer(root / "data", shard_bytes="64KB") as writer:
        writer.write(**columns)
    shards = hr.open(str(root / "data")).shard_ids
    assert len(shards) >= SHARDS
    keys = {
        "manifest": "data/manifests/00000000000000000001.arrow",
        "first": f"data/shards/{shards[0]}.arrow",
        "middle": f"data/shards/{shards[len(shards) // 2]}.arrow",
        "last": f"data/shards/{shards[-1]}.arrow",
    }
    with fault_server(root) as server:
        # What a process does once, such as importing the client, is in no case's time.
        ds = hr.open("s3://right/data", cache=root / "cache", storage_options=server.options)
        check_rows(read_batches(ds), columns)
        yield server, columns, keys


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    """A server of a shard that is fetched in three ranges."""
    root = tmp_path_factory.mktemp("store")
    with hr.Writer(root / "large") as writer:
        rows = np.arange(LARGE_ROWS, dtype=np.int64)
        writer.write(x=np.repeat(rows[:, None], LARGE_WIDTH, axis=1))
    with fault_server(root) as server:
        yield server


def open_case(case: Case, server: FaultServer, cache: Path) -> hr.Dataset:
    """Opens the dataset as the case sees it, with secrets that nothing may show."""
    if case.scheme == "http":
        url, options = f"{server.endpoint}/{case.bucket}/data", {}
    else:
        url, options = f"s3://{case.bucket}/data", {**server.options, **OPTIONS}
    return hr.open(
        url,
        cache=cache,
        cache_bytes="10MB",
        fetch_timeout=case.fetch_timeout,
        storage_options=options,
    )


def read_slices(ds: hr.Dataset) -> dict[str, Any]:
    return {name: ds[name][:] for name in ("x", "y")}


def read_batches(ds: hr.Dataset) -> dict[str, Any]:
    batches = list(hr.Loader(ds, batch_size=64, shuffle=False, num_threads=2))
    return {name: np.concatenate([np.asarray(b[name]) for b in batches]) for name in ("x", "y")}


Read = Callable[[hr.Dataset], "dict[str, Any]"]


def try_case(case: Case, stored: Stored, cache: Path, read: Read) -> None:
    """Reads all rows while the fault is there, and after its repair; checks all that is seen."""
    server, columns, keys = stored
    server.inject(case.bucket, keys[case.place], case.fault, times=case.times)
    ds, failure = None, None
    start = time.monotonic()
    try:
        ds = open_case(case, server, cache)
        check_rows(read(ds), columns)
    except hr.HeadraceError as error:
        failure = error
    assert time.monotonic() - start < case.fetch_timeout + MORE_SECONDS
    check_failure(case, failure, keys[case.place])
    server.repair(case.bucket)
    # The same dataset if there is one: no process has to be started anew.
    ds = ds or open_case(case, server, cache)
    check_rows(read(ds), columns)
    check_cache(cache, server.folder / "data", shards=len(ds.shard_ids))


def check_rows(found: dict[str, Any], columns: dict[str, Any]) -> None:
    for name, values in columns.items():
        np.testing.assert_array_equal(found[name], values)


def check_cache(cache: Path, dataset: Path, *, shards: int) -> None:
    """What lies in the cache is, byte for byte, what was committed."""
    found = list(cache.glob("*/*.shard"))
    assert len(found) == shards
    for path in found:
        committed = dataset / "shards" / f"{path.name.split('.')[1]}.arrow"
        assert path.read_bytes() == committed.read_bytes(), path
    assert not list(cache.glob("*/*.part"))


def check_failure(case: Case, failure: hr.HeadraceError | None, key: str) -> None:
    lasting = LASTING[case.fault]
    if case.place == "manifest" and case.fault in HARMLESS_AT_MANIFEST:
        lasting = None
    if lasting is None:
        assert failure is None, repr(failure)
        return
    if case.times is not None and case.fault not in FINAL:
        # Who opens a dataset is told at once of bytes that are wrong.
        assert failure is None or case.place == "manifest", repr(failure)
        return
    if failure is None and case.times is not None:
        return  # it was asked for again, before anybody waited for it
    assert failure is not None
    text = f"{failure} {failure!r} {failure.__cause__!r} {failure.__context__!r}"
    if case.place == "manifest":  # damage may show in other ways before its hash is looked at
        damage = () if case.fault in FINAL else (hr.CorruptError, hr.TruncatedError)
        assert isinstance(failure, (lasting[0], *damage)), text
    else:
        assert isinstance(failure, lasting[0]), text
        assert lasting[1] in str(failure)
    assert Path(key).name in str(failure)
    assert f"{case.bucket}/data" in str(failure)
    assert "?" not in text
    assert not [canary for canary in CANARIES if canary in text], text


def together(calls: Mapping[Any, Callable[[], None]]) -> None:
    """Makes calls side by side, under a watchdog; raises what they do."""
    failed: dict[Any, BaseException] = {}

    def run(name: Any, call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001  # raised below
            failed[name] = error

    threads = {
        name: threading.Thread(target=run, args=(name, call), daemon=True)
        for name, call in calls.items()
    }
    end = time.monotonic() + WATCHDOG_SECONDS
    for thread in threads.values():
        thread.start()
    for name, thread in threads.items():
        thread.join(max(0.0, end - time.monotonic()))
        assert not thread.is_alive(), f"{name} hangs"
    for name, error in failed.items():
        raise AssertionError(f"{name}: {error}") from error


def cases_of(fault: str) -> list[Case]:
    if not ALL:
        chosen = {"manifest": None, "first": 1, "middle": None, "last": 1}
        return [Case(fault, place, times) for place, times in chosen.items()]
    places = ("manifest", "first", "middle", "last")
    return [
        Case(fault, place, times, scheme)
        for place, times, scheme in itertools.product(places, (1, None), ("s3", "http"))
    ]


# Nearly all of their time is waiting, so several go together: no more than two busy processors
# serve in time, since each case has a dozen threads.
TOGETHER = 1 if ALL else 3
NAMES = list(FAULTS)


@pytest.mark.parametrize("read", [read_slices, read_batches] if ALL else [read_batches])
@pytest.mark.parametrize(
    "faults", [NAMES[first : first + TOGETHER] for first in range(0, len(NAMES), TOGETHER)]
)
def test_rows_are_right_or_there_is_a_typed_error(
    faults: list[str], read: Read, stored: Stored, tmp_path: Path
) -> None:
    together(
        {
            case: functools.partial(try_case, case, stored, tmp_path / case.bucket, read)
            for fault in faults
            for case in cases_of(fault)
        }
    )


@pytest.mark.parametrize("fault", ["changed", "unranged", "cut", "short", "flipped", "missing"])
def test_a_fault_of_one_range_of_a_large_shard(
    fault: str, large: FaultServer, tmp_path: Path
) -> None:
    url = f"s3://{fault}/large"
    ds = hr.open(url, cache=tmp_path, cache_bytes="100MB", storage_options=large.options)
    key = f"large/shards/{ds.shard_ids[0]}.arrow"
    large.inject(fault, key, fault, after=1, times=1)
    if fault in FINAL:
        with pytest.raises(LASTING[fault][0]):  # type: ignore[index]
            ds["x"][0]
    assert ds["x"][:].sum() == LARGE_ROWS * (LARGE_ROWS - 1) // 2 * LARGE_WIDTH
    # A range within the half that is left is not short.
    assert large.gets[f"/{fault}/{key}"] > (2 if fault == "short" else 3)
    check_cache(tmp_path, large.folder / "large", shards=1)


def test_every_fault_is_expected() -> None:
    assert LASTING.keys() == FAULTS.keys()
