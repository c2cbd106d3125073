"""The same dataset, shuffle, seed, epoch and batch size give the same batches, everywhere."""

from __future__ import annotations

import importlib.util
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

Tiers = Callable[[int], dict[str, hr.Dataset]]
GOLDEN = Path(__file__).parent.parent / "golden"


def _load_script() -> Any:
    spec = importlib.util.spec_from_file_location("make_order", GOLDEN / "make_order.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_order = _load_script()
CONFIGURATIONS: dict[str, dict[str, Any]] = make_order.configurations()


def golden() -> dict[str, str]:
    found: dict[str, str] = json.loads((GOLDEN / "order.json").read_text())
    return found


def test_there_are_at_least_40_golden_orders() -> None:
    assert len(CONFIGURATIONS) >= 40
    assert golden().keys() == CONFIGURATIONS.keys()
    # Sequential orders repeat over seeds; what is shuffled differs wherever it can.
    assert len(set(golden().values())) > 40


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_orders_never_change(name: str) -> None:
    settings = CONFIGURATIONS[name]
    assert make_order.order_hash(make_order.dataset_of(settings), settings) == golden()[name]


@pytest.mark.parametrize("num_threads", [1, 2, 8])
@pytest.mark.parametrize("tier", ["memory", "raw", "npy"])
def test_orders_depend_neither_on_tier_nor_on_threads(
    tier: str, num_threads: int, tiers: Tiers
) -> None:
    checked = 0
    ds = tiers(1000)[tier]
    for name, settings in CONFIGURATIONS.items():
        if make_order.rows_of(settings) == 1000:
            for prefetch in (1, None):
                more = {"num_threads": num_threads, "prefetch": prefetch}
                assert make_order.order_hash(ds, settings, **more) == golden()[name]
                checked += 1
    assert checked >= 8


@pytest.mark.parametrize("output", ["torch", "numpy", "dlpack"])
def test_whole_batches_are_equal_bit_for_bit(output: Any, tiers: Tiers) -> None:
    found = tiers(300)
    loaders = [
        hr.Loader(ds, batch_size=32, shuffle=True, seed=9, num_threads=threads, output=output)
        for ds, threads in itertools.product(found.values(), (1, 2, 8))
    ]
    for batches in zip(*loaders, strict=True):
        columns = [{k: np.from_dlpack(v) for k, v in batch.items()} for batch in batches]
        for other in columns[1:]:
            assert all(columns[0][k].tobytes() == other[k].tobytes() for k in ("x", "y"))
