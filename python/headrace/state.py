"""The state of a loader: a plain dict, the same for every rank, from which any world size goes on.

A state may come from anywhere, so nothing in it is trusted: every field is checked for type and
range, and everything that fixes the order of rows must equal what the loader has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace import _core, checks
from headrace.errors import InvalidError
from headrace.shuffle import describe_state

VERSION = 1
MAX_EPOCH = checks.MAX_INT64 - 1  # so that the epoch after it is one too

_ITEMS = ("batches", "rows", "stage_rows")  # what positions count

_TAIL_ARGUMENTS = {
    "repeat": "drop_last=False, exact=False",
    "drop": "drop_last=True",
    "exact": "exact=True",
}


def check_state(
    state: object, own: Mapping[str, Any], *, any_seed: bool, what: str = "loader"
) -> tuple[int, int, int]:
    """Returns (seed, epoch, position) of a state that this loader can go on from.

    Args:
        state: What the user gives.
        own: The state of this loader itself.
        any_seed: Whether the loader takes over the seed of the state.
        what: What the loader is called in messages.

    Raises:
        InvalidError: If `state` is no state, or belongs to another order of rows. The message
            says what differs and what to do.
    """
    fields = _mapping("the state", state, tuple(own))
    _check_worker(fields.get("worker"), own.get("worker"))
    if not _is_int(fields["version"]) or fields["version"] != VERSION:
        raise InvalidError(
            f"the state has version {_short(fields['version'])}; this headrace reads version "
            f"{VERSION}: go on with the headrace that saved it"
        )
    _check_followed(fields["dataset"], own["dataset"], what)
    dataset = _mapping("the state's dataset", fields["dataset"], tuple(own["dataset"]))
    _check_dataset(dataset, own["dataset"])
    _check_shuffle(fields["shuffle"], own["shuffle"], what)
    tail = fields["tail"]
    if not isinstance(tail, str) or tail not in _TAIL_ARGUMENTS:
        known = ", ".join(map(repr, _TAIL_ARGUMENTS))
        raise InvalidError(f"the state's tail is {_short(tail)}; a tail is one of {known}")
    if tail != own["tail"]:
        raise InvalidError(
            f"the state was saved with {_TAIL_ARGUMENTS[tail]}, this {what} has "
            f"{_TAIL_ARGUMENTS[own['tail']]}; make the {what} with {_TAIL_ARGUMENTS[tail]}"
        )
    seed = _integer("seed", fields["seed"], 2**64 - 1)
    if seed != own["seed"] and not any_seed:
        raise InvalidError(
            f"the state was saved with seed={seed}, this {what} has seed={own['seed']}; make the "
            f"{what} with seed={seed}"
        )
    epoch = _integer("epoch", fields["epoch"], MAX_EPOCH)
    items = next(own["dataset"][what] for what in _ITEMS if what in own["dataset"])
    # A worker may have nothing left while others go on with the epoch.
    last = items if "worker" in own else items - 1
    position = _integer("position", fields["position"], last)
    return seed, epoch, position


def _check_worker(found: object, own: object) -> None:
    if found != own:
        raise InvalidError(
            f"the state is of worker {_short(found)} of a DataLoader, this is {own}; make the "
            "DataLoader with as many workers as the one that saved it"
        )


def _check_followed(found: object, own: Mapping[str, Any], what: str) -> None:
    is_followed = isinstance(found, Mapping) and "stage_rows" in found
    if is_followed != ("stage_rows" in own):
        saved, here = ("with", "without") if is_followed else ("without", "with")
        raise InvalidError(
            f"the state was saved {saved} follow=, this {what} is {here} it, and their positions "
            f"count other rows; make the {what} {saved} follow="
        )


def content_id(dataset: _core.Dataset) -> str:
    """Returns what the rows of a dataset are known by: hashes of which one must be found again.

    Of rows in shards there are two: of their places in shards of these hashes, which a copy in a
    store has, too, and of their values, which the same rows have in memory. Of others there is one.
    """
    places, values = dataset.fingerprint(), dataset.value_fingerprint()
    hashes = [places] if values is None or values == places else [places, values]
    return ".".join(f"{number:016x}" for number in hashes)


def _same_content(found: str, own: str) -> bool:
    return not set(found.split(".")).isdisjoint(own.split("."))


def _check_dataset(found: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    for name, what, advice in (
        (
            "rows",
            "rows",
            "open the same dataset, and make the same views of it; where rows have been added or "
            "dropped since, the version that it had: hr.open(..., version=)",
        ),
        ("stage_rows", "rows of a stage", "follow with the same hr.Follow(stage_rows=...)"),
        (
            "schema",
            "schema hash",
            "a column differs in its name, place, dtype, shape, width or layout (the hash does not "
            "say which): open the same columns and make the same views, as with_layout and cast do",
        ),
        (
            "id",
            "content id",
            "rows at some positions have other values: open the same files (rows in "
            "memory and rows in a store are not compared)",
        ),
        ("batches", "number of batches", "give the same batch_sampler="),
        ("batches_id", "hash of batches", "give the same batch_sampler="),
    ):
        if name not in own:
            continue
        value = found[name]
        if type(value) is not type(own[name]):
            kind = type(own[name]).__name__
            raise InvalidError(f"the state's {what} is {_short(value)}, which is no {kind}")
        if value != own[name] and not (name == "id" and _same_content(value, own[name])):
            raise InvalidError(
                f"the state is of another dataset: {what} {_short(value)} in the state, "
                f"{own[name]} here; {advice}"
            )


def _check_shuffle(found: object, own: Mapping[str, Any], what: str) -> None:
    # Plain equality would take 4.0 or True for an int.
    same = isinstance(found, Mapping) and found.keys() == own.keys()
    if same and isinstance(found, Mapping):
        same = all(type(found[k]) is type(own[k]) and found[k] == own[k] for k in own)
    if not same:
        saved = describe_state(found)
        if saved == describe_state(own):
            raise InvalidError(
                f"the state was saved with {saved} over shards of other sizes: the same rows lay "
                "in other shards, files or arrays, and their order depends on them; open the "
                "dataset as it was then, such as hr.open(directory, version=...)"
            )
        raise InvalidError(
            f"the state was saved with {_short(saved, quote=False)}, this {what} has "
            f"{describe_state(own)}; make the {what} with the shuffle of the state"
        )


def _mapping(what: str, value: object, names: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidError(f"{what} is a dict as state_dict() gives it, not {_short(value)}")
    missing = [name for name in names if name not in value]
    unknown = [name for name in value if name not in names]
    if "worker" in unknown or "worker" in missing:
        raise InvalidError(
            "a state of a DataLoader's worker and one of a Loader without workers are not the same:"
            " save and load through a StatefulDataLoader with the same num_workers"
        )
    if missing or unknown:
        raise InvalidError(
            f"{what} has the fields {', '.join(names)}; "
            + (f"{missing[0]!r} is missing" if missing else f"{_short(unknown[0])} is unknown")
        )
    return value


def _integer(name: str, value: object, high: int) -> int:
    if isinstance(value, int) and _is_int(value) and 0 <= value <= high:
        return value
    raise InvalidError(f"the state's {name} is {_short(value)}; it must be an int from 0 to {high}")


def _is_int(value: object) -> bool:
    return type(value) is int  # a bool is no count


def _short(value: object, *, quote: bool = True) -> str:
    """Returns what a message shows of a value that may be anything, of any size."""
    if isinstance(value, int) and value.bit_length() > 128:
        return f"an int of {value.bit_length()} bits"
    text = repr(value) if quote else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
