from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
Tiers = Callable[[int], dict[str, hr.Dataset]]


def test_concat_is_rows_one_after_the_other(tiers: Tiers) -> None:
    found = tiers(21)
    ds = hr.concat(list(found.values()))
    assert len(ds) == 63
    np.testing.assert_array_equal(ds["y"][:], [*range(21)] * 3)
    np.testing.assert_array_equal(ds["y"][18:25], [18, 19, 20, 0, 1, 2, 3])
    assert ds[62]["x"].tolist() == [20, 40, -20]
    again = hr.concat([ds.subset(slice(0, 63, 20)), ds])
    assert again["y"][:5].tolist() == [0, 20, 19, 18, 0]


def test_zip_is_columns_side_by_side(tiers: Tiers) -> None:
    found = tiers(21)
    ds = hr.zip([found["raw"].select_columns(["x"]), found["memory"].select_columns(["y"])])
    assert list(ds.schema) == ["x", "y"]
    assert ds[20]["x"][0] == ds[20]["y"] == 20
    shuffled = np.random.default_rng(0).permutation(21)
    both = hr.zip([ds.select_columns(["x"]).subset(shuffled), hr.from_arrays(n=shuffled)])
    np.testing.assert_array_equal(both["x"][:, 0], both["n"])


def test_zip_numbers_positional_columns_anew() -> None:
    ds = hr.zip([hr.from_arrays(np.arange(3)), hr.from_arrays(np.arange(3) * 2, np.arange(3) * 3)])
    assert list(ds.schema) == ["0", "1", "2"]
    assert ds[2] == (2, 4, 6)


def test_concat_needs_equal_columns(numbered: Numbered) -> None:
    ds = numbered(4)
    for other in (ds.cast(y="int32"), ds.select_columns(["y", "x"]), ds.select_columns(["x"])):
        with pytest.raises(hr.InvalidError, match=r"equal columns; dataset 0 has.*dataset 1 has"):
            hr.concat([ds, other])


def test_tuple_rows_and_dict_rows_do_not_mix() -> None:
    named, positional = hr.from_arrays(**{"0": np.arange(3)}), hr.from_arrays(np.arange(3))
    for combine in (hr.concat, hr.zip):
        with pytest.raises(hr.InvalidError, match="tuple rows and dict rows"):
            combine([named, positional])


def test_zip_needs_equal_rows_and_new_names(numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError, match="dataset 0 has 4 and dataset 1 has 5"):
        hr.zip([numbered(4), hr.from_arrays(z=np.arange(5))])
    with pytest.raises(hr.InvalidError, match="'x' again"):
        hr.zip([numbered(4), numbered(4)])


@pytest.mark.parametrize("combine", [hr.concat, hr.zip])
@pytest.mark.parametrize("parts", [[], 3, [np.arange(3)]])
def test_only_datasets_are_combined(combine: Any, parts: Any) -> None:
    with pytest.raises(hr.InvalidError):
        combine(parts)
    with pytest.raises(hr.InvalidError, match=r"\[a, b\]"):
        combine(hr.from_arrays(np.arange(3)))


def test_concat_of_csr_takes_the_widest_index_dtype() -> None:
    rows = np.arange(4)
    narrow, wide = (
        hr.from_arrays(
            x=hr.csr(indptr=rows, indices=rows[:3].astype(dtype), values=np.ones(3), columns=5)
        )
        for dtype in ("int32", "int64")
    )
    joined = hr.concat([narrow, wide])
    assert joined.schema["x"].index_dtype == "int64"
    dense = joined.with_layout(x="dense")[:]["x"]
    np.testing.assert_array_equal(dense, np.tile(np.eye(3, 5), (2, 1)))
    with pytest.raises(hr.InvalidError, match="layouts after concat"):
        hr.concat([narrow.with_layout(x="csr"), wide.with_layout(x="csr")])
