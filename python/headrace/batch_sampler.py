"""Row numbers for anybody's own Dataset: the order of a Loader, without its data."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Any

from headrace import _core, checks
from headrace import shuffle as shuffles
from headrace import state as states
from headrace.dealing import Dealing
from headrace.epochs import Epochs
from headrace.iterator import end_state, has_ended

_MAX_ROWS = 2**62


class BatchSampler:
    """Batches of row numbers for torch's DataLoader: ``DataLoader(ds, batch_sampler=...)``.

    The same rows, shuffle, seed, epoch, batch size and rank give the same rows as in a `Loader`.
    It takes no memory for each row, and its state is exact. A headrace dataset is read a batch at
    a time by ``DataLoader(ds, sampler=BatchSampler(...), batch_size=None)``.

    * Each iteration that is asked for a batch is the next epoch, as with `Loader`; `set_epoch`
      chooses another.
    * A DataLoader with workers draws batches ahead of training, so `state_dict` must be told how
      many batches training has had: ``sampler.state_dict(batches=k)``. torchdata's
      StatefulDataLoader keeps the sampler's state beside each batch itself.

    Args:
        n: Number of rows, or a dataset that has a length.
        batch_size: Rows per batch and rank.
        shuffle: False for the dataset's order, True for a random order of all rows, or a
            `BlockShuffle`.
        seed: Every order follows from (seed, epoch). None draws a seed and keeps it in the state.
        drop_last: Leave out the last rows where they fill no batch on every rank. Otherwise the
            last batch may be short, and a rank without a row repeats one.
        rank: This process among `world_size` that share the rows; from 0.
        world_size: Number of processes. 1 reads all rows here, even in a larger process group.

    Example:
        >>> import headrace as hr
        >>> sampler = hr.BatchSampler(10, 4, shuffle=True, seed=7)
        >>> batches = list(sampler)
        >>> [len(batch) for batch in batches], sorted(sum(batches, []))
        ([4, 4, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """

    def __init__(
        self,
        n: int | Sized,
        batch_size: int,
        *,
        shuffle: shuffles.Shuffle = False,
        seed: int | None = 0,
        drop_last: bool = False,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        is_sized = isinstance(n, Sized) and not isinstance(n, (str, bytes))
        rows = len(n) if is_sized else n  # type: ignore[arg-type]
        hint = "it is the number of rows"
        self._dealing = Dealing.of(
            checks.check_int("n", rows, low=1, high=_MAX_ROWS, hint=hint),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            drop_last=drop_last,
            exact=False,
            rank=rank,
            world_size=world_size,
        )
        self._batches = self._dealing.order(0, 0).batches
        self._epochs = Epochs()

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration is, or goes on with after a resume."""
        return self._epochs.next()[0]

    def __len__(self) -> int:
        """Number of batches of a full pass on this rank, also when a pass resumes in the middle."""
        return self._batches

    def __iter__(self) -> Iterator[list[int]]:
        return SamplerPass(self)

    def __repr__(self) -> str:
        arguments = [str(self._dealing.items), *self._dealing.describe()]
        return (
            f"<headrace.BatchSampler({', '.join(arguments)}); "
            f"epoch={self.epoch}, batches={len(self)}>"
        )

    def set_epoch(self, epoch: int) -> None:
        """Makes `epoch` the next pass, from its beginning.

        A position that was loaded, or left by a ``break``, is forgotten. An iteration under way is
        not touched.

        Example:
            >>> import headrace as hr
            >>> sampler = hr.BatchSampler(3, 3, shuffle=True)
            >>> sampler.set_epoch(5)
            >>> sampler.epoch
            5
        """
        self._epochs.set_epoch(epoch)

    def state_dict(self, *, batches: int | None = None) -> dict[str, Any]:
        """Returns where training stands, as a plain dict that json can write.

        Args:
            batches: How many batches training has had in this pass; in a pass that goes on after
                a resume, since then. None takes those that were drawn, which is right where
                nothing draws ahead: without workers, and in a StatefulDataLoader.

        Example:
            >>> import headrace as hr
            >>> sampler = hr.BatchSampler(10, 2)
            >>> ahead = [batch for batch in sampler]
            >>> other = hr.BatchSampler(10, 2)
            >>> other.load_state_dict(sampler.state_dict(batches=3))
            >>> list(other)
            [[6, 7], [8, 9]]
        """
        if batches is None:
            epoch, position = self._epochs.handed_out()
        else:
            epoch, position = self._after(batches)
        dataset = {"rows": self._dealing.items}
        return self._dealing.state(dataset, epoch=epoch, position=position)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from `state`: the next pass is the rest of its epoch, the one after a full one.

        Batch size, world size and rank may differ from the sampler that saved it. The number of
        rows, shuffle, seed and drop_last may not; a sampler with ``seed=None`` takes the seed of
        the state.

        Raises:
            InvalidError: If `state` is none, or another order's. Nothing changes then.
        """
        seed, epoch, position = states.check_state(
            state, self.state_dict(), any_seed=self._dealing.draws_seed, what="batch sampler"
        )
        self._dealing = self._dealing.with_seed(seed)
        self._epochs.resume(epoch, position)

    def _after(self, batches: int) -> tuple[int, int]:
        last = self._epochs.current
        drawn = last.drawn if isinstance(last, SamplerPass) else 0
        hint = "so many were drawn in this pass"
        count = checks.check_int("batches", batches, low=0, high=drawn, hint=hint)
        if last is None:
            return self._epochs.handed_out()
        order = last.order
        if count == order.batches and order.complete:
            return last.epoch + 1, 0
        return last.epoch, order.position_after(count)


class SamplerPass(Iterator[list[int]]):
    """One walk along an epoch of a sampler. It begins, and takes its epoch, at the first next()."""

    def __init__(self, sampler: BatchSampler) -> None:
        self._sampler = sampler
        self.drawn = 0
        self.asked = True  # before that it has not begun
        self.epoch = -1
        self._order: _core.BatchOrder | None = None
        self._ended = False

    def __next__(self) -> list[int]:
        if self._ended:
            raise StopIteration
        if self._order is None:
            epoch, position = self._sampler._epochs.next()
            self._order = self._sampler._dealing.order(epoch, position)
            self.epoch = epoch
            self._sampler._epochs.begin(self)
        if self.drawn == self._order.batches:
            self._ended = True
            raise StopIteration
        rows: list[int] = self._order.items(self.drawn).tolist()
        self.drawn += 1
        return rows

    def state_dict(self) -> dict[str, bool]:
        """Returns what torchdata's StatefulDataLoader keeps beside the state of the sampler."""
        return end_state(ended=self._order is not None and self.drawn == self._order.batches)

    def load_state_dict(self, state: dict[str, bool]) -> None:
        """Makes this the rest of the saved walk; the sampler has its position already."""
        self._ended = has_ended(state)

    @property
    def order(self) -> _core.BatchOrder:
        """Which rows the batches hold. Requires: the walk has begun."""
        assert self._order is not None
        return self._order

    @property
    def position(self) -> int:
        """The position behind the batches drawn."""
        return self.order.position_after(self.drawn)

    @property
    def done(self) -> bool:
        """Whether the epoch is over for all ranks."""
        return self._ended or (self.drawn == self.order.batches and self.order.complete)

    @property
    def live(self) -> bool:
        """Whether another batch may come."""
        return not self.done
