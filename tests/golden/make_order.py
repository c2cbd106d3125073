"""Makes order.json: hashes of the order of rows, which never change between versions.

Run ``python tests/golden/make_order.py`` only for configurations that are new: it keeps what is
there, and refuses to change it. A change of an order breaks every saved state and every
reproduction of a training run.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import headrace as hr

GOLDEN = Path(__file__).with_name("order.json")

Settings = dict[str, Any]


def configurations() -> dict[str, Settings]:
    """Returns the settings of every golden order by a name that tells them."""
    settings: list[Settings] = []
    blocks = hr.BlockShuffle(block_rows=8, window=5)
    for rows, seed, epoch in itertools.product((1, 257, 1000, 4097), (0, 2**64 - 1), (0, 1)):
        for shuffle in (True, blocks):
            settings.append({"rows": rows, "shuffle": shuffle, "seed": seed, "epoch": epoch})
    for shuffle in (False, True, blocks):
        for tail in ({}, {"drop_last": True}, {"exact": True}):
            for rank in range(3):
                split = {"batch_size": 7, "rank": rank, "world_size": 3}
                settings.append({"rows": 101, "shuffle": shuffle, "seed": 7, **split, **tail})
    settings.append({"rows": 70_000, "shuffle": True, "seed": 1, "batch_size": 1024})
    settings.append({"rows": 70_000, "shuffle": hr.BlockShuffle(), "seed": 1, "batch_size": 1024})
    uneven = [7, 40, 1, 30, 22, 100, 55, 3]
    for lanes, epoch in itertools.product((1, 4), (0, 1)):
        shards = hr.ShardShuffle(window=3, lanes=lanes)
        settings.append({"shard_rows": uneven, "shuffle": shards, "seed": 7, "epoch": epoch})
        settings[-1] |= {"rank": 1, "world_size": 2} if lanes > 1 else {}
    many = [k * 7919 % 200 for k in range(700)]
    for shards in (hr.ShardShuffle(), hr.ShardShuffle(window=8, lanes=6)):
        settings.append({"shard_rows": many, "shuffle": shards, "seed": 1, "batch_size": 1024})
    return {", ".join(f"{k}={_short(v)}" for k, v in each.items()): each for each in settings}


def _short(value: object) -> str:
    """Returns a value as it stands in a name: long lists by their length."""
    long = isinstance(value, list) and len(value) > 10
    return f"<{len(value)} of {sum(value)}>" if long else str(value)


def rows_of(settings: Settings) -> int:
    """Returns the number of rows that a configuration is about."""
    return int(settings["rows"] if "rows" in settings else sum(settings["shard_rows"]))


def dataset_of(settings: Settings) -> hr.Dataset:
    """Returns rows that tell their numbers, in an array for each shard."""
    numbers = np.arange(rows_of(settings))
    if "shard_rows" not in settings:
        return hr.from_arrays(y=numbers)
    return hr.from_arrays(y=hr.chunks(np.split(numbers, np.cumsum(settings["shard_rows"])[:-1])))


def order_hash(dataset: hr.Dataset, settings: Settings, **more: Any) -> str:
    """Returns a hash over the column y of every batch and over where the batches end."""
    arguments: Settings = {"batch_size": 16, "output": "numpy", **settings, **more}
    epoch = arguments.pop("epoch", 0)
    assert rows_of(settings) == len(dataset)
    for name in ("rows", "shard_rows"):
        arguments.pop(name, None)
    digest = hashlib.sha256()
    with hr.Loader(dataset, **arguments) as loader:
        loader.set_epoch(epoch)
        for batch in loader:
            numbers = np.asarray(batch["y"]).astype("<i8")
            digest.update(len(numbers).to_bytes(8, "little"))
            digest.update(numbers.tobytes())
    return digest.hexdigest()


def main() -> int:
    """Adds what is missing to order.json; returns 1 if something there differs."""
    known = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    found = {
        name: order_hash(dataset_of(settings), settings)
        for name, settings in configurations().items()
    }
    changed = [name for name in known if found.get(name) != known[name]]
    if changed:
        print(f"{len(changed)} orders differ from {GOLDEN.name}, for example: {changed[0]}")
        return 1
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{GOLDEN.name}: {len(known)} orders kept, {len(found) - len(known)} added")
    return 0


if __name__ == "__main__":
    sys.exit(main())
