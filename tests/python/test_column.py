from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import headrace as hr

Tiers = Callable[[int], dict[str, hr.Dataset]]

EXPECTED = np.stack([np.arange(21), 2 * np.arange(21), -np.arange(21)], axis=1).astype(np.float32)


@pytest.mark.parametrize("tier", ["memory", "raw", "npy"])
@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        np.int8(4),
        slice(2, 19),
        slice(None, None, -4),
        slice(7, 7),
        [3, 3, -1],
        np.array([[0, 1], [2, -1]]),
        np.arange(21) % 2 == 0,
        Ellipsis,
        None,
        (slice(3, 8), 1),
        (5, 2),
        (5, slice(None, None, -1)),
        ([1, 5, 9], [0, 1, 2]),
        (np.array([[1], [5]]), [0, 2]),
        ([1, 2], slice(1, None)),
        (slice(2, 4), [2, 0]),
        (Ellipsis, 0),
        (slice(1, 3), None),
        (4, [0, 2]),
        (np.arange(21) > 18, -1),
    ],
    ids=str,
)
def test_indexing_is_numpys(tier: str, key: Any, tiers: Tiers) -> None:
    found = tiers(21)[tier]["x"][key]
    expected = EXPECTED[key]
    np.testing.assert_array_equal(found, expected)
    assert np.shape(found) == expected.shape
    assert found.dtype == expected.dtype


def test_a_column_has_the_attributes_of_an_array(tiers: Tiers) -> None:
    x = tiers(21)["raw"]["x"]
    assert (x.name, x.shape, x.ndim, str(x.dtype), len(x)) == ("x", (21, 3), 2, "float32", 21)
    assert repr(x) == "headrace.Column(x: float32[3], rows=21)"


def test_numpy_takes_a_column_as_an_array(tiers: Tiers) -> None:
    ds = tiers(21)["npy"]
    np.testing.assert_array_equal(np.asarray(ds["x"]), EXPECTED)
    assert np.asarray(ds["x"], dtype="int64").dtype == np.int64
    assert np.mean(ds["y"]) == 10.0
    assert np.max(ds["x"], axis=0).tolist() == [20.0, 40.0, 0.0]
    np.testing.assert_array_equal(np.concatenate([ds["y"], ds["y"]]), [*range(21), *range(21)])
    np.testing.assert_array_equal(ds["y"] % 2 == 1, np.arange(21) % 2 == 1)
    np.testing.assert_array_equal(np.sqrt(ds["y"]), np.sqrt(np.arange(21)))


def test_a_column_cannot_be_had_without_a_copy(tiers: Tiers) -> None:
    column = tiers(21)["memory"]["x"]
    with pytest.raises(ValueError, match="makes a copy"):
        np.asarray(column, copy=False)
    assert np.asarray(column, copy=True).shape == (21, 3)


def test_iteration_ends(tiers: Tiers) -> None:
    assert [int(value) for value in tiers(21)["raw"]["y"]] == list(range(21))


@pytest.mark.parametrize("key", [21, -22, [0, 21], (21, 0)])
def test_rows_that_are_not_there(key: Any, tiers: Tiers) -> None:
    with pytest.raises(hr.RowIndexError, match="out of range for 21 rows"):
        tiers(21)["memory"]["x"][key]


@pytest.mark.parametrize("key", [1.0, "x", True, [0.5], np.ones(20, bool), (), {}])
def test_keys_that_cannot_be_right(key: Any, tiers: Tiers) -> None:
    with pytest.raises(hr.InvalidError):
        tiers(21)["memory"]["x"][key]
