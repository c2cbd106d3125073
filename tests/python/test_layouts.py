"""Layouts by themselves: what options are taken, and what is said about others."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace import layouts

EVERY = [
    hr.Dense(dtype=np.float16, columns=np.array([5, 0]), binary=True, total=1e4, log1p=True),
    hr.Csr(scale=0.5),
    hr.Coo(dtype="float64"),
    hr.Padded(max_length=3, fill=-1, side="left", truncate=True, mask=True),
    hr.Jagged(nested=False),
]


@pytest.mark.parametrize("layout", EVERY, ids=repr)
def test_layouts_are_values(layout: layouts.Layout) -> None:
    assert pickle.loads(pickle.dumps(layout)) == layout
    assert layouts.from_core(layout.to_core()) == layout
    assert hash(layout) == hash(layouts.from_core(layout.to_core()))
    assert eval(repr(layout), {"headrace": hr}) == layout


def test_a_long_selection_is_shown_by_its_length() -> None:
    assert repr(hr.Dense(columns=range(2000))) == "headrace.Dense(columns=<2000 columns>)"


def test_a_name_is_the_layout_with_its_defaults() -> None:
    for name, kind in (("dense", hr.Dense), ("csr", hr.Csr), ("jagged", hr.Jagged)):
        assert layouts.as_layout("x", name) == kind()
    assert hr.Dense().dtype == "float32"
    assert hr.Csr().dtype is None


@pytest.mark.parametrize("given", ["Dense", 3, hr.Dense, layouts.Layout(), {"kind": "dense"}])
def test_what_is_no_layout_is_refused_with_the_column(given: object) -> None:
    with pytest.raises(hr.InvalidError, match=r"'x'.*(layouts are|call it)") as error:
        layouts.as_layout("x", given)
    assert error.value.column == "x"


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (hr.Dense, {"columns": []}, "at least one"),
        (hr.Dense, {"columns": [1, 2, 1]}, "1 more than once"),
        (hr.Dense, {"columns": [-1]}, "-1; columns are numbered from 0"),
        (hr.Dense, {"columns": np.array([True, False])}, "flatnonzero"),
        (hr.Dense, {"columns": [0.5]}, "float64"),
        (hr.Csr, {"scale": float("nan")}, "scale is a finite number"),
        (hr.Csr, {"scale": True}, "scale is a finite number"),
        (hr.Csr, {"total": 0}, "above 0"),
        (hr.Coo, {"log1p": 1}, "log1p is True or False"),
        (hr.Padded, {"max_length": 0}, "max_length must lie between 1"),
        (hr.Padded, {"fill": "0"}, "fill is a number"),
        (hr.Padded, {"side": "top"}, '"left" or "right"'),
        (hr.Padded, {"truncate": True}, "needs max_length="),
    ],
)
def test_options_that_mean_nothing_are_refused(
    kind: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(hr.InvalidError, match=said):
        kind(**options)


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(hr.UnsupportedError, match="complex128"):
        hr.Dense(dtype=complex)


def test_options_are_keywords() -> None:
    with pytest.raises(TypeError):
        hr.Dense("float32")  # type: ignore[call-arg]


def test_a_dtype_that_is_none_is_of_the_layout_and_no_column() -> None:
    with pytest.raises(hr.UnsupportedError, match=r"^hr\.Dense\(dtype=\): 'flaot32'") as found:
        hr.Dense(dtype="flaot32")
    assert found.value.column == ""


def test_a_field_says_its_layout_and_the_digest_differs() -> None:
    stored = hr.Field("x", "float32", kind="csr", width=9)
    shown = hr.Field("x", "float32", (9,), layout=hr.Dense())
    plain = hr.Field("x", "float32", (9,))
    assert (repr(stored), repr(shown)) == ("x: csr float32[9]", "x: float32[9] as dense")
    digests = {hr.Schema([field]).digest() for field in (stored, shown, plain)}
    assert len(digests) == 3
