"""The order, written a second time from docs/order.md alone, against the core."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import pytest
import xxhash

import headrace as hr
from headrace import _core

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
ROWS, UNITS, ROWS_OF_UNIT, ROWS_OF_STAGE, SPLIT = 1, 2, 3, 4, 5


def derive(seed: int, epoch: int, purpose: int, number: int = 0) -> int:
    return xxhash.xxh3_64_intdigest(struct.pack("<4Q", seed, epoch, purpose, number))


def splitmix(state: int) -> Iterator[int]:
    while True:
        state = (state + GOLDEN) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def round_hash(half: int, key: int) -> int:
    product = ((half ^ key) & 0xFFFFFFFF) * 0x9E3779B1
    return product ^ (product >> 32)


def permutation(n: int, key: int, index: int) -> int:
    w = max(2, (n - 1).bit_length())
    low_bits, high_bits = (w + 1) // 2, w // 2
    stream = splitmix(key)
    keys = [next(stream) for _ in range(6)]
    value = index
    while True:
        high, low = value >> low_bits, value % (1 << low_bits)
        for cycle in range(max(1, 11 - w)):
            for i in (0, 2, 4):
                high ^= round_hash(low, (keys[i] + cycle * GOLDEN) & MASK) % (1 << high_bits)
                low ^= round_hash(high, (keys[i + 1] + cycle * GOLDEN) & MASK) % (1 << low_bits)
        value = high << low_bits | low
        if value < n:
            return value


def exact(rows: int, seed: int, epoch: int) -> list[int]:
    key = derive(seed, epoch, ROWS)
    return [permutation(rows, key, i) for i in range(rows)]


def blocks(rows: int, block_rows: int, window: int, seed: int, epoch: int) -> list[int]:
    m = min(block_rows, rows)
    count = -(-rows // m)
    s = min(window, count)
    line_key = derive(seed, epoch, UNITS)
    line = [permutation(count, line_key, k) for k in range(count)]
    order = []
    for t in range(count + s - 1):
        stage = []
        for j in range(s):
            if 0 <= t - j < count:
                unit = line[t - j]
                size = min((unit + 1) * m, rows) - unit * m
                key = derive(seed, epoch, ROWS_OF_UNIT, unit)
                places = range(j * size // s, (j + 1) * size // s)
                stage += [unit * m + permutation(size, key, place) for place in places]
        key = derive(seed, epoch, ROWS_OF_STAGE, t)
        order += [stage[permutation(len(stage), key, i)] for i in range(len(stage))]
    return order


def shards(unit_rows: list[int], window: int, lanes: int, seed: int, epoch: int) -> list[int]:
    units = len(unit_rows)
    line_key = derive(seed, epoch, UNITS)
    rows_of_line, place_of_row = [], []
    for place in range(units):
        unit = permutation(units, line_key, place)
        first, size = sum(unit_rows[:unit]), unit_rows[unit]
        key = derive(seed, epoch, ROWS_OF_UNIT, unit)
        rows_of_line += [first + permutation(size, key, i) for i in range(size)]
        place_of_row += [place] * size
    rows = len(rows_of_line)
    dealt, begin = [], 0
    for lane in range(lanes):
        end = begin + rows // lanes + (lane < rows % lanes)
        dealt.append(
            staircase(rows_of_line[begin:end], place_of_row[begin:end], window, lane, seed, epoch)
        )
        begin = end
    return [dealt[p % lanes][p // lanes] for p in range(rows)]


def staircase(
    line: list[int], places: list[int], window: int, lane: int, seed: int, epoch: int
) -> list[int]:
    units = [
        [r for r, k in zip(line, places, strict=True) if k == place]
        for place in dict.fromkeys(places)
    ]
    s = min(window, len(units))
    order = []
    for t in range(len(units) + s - 1):
        stage = []
        for j in range(s):
            if 0 <= t - j < len(units):
                unit = units[t - j]
                stage += unit[j * len(unit) // s : (j + 1) * len(unit) // s]
        key = derive(seed, epoch, ROWS_OF_STAGE, t + (lane << 40))
        order += [stage[permutation(len(stage), key, i)] for i in range(len(stage))]
    return order


def split(rows: int, first_rows: int, seed: int) -> tuple[list[int], list[int]]:
    k = min(first_rows, rows - first_rows)
    key = derive(seed, 0, SPLIT)
    q, f = rows // k, (rows % k << 64) // k
    begins = [c * q + (c * f >> 64) for c in range(k)] + [rows]
    picks = []
    for c in range(k):
        h = next(splitmix((key + c * GOLDEN - GOLDEN) & MASK))
        picks.append(begins[c] + (h * (begins[c + 1] - begins[c]) >> 64))
    rest = sorted(set(range(rows)) - set(picks))
    return (picks, rest) if k == first_rows else (rest, picks)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 16, 17, 100, 513, 1000, 4097])
@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (0, 1), (2**64 - 1, 12345)])
def test_the_exact_shuffle_is_what_the_document_says(rows: int, seed: int, epoch: int) -> None:
    order = _core.Order(rows, _core.Shuffle.exact(), seed, epoch)
    assert order.take(0, rows).tolist() == exact(rows, seed, epoch)


@pytest.mark.parametrize(
    ("rows", "block_rows", "window"),
    [(1, 1, 1), (10, 3, 2), (100, 7, 4), (101, 10, 100), (257, 16, 5), (300, 1, 8), (64, 500, 3)],
)
@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (3, 7)])
def test_the_block_shuffle_is_what_the_document_says(
    rows: int, block_rows: int, window: int, seed: int, epoch: int
) -> None:
    order = _core.Order(rows, _core.Shuffle.blocks(block_rows, window), seed, epoch)
    assert order.take(0, rows).tolist() == blocks(rows, block_rows, window, seed, epoch)


@pytest.mark.parametrize(
    "unit_rows",
    [[1], [5, 3], [100], [1] * 9, [40, 1, 7, 90, 2, 33], [16] * 20, list(range(1, 30))],
    ids=str,
)
@pytest.mark.parametrize(("window", "lanes"), [(1, 1), (3, 1), (16, 1), (2, 4), (5, 3), (4, 50)])
@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (3, 7)])
def test_the_shard_shuffle_is_what_the_document_says(
    unit_rows: list[int], window: int, lanes: int, seed: int, epoch: int
) -> None:
    units = _core.Units(np.array(unit_rows, np.uint64))
    order = _core.Order(units.rows, _core.Shuffle.shards(window, lanes, units), seed, epoch)
    expected = shards(unit_rows, window, lanes, seed, epoch)
    assert order.take(0, units.rows).tolist() == expected


@pytest.mark.parametrize(("rows", "fraction"), [(10, 0.5), (100, 0.9), (1003, 0.1), (77, 0.33)])
@pytest.mark.parametrize("seed", [0, 5])
def test_the_split_is_what_the_document_says(rows: int, fraction: float, seed: int) -> None:
    first, second = hr.from_arrays(np.arange(rows)).split(fraction, seed=seed)
    expected = split(rows, len(first), seed)
    assert (first["0"][:].tolist(), second["0"][:].tolist()) == expected


def test_the_worked_example_of_the_document_holds() -> None:
    assert exact(10, 0, 0) == [7, 0, 5, 8, 4, 3, 2, 6, 1, 9]
