"""How a pass of a loader is put together: the core's, told its batches, and transformed."""

from __future__ import annotations

from headrace import _core
from headrace.batch_context import BatchPlaces
from headrace.batches_by_index import ListedBatches, ListedPass
from headrace.transform import Transform
from headrace.transform_threads import ThreadedPass
from headrace.transformed_pass import PlacesOf, TransformedPass

CLOSED = "the loader was closed; iterate it again"
SUPERSEDED = "superseded: a later iter() of the same loader took its place"

AnyPass = _core.Pass | ListedPass | TransformedPass


def make_pass(
    core: _core.Loader,
    run: _core.Pass,
    *,
    listed: ListedBatches | None,
    transform: Transform | None,
    transform_threads: int,
    seed: int,
) -> AnyPass:
    """Returns `run`, which `core` has started, with what Python adds to it.

    Without a list of batches and a transform that is nothing: `run` itself.
    """
    source: _core.Pass | ListedPass = run
    places = _same_for_all(run.order)
    if listed is not None:
        source = ListedPass(core, run, listed)
        places = source.places
    if transform is None:
        return source
    if transform_threads == 0:
        return TransformedPass(source, transform, places=places, seed=seed)
    return ThreadedPass(
        source,
        transform,
        places=places,
        seed=seed,
        threads=transform_threads,
        ahead=int(core.stats()["prefetch"]),
    )


def close_pass(current: AnyPass | None, why: str, *, grace: float | None = None) -> None:
    """Ends what Python adds to a pass; the core's part is ended by its loader."""
    if isinstance(current, TransformedPass):
        current.close(why, grace=grace)


def _same_for_all(order: BatchPlaces) -> PlacesOf:
    return lambda _number: order
