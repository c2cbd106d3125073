"""How items are dealt into batches: the arguments that a loader and a batch sampler share."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from headrace import _core, checks, ranks
from headrace import shuffle as shuffles
from headrace import state as states
from headrace.errors import InvalidError

MAX_BATCH_SIZE = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Dealing:
    """All that fixes which items each batch of an epoch holds on this rank."""

    items: int
    batch_size: int
    shuffle: shuffles.Shuffle
    units: _core.Units | None  # of a ShardShuffle
    seed: int
    draws_seed: bool
    drop_last: bool
    exact: bool
    rank: int
    world_size: int

    @classmethod
    def of(
        cls,
        items: int,
        *,
        batch_size: object,
        shuffle: object,
        seed: object,
        drop_last: object,
        exact: object,
        rank: object,
        world_size: object,
        find_units: Callable[[], _core.Units] | None = None,
    ) -> Dealing:
        """Returns the checked arguments of a user.

        `find_units` says which shards the items lie in, if they lie in shards.

        Raises:
            InvalidError: If one of them cannot be right, or two of them together.
        """
        size = checks.check_int("batch_size", batch_size, low=1, high=MAX_BATCH_SIZE)
        checked_shuffle = shuffles.check_shuffle(shuffle)
        drop_last = checks.check_bool("drop_last", drop_last)
        exact = checks.check_bool("exact", exact)
        rank, world_size = ranks.resolve_rank(rank, world_size)
        if seed is None and world_size > 1:
            raise InvalidError(
                "seed=None would give every rank an order of its own; pass the same seed= to all"
            )
        dealing = cls(
            items=items,
            batch_size=size,
            shuffle=checked_shuffle,
            units=shuffles.find_units(checked_shuffle, find_units),
            seed=secrets.randbits(64) if seed is None else checks.check_seed(seed),
            draws_seed=seed is None,
            drop_last=drop_last,
            exact=exact,
            rank=rank,
            world_size=world_size,
        )
        dealing._check_tail()
        return dealing

    def with_seed(self, seed: int) -> Dealing:
        """Returns the same with another seed."""
        return replace(self, seed=seed)

    def with_units(self, units: _core.Units | None) -> Dealing:
        """Returns the same for items that lie in other shards."""
        return replace(self, units=units)

    def batches_of_epoch(self) -> int:
        """Returns how many batches a whole epoch has on this rank, in whatever order."""
        return replace(self, shuffle=False, units=None).order(0, 0).batches

    def order(self, epoch: int, position: int) -> _core.BatchOrder:
        """Returns which items the batches of a pass hold."""
        return _core.BatchOrder(self.items, epoch=epoch, position=position, **self.core_arguments())

    def core_arguments(self) -> dict[str, Any]:
        """Returns these arguments as the core takes them."""
        return {
            "batch_size": self.batch_size,
            "shuffle": shuffles.to_core(self.shuffle, self.units),
            "seed": self.seed,
            "drop_last": self.drop_last,
            "exact": self.exact,
            "rank": self.rank,
            "world_size": self.world_size,
        }

    def arguments(self) -> dict[str, Any]:
        """Returns these arguments as a user gives them."""
        return {
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "seed": None if self.draws_seed else self.seed,
            "drop_last": self.drop_last,
            "exact": self.exact,
            "rank": self.rank,
            "world_size": self.world_size,
        }

    def state(self, dataset: dict[str, Any], *, epoch: int, position: int) -> dict[str, Any]:
        """Returns the state at a position; `dataset` identifies what the items are."""
        return {
            "version": states.VERSION,
            "dataset": dataset,
            "shuffle": shuffles.to_state(self.shuffle, self.units),
            "seed": self.seed,
            "epoch": epoch,
            "position": position,
            "tail": "drop" if self.drop_last else "exact" if self.exact else "repeat",
        }

    def describe(self) -> list[str]:
        """Returns the arguments that a repr shows."""
        arguments = [f"batch_size={self.batch_size}", f"shuffle={self.shuffle}"]
        arguments += [f"seed={self.seed}"]
        arguments += ["drop_last=True"] * self.drop_last + ["exact=True"] * self.exact
        if self.world_size > 1:
            arguments += [f"rank={self.rank}", f"world_size={self.world_size}"]
        return arguments

    def _check_tail(self) -> None:
        if self.drop_last and self.exact:
            raise InvalidError(
                "drop_last=True and exact=True contradict each other: the last rows are left out "
                "or dealt without repeats; pass one of them"
            )
        step = self.batch_size * self.world_size
        if self.drop_last and step > self.items:
            raise InvalidError(
                f"drop_last=True leaves no batch: batch_size {self.batch_size} x world_size "
                f"{self.world_size} = {step} is more than the {self.items} rows; use a smaller "
                "batch_size or drop_last=False"
            )
