"""Iterations over several epochs through torch's DataLoader."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

import headrace as hr

data = pytest.importorskip("torch.utils.data")
pytestmark = pytest.mark.filterwarnings("ignore:.set_vital. is deprecated")


def test_a_dataloader_without_workers_goes_on_for_ever(
    numbered: Callable[[int], hr.Dataset],
) -> None:
    loader = hr.Loader(numbered(10), batch_size=4, shuffle=True, epochs=None)
    expected = hr.Loader(numbered(10), batch_size=4, shuffle=True)
    wanted = [b["y"].tolist() for _ in range(3) for b in expected]
    batches = data.DataLoader(loader, batch_size=None)
    assert [b["y"].tolist() for b in itertools.islice(batches, 9)] == wanted
    with pytest.raises(TypeError, match="never ends"):
        len(batches)


def test_workers_are_refused(numbered: Callable[[int], hr.Dataset]) -> None:
    loader = hr.Loader(numbered(10), batch_size=4, epochs=2)
    with pytest.raises(hr.UnsupportedError, match="num_workers=0"):
        next(iter(data.DataLoader(loader, batch_size=None, num_workers=1)))


def test_a_stateful_dataloader_goes_on_where_it_was(
    numbered: Callable[[int], hr.Dataset],
) -> None:
    stateful = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader

    def make() -> object:
        loader = hr.Loader(numbered(10), batch_size=4, shuffle=True, epochs=3)
        return stateful(loader, batch_size=None)

    whole = [b["y"].tolist() for b in make()]  # type: ignore[attr-defined]
    assert len(whole) == 9
    for taken in (1, 3, 5, 9):
        first = make()
        for _ in itertools.islice(first, taken):  # type: ignore[call-overload]
            pass
        other = make()
        other.load_state_dict(first.state_dict())  # type: ignore[attr-defined]
        assert [b["y"].tolist() for b in other] == whole[taken:]  # type: ignore[attr-defined]
