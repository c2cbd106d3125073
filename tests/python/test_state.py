from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
Tiers = Callable[[int], dict[str, hr.Dataset]]
BLOCKS = hr.BlockShuffle(block_rows=4, window=3)


def loader_of(ds: hr.Dataset, **arguments: Any) -> hr.Loader:
    settings: dict[str, Any] = {"batch_size": 2, "shuffle": BLOCKS, "seed": 3, "output": "numpy"}
    return hr.Loader(ds, **(settings | arguments))


@pytest.fixture
def state(numbered: Numbered) -> dict[str, Any]:
    loader = loader_of(numbered(20))
    next(iter(loader))
    return loader.state_dict()


def test_a_state_is_a_small_plain_dict(state: dict[str, Any]) -> None:
    assert json.loads(json.dumps(state)) == state
    assert list(state) == ["version", "dataset", "shuffle", "seed", "epoch", "position", "tail"]
    assert state["version"] == 1
    assert state["dataset"]["rows"] == 20
    assert all(len(state["dataset"][name]) == 16 for name in ("schema", "id"))
    assert state["shuffle"] == {"kind": "blocks", "block_rows": 4, "window": 3}
    assert (state["seed"], state["epoch"], state["position"]) == (3, 0, 2)


def test_the_state_does_not_depend_on_the_tier(tiers: Tiers) -> None:
    states = [loader_of(ds).state_dict() for ds in tiers(21).values()]
    assert states[0] == states[1] == states[2]


@pytest.mark.parametrize(
    ("arguments", "tail"),
    [({}, "repeat"), ({"drop_last": True}, "drop"), ({"exact": True}, "exact")],
)
def test_the_tail_is_in_the_state(arguments: Any, tail: str, numbered: Numbered) -> None:
    assert loader_of(numbered(20), **arguments).state_dict()["tail"] == tail


def test_a_state_of_another_order_says_what_differs(
    state: dict[str, Any], numbered: Numbered
) -> None:
    twenty = numbered(20)
    other_values = np.arange(20)
    other_values[:] = 5
    changed = hr.zip([twenty.select_columns(["x"]), hr.from_arrays(y=other_values)])
    for ds, arguments, message in (
        (numbered(21), {}, "another dataset: rows 20 in the state, 21 here"),
        (twenty.cast(y="int32"), {}, "another dataset: schema hash .*dtype, shape, .* and cast do"),
        (changed, {}, "another dataset: content id"),
        (twenty, {"seed": 4}, "saved with seed=3, this loader has seed=4; .* with seed=3"),
        (twenty, {"shuffle": True}, r"BlockShuffle\(block_rows=4, window=3\).*has shuffle=True"),
        (
            twenty,
            {"shuffle": hr.BlockShuffle(block_rows=4, window=4)},
            r"window=3\).*window=4\)",
        ),
        (twenty, {"drop_last": True}, "drop_last=False.*this loader has drop_last=True"),
        (twenty, {"exact": True}, "this loader has exact=True"),
    ):
        loader = loader_of(ds, **arguments)
        with pytest.raises(hr.InvalidError, match=message):
            loader.load_state_dict(state)
        assert loader.state_dict()["position"] == 0  # nothing has changed


NUMBERS: list[Any] = [-1, 2**31, 2**63, 2**64, 2**70, 2**4000]
NUMBERS += [1.0, float("nan"), True, None, "3", [3], {}]


@pytest.mark.parametrize("field", ["version", "seed", "epoch", "position"])
@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: repr(value)[:12])
def test_hostile_numbers_are_refused(
    field: str, value: Any, state: dict[str, Any], numbered: Numbered
) -> None:
    loader = loader_of(numbered(20))
    if field == "epoch" and value == 2**31:
        loader.load_state_dict(state | {field: value})
        assert loader.epoch == 2**31
        return
    with pytest.raises(hr.InvalidError) as caught:
        loader.load_state_dict(state | {field: value})
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("where", ["rows", "schema", "id"])
@pytest.mark.parametrize("value", [None, -1, 20.0, True, "x" * 10**6, b"", [], {"rows": 20}])
def test_hostile_dataset_fields_are_refused(
    where: str, value: Any, state: dict[str, Any], numbered: Numbered
) -> None:
    hostile = copy.deepcopy(state)
    hostile["dataset"][where] = value
    with pytest.raises(hr.InvalidError) as caught:
        loader_of(numbered(20)).load_state_dict(hostile)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "shuffle",
    [
        None,
        True,
        "exact",
        {},
        {"kind": "exact"},
        {"kind": "blocks"},
        {"kind": "blocks", "block_rows": 4, "window": 3, "more": 1},
        {"kind": "blocks", "block_rows": 4.0, "window": 3},
        {"kind": "blocks", "block_rows": 4, "window": "3"},
        {"kind": ["blocks"], "block_rows": 4, "window": 3},
        {"kind": "x" * 10**6},
    ],
    ids=lambda value: repr(value)[:40],
)
def test_hostile_shuffles_are_refused(
    shuffle: Any, state: dict[str, Any], numbered: Numbered
) -> None:
    with pytest.raises(hr.InvalidError) as caught:
        loader_of(numbered(20)).load_state_dict(state | {"shuffle": shuffle})
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("tail", [None, 1, "", "Drop", ["drop"], {}])
def test_hostile_tails_are_refused(tail: Any, state: dict[str, Any], numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError, match="tail"):
        loader_of(numbered(20)).load_state_dict(state | {"tail": tail})


@pytest.mark.parametrize("value", [None, 3, "state", [], (), {}, {"version": 1}, b"\x80\x04."])
def test_what_is_no_state_is_refused(value: Any, numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError):
        loader_of(numbered(20)).load_state_dict(value)


def test_fields_missing_or_unknown_are_named(state: dict[str, Any], numbered: Numbered) -> None:
    loader = loader_of(numbered(20))
    for name in state:
        with pytest.raises(hr.InvalidError, match=f"'{name}' is missing"):
            loader.load_state_dict({k: v for k, v in state.items() if k != name})
    with pytest.raises(hr.InvalidError, match="'extra' is unknown"):
        loader.load_state_dict(state | {"extra": 1})
    with pytest.raises(hr.InvalidError, match="version 2; this headrace reads version 1"):
        loader.load_state_dict(state | {"version": 2})


def test_a_position_past_the_end_is_refused(state: dict[str, Any], numbered: Numbered) -> None:
    loader = loader_of(numbered(20))
    for position in (20, 21):
        with pytest.raises(hr.InvalidError, match=f"position is {position}; .* from 0 to 19"):
            loader.load_state_dict(state | {"position": position})
    loader.load_state_dict(state | {"position": 19})
    assert [len(batch["y"]) for batch in loader] == [1]
