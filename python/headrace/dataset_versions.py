"""Other versions of the dataset that a dataset's rows come from: newer and shorter ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace import checks, recipe
from headrace.errors import InvalidError

if TYPE_CHECKING:
    from headrace.dataset_place import Versions
    from headrace.recipe import Made

MAX_AGE = 100 * 366 * 24 * 3600  # seconds
WEEK = 7 * 24 * 3600


def versions_of(made: Made, what: str) -> Versions:
    """Returns the versions of the dataset whose rows these are, all of them and in their order.

    Args:
        made: The dataset.
        what: What it is asked for, for messages.

    Raises:
        InvalidError: If it is another kind of dataset.
    """
    versions: Versions | None = recipe.versions_of_all_rows(made.recipe)
    if versions is None:
        raise InvalidError(
            f"{what} takes a dataset of shards as hr.open(directory) gives it, or a view of its "
            "columns; this one has other rows, or in another order (arrays, files, subset, split, "
            "concat, zip), of which there are no newer versions"
        )
    return versions


def retain(made: Made, *, newest: object, rows: object, age: object) -> Made:
    """Drops the oldest shards of a dataset; see `Dataset.retain`.

    Returns:
        The dataset at the version without them.
    """
    versions = versions_of(made, "retain")
    if (newest is None) == (rows is None):
        raise InvalidError(
            "retain takes newest=, how many shards stay, or rows=, how many rows stay at least: "
            "one of the two"
        )
    high = checks.MAX_INT64
    shards = 0 if newest is None else checks.check_int("newest", newest, low=1, high=high)
    least = 0 if rows is None else checks.check_int("rows", rows, low=1, high=high)
    seconds = checks.check_int("age", age, low=0, high=MAX_AGE, hint="it is in seconds")
    version = versions.retain(shards, least)
    versions.remove_dropped(seconds)
    return recipe.at_version(made.recipe, version)
