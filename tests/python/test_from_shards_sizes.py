"""Shards that a function loads, of sizes that nobody knows before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr


def test_a_shard_that_is_larger_than_was_thought_is_loaded_once(tmp_path: Path) -> None:
    calls = []

    def load(sid: int) -> dict[str, Any]:
        calls.append(sid)
        return {"t": ["x" * sid] * 50}

    ds = hr.from_shards([1, 100, 10_000], load, rows=50, cache=tmp_path, version="1")
    assert [len(text) for text in ds["t"][::50]] == [1, 100, 10_000]
    assert sorted(calls) == [1, 100, 10_000]


def texts(sizes: list[int], rows: int, cache_bytes: int) -> hr.Dataset:
    """Shards whose sizes nobody knows before they are loaded."""
    return hr.from_shards(
        range(len(sizes)),
        lambda sid: {"t": hr.ragged([np.full(sizes[sid] // rows, sid, np.uint8)] * rows)},
        rows=rows,
        cache_bytes=cache_bytes,
        version="1",
    )


def test_what_turns_out_to_be_too_much_at_once_is_refused_and_not_waited_for() -> None:
    ds = texts([300_000, 620_000, 520_000], 100, 1_000_000)
    with pytest.raises(hr.InvalidError, match=r"together lie in 2 shards.*cache_bytes"):
        ds[[150, 250]]
    assert len(ds[[50, 250]]["t"]) == 2
    small_first = texts([1000, 10**6, 10**6, 10**6], 100, 2_500_000)
    with pytest.raises(hr.InvalidError, match=r"together lie in \d shards.*cache_bytes"):
        list(hr.Loader(small_first, batch_size=30, shuffle=True, output="numpy"))


def test_what_is_only_thought_to_be_too_much_is_read() -> None:
    ds = texts([300_000, 620_000, 350_000], 100, 1_010_000)
    assert [len(row) for row in ds[[150, 250]]["t"]] == [6200, 3500]


def test_a_small_shard_does_not_make_the_others_seem_large(tmp_path: Path) -> None:
    def load(sid: int) -> dict[str, Any]:
        return {"t": ["x" * 10] * (5000 if sid else 1)}

    def open_named(version: str) -> hr.Dataset:
        options: dict[str, Any] = {"rows": [1, 5000, 5000], "version": version}
        return hr.from_shards(range(3), load, cache=tmp_path, cache_bytes="2MB", **options)

    first, second = open_named("a"), open_named("b")  # which share the cache
    assert len(first[[0, 1, 5001]]["t"]) == 3
    assert second[1] == first[5001]
    options: dict[str, Any] = {"shuffle": hr.ShardShuffle(window=2), "output": "numpy"}
    assert sum(len(batch["t"]) for batch in hr.Loader(second, batch_size=500, **options)) == 10_001
    (path, _) = sorted(tmp_path.glob("*.loads.json"))
    assert json.loads(path.read_text())["row_bytes"] < 100
