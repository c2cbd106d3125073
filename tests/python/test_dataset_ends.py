"""A dataset that nobody has any more leaves no threads behind, and no temporary cache."""

from __future__ import annotations

import gc
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

_SOON_S = 2.0


def numbers(sid: int) -> np.ndarray[Any, Any]:
    return np.arange(10 * sid, 10 * sid + 10)


def fails_late(sid: int) -> np.ndarray[Any, Any]:
    if sid == 3:
        raise KeyError(sid)
    return numbers(sid)


def of_a_store() -> None:
    url = f"memory://{uuid.uuid4()}"
    with hr.Writer(url) as writer:
        writer.write(x=np.arange(100))
    assert hr.open(url, cache_bytes="10MB")["x"][3] == 3


def of_a_function() -> None:
    assert hr.from_shards(range(5), numbers, rows=10, version="1", threads=4)[33][0] == 33


def of_a_function_that_fails() -> None:
    with pytest.raises(hr.TransformError):
        hr.from_shards(range(5), fails_late, version="1", threads=4)


def of_a_loader() -> None:
    ds = hr.from_shards(range(5), numbers, rows=10, version="1", threads=4)
    next(iter(hr.Loader(ds, batch_size=7, output="numpy")))


def fetching() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name.startswith("headrace-fetch-")}


@pytest.mark.parametrize("use", [of_a_store, of_a_function, of_a_function_that_fails, of_a_loader])
def test_nothing_stays(
    use: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = fetching()
    use()
    gc.collect()
    end = time.monotonic() + _SOON_S
    while (fetching() - before or any(tmp_path.iterdir())) and time.monotonic() < end:
        time.sleep(0.005)
    assert fetching() <= before
    assert not list(tmp_path.iterdir())
