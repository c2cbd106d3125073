"""What is left to do of a conversion, and how it is dealt out to workers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import headrace as hr
from headrace.conversion import text_formats
from headrace.conversion.inputs import Inputs
from headrace.conversion.ledger import Ledger, to_origins
from headrace.conversion.plan import Group, Groups, Part, plan


def parts_of(items: Any, ledger: Ledger | None = None) -> list[Part]:
    return list(plan(Inputs(items, transforms=True), ledger or Ledger(), transforms=True))


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{k:03}.jsonl" for k in range(100)]
    for k, path in enumerate(paths):
        path.write_text('{"x": 1}\n' * (1 + k % 10))
    return [str(path) for path in paths]


def sizes(groups: Groups) -> Iterator[list[Part]]:
    while (group := groups.take()) is not None:
        yield group.parts


def test_small_inputs_share_a_group_up_to_the_size_of_a_shard(files: list[str]) -> None:
    parts = parts_of(files)
    groups = list(sizes(Groups(iter(parts), shard_bytes=200, share=None)))
    assert [part for group in groups for part in group] == parts
    weights = [sum(part.weight for part in group) for group in groups]
    assert max(weights) <= 200
    assert all(a + b[0].weight > 200 for a, b in zip(weights, groups[1:], strict=False))


def test_groups_are_small_enough_for_all_workers_to_have_some(files: list[str]) -> None:
    parts = parts_of(files)
    assert len(list(sizes(Groups(iter(parts), shard_bytes=10**9, share=None)))) == 1
    assert len(list(sizes(Groups(iter(parts), shard_bytes=10**9, share=500)))) >= 9


def test_what_was_given_back_comes_first_and_in_order() -> None:
    parts = parts_of(range(100))
    groups = Groups(iter(parts), shard_bytes=10, share=None)
    taken = [groups.take() for _ in range(3)]
    assert [x and (x.first, len(x.parts)) for x in taken] == [(0, 10), (10, 10), (20, 10)]
    groups.learn(4, 4, full=True, quick=False)
    for x in reversed(taken[1:]):
        assert x is not None
        groups.give_back(Group(x.first + 4, x.parts[4:]))
    again = [groups.take(new=False) for _ in range(5)]
    found = [x and (x.first, len(x.parts)) for x in again]
    assert found == [(14, 4), (18, 2), (24, 4), (28, 2), None]
    assert groups.take() == Group(30, parts[30:34])
    groups.learn(4, 4, full=False, quick=True)
    assert groups.take() == Group(34, parts[34:42])


def test_every_part_is_dealt_once_whatever_workers_give_back() -> None:
    rng = random.Random(5)
    parts = parts_of(range(500))
    groups = Groups(iter(parts), shard_bytes=16, share=None)
    done: dict[int, Part] = {}
    while (group := groups.take(one=rng.random() < 0.1)) is not None:
        count = rng.randint(1, len(group.parts))
        done |= {group.first + k: part for k, part in enumerate(group.parts[:count])}
        if group.parts[count:]:
            groups.give_back(Group(group.first + count, group.parts[count:]))
        groups.learn(count, count, full=count < len(group.parts), quick=rng.random() < 0.5)
    assert [done[k] for k in range(500)] == parts


def test_the_plan_leaves_out_what_is_done(
    files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_formats, "PART_BYTES", 20)
    inputs = Inputs(files[:10], transforms=False)
    whole = list(plan(inputs, Ledger(), transforms=False))
    assert len(whole) == sum(-(-9 * lines // 20) for lines in range(1, 11))
    rng = random.Random(3)
    ledger = Ledger()
    done = [part for part in whole if rng.random() < 0.5]
    ledger.add(to_origins(part.record(3, complete=True) for part in done))
    skipped: list[int] = []
    left = list(plan(inputs, ledger, transforms=False, skip=skipped.append))
    assert left == [part for part in whole if part not in done]
    assert sum(skipped) == sum(part.weight for part in done)
    ledger.add(to_origins([left[0].record(2, complete=False)]))
    assert next(plan(inputs, ledger, transforms=False)).done == 2


def test_an_unknown_kind_of_file_is_an_error_without_a_transform(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_text("x")
    inputs = Inputs(str(tmp_path / "a.bin"), transforms=False)
    with pytest.raises(hr.UnsupportedError, match=r"a\.bin.*transform="):
        list(plan(inputs, Ledger(), transforms=False))
