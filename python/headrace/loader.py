"""The loader: batches of a dataset, in a given order, made by threads of the core."""

from __future__ import annotations

import contextlib
import copy
import sys
import warnings
from multiprocessing.context import get_spawning_popen
from types import TracebackType
from typing import Any, NoReturn

from headrace import checks, dataloader_arguments, live_loaders, torch_bridge
from headrace import shuffle as shuffles
from headrace import state as states
from headrace.batch_context import BatchContext, BatchPlaces
from headrace.batches_by_index import IndexLists, ListedBatches, NamedPlaces, check_exclusive
from headrace.dataloader_worker import WorkerIterator
from headrace.dataset import Dataset
from headrace.dealing import Dealing
from headrace.epochs import Epochs
from headrace.errors import HeadraceError, InvalidError, UnsupportedError
from headrace.follow import Follow
from headrace.iterator import PassIterator
from headrace.loader_passes import LoaderPasses
from headrace.output import Output, check_output
from headrace.shared_epochs import SharedEpochs
from headrace.transform import Transform, TransformFunction, check_picklable, check_threads

_MAX_PREFETCH = 2**16


class Loader(LoaderPasses):
    """Batches of a dataset for training; each pass over it is the next epoch.

    The same dataset, shuffle, seed, epoch and batch size give the same batches, whatever the
    source, the number of threads and the prefetch, before and after a resume. Batches are tuples
    or dicts of tensors, as the dataset's rows are. Text is a list of str, bytes a list of bytes,
    and ragged rows are `RaggedRows`, unless the dataset has another layout for them
    (`Dataset.with_layout`); for csr it must have one.

    * ``for batch in loader`` starts the epoch `epoch` and advances it, so that after a ``break``
      the next loop goes on with the next epoch. `set_epoch` chooses another. An iterator that
      was never asked for a batch has used up no epoch.
    * One iterator is live at a time: a second ``iter(loader)`` ends the first, which then raises
      CancelledError.
    * `state_dict` is the position in the running epoch; `load_state_dict` goes on from there
      exactly, in another process and on any world size.
    * An error is raised in the place of its batch and ends the pass; `state_dict` then names the
      failed batch.
    * `close` and the end of a ``with`` block join the threads. So do the end of a pass, the end
      of the loader, and the exit of the process.

    Args:
        dataset: Any headrace dataset: arrays, files, what a function made, or views of them.
        batch_size: Rows per batch and rank.
        shuffle: False for the dataset's order, True for a random order of all rows that takes no
            memory, a `BlockShuffle` or a `ShardShuffle`.
        seed: Every order follows from (seed, epoch). None draws a seed and keeps it in the state.
        drop_last: Leave out the last rows where they fill no batch on every rank.
        exact: No repeated rows in the last batches; ranks may differ by one batch. Otherwise a
            rank without a row repeats one, so that all ranks have equally many batches.
        rank: This process among `world_size` that share the rows; from 0.
        world_size: Number of processes. 1 reads all rows here, even in a larger process group.
        num_threads: Threads of the core; None chooses.
        prefetch: Batches made ahead; None chooses.
        output: "torch", "numpy", or "dlpack" for objects that any array library takes.
        batch_sampler: A sequence of index arrays or lists, each the rows of a batch, instead of
            `batch_size`. Batches may have any sizes and repeat rows. It is asked for ``[i]`` a
            few batches ahead, in the thread that takes batches. `shuffle` then is the order of
            the batches, ranks share out whole batches, and positions count batches.
        transform: A Python function of whole batches, ``fn(batch)`` or ``fn(batch, context)`` with
            a `BatchContext`; what it returns is the batch. It keeps the number of rows.
        transform_threads: Python threads that run the transform, about `prefetch` batches ahead;
            batches still come in order. None runs it in the thread that takes the batch.
        epochs: How many epochs one iteration goes through, None for ever. It ends before the next
            epoch whose number is a multiple of it, so that a resumed one ends where it would have.
            Batches never reach across epochs, and the next epoch's are made ahead.
        follow: True, or `Follow`, takes up what is committed to the dataset's directory while it is
            read, stage by stage, for ever: a stage is so many rows, in the order of their commits,
            and has a number and an order as an epoch has. What is not there yet is waited for.
        **unsupported: Nothing; arguments of torch's DataLoader get an error that says what to do.

    Example:
        >>> import numpy as np, headrace as hr
        >>> ds = hr.from_arrays(x=np.zeros((10, 2), np.float32), y=np.arange(10))
        >>> with hr.Loader(ds, batch_size=4, output="numpy") as loader:
        ...     [batch["y"].tolist() for batch in loader]
        [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        batch_size: int = 1,
        shuffle: shuffles.Shuffle = False,
        seed: int | None = 0,
        drop_last: bool = False,
        exact: bool = False,
        rank: int | None = None,
        world_size: int | None = None,
        num_threads: int | None = None,
        prefetch: int | None = None,
        output: Output = "torch",
        batch_sampler: IndexLists | None = None,
        transform: TransformFunction | None = None,
        transform_threads: int | None = None,
        epochs: int | None = 1,
        follow: bool | Follow = False,
        **unsupported: object,
    ) -> None:
        dataloader_arguments.refuse(unsupported, Loader)
        self._dataset = self._rows = _check_dataset(dataset)
        self._epochs = Epochs()
        self._together = _count(
            "epochs", epochs, high=states.MAX_EPOCH, hint="None goes on for ever"
        )
        self._stages = self._stages_of(follow, batch_sampler=batch_sampler)
        self._listed = None
        if batch_sampler is not None:
            check_exclusive(batch_size=batch_size, drop_last=drop_last, exact=exact)
            self._listed = ListedBatches(batch_sampler, rows=len(dataset))
        self._dealing = Dealing.of(
            self._items(),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            drop_last=drop_last,
            exact=exact,
            rank=rank,
            world_size=world_size,
            find_units=self._find_units,
        )
        shuffles.warn_of_ranks(self._dealing.shuffle, self._dealing.world_size)
        self._check_goes_on()
        choose = "None lets headrace choose"
        self._num_threads = _count("num_threads", num_threads, high=checks.MAX_THREADS, hint=choose)
        self._prefetch = _count("prefetch", prefetch, high=_MAX_PREFETCH, hint=choose)
        self._output = output
        self._transform = None if transform is None else Transform(transform)
        self._transform_threads = check_threads(transform_threads, transform)
        check_output(output, dataset.schema)
        self._renew_core()
        self._last_pass = None
        self._chain = None
        self._share = None
        self._id = ""
        torch_bridge.register_iterable(Loader)
        live_loaders.add(self)

    @property
    def dataset(self) -> Dataset:
        """The dataset that is read."""
        return self._dataset

    @property
    def epoch(self) -> int:
        """The epoch that the next ``iter(loader)`` starts, or goes on with after a resume."""
        return self._epochs.next()[0]

    def __len__(self) -> int:
        """Number of batches of a full pass on this rank, also when a pass resumes in the middle.

        With `epochs`, of so many passes.

        Raises:
            TypeError: If there is no end.
        """
        if self._together == 0:
            raise TypeError("this Loader has no length: it never ends (epochs=None, or follow=)")
        return self._core.batches(0) * self._together

    def __iter__(self) -> PassIterator:
        torch_bridge.register_iterable(Loader)
        if torch_bridge.collates(sys._getframe(1)):
            raise InvalidError(
                "this DataLoader would put the batches of the Loader into batches again; make it "
                "with DataLoader(loader, batch_size=None)"
            )
        with contextlib.suppress(HeadraceError):  # the batch that cannot be read will say so
            self._dataset_id()
        share = self._worker_share()
        if share is not None:
            return WorkerIterator(share, self)
        if self._together == 1 and self._stages is None:
            return PassIterator(self._begin(*self._epochs.next()), self)
        return self._begin_chain()

    def __repr__(self) -> str:
        arguments = self._dealing.describe()
        if self._listed is not None:
            arguments[0] = f"batch_sampler=<{len(self._listed)} batches>"
        arguments += [f"output={self._output!r}"]
        arguments += [f"transform={self._transform.name}"] if self._transform else []
        return (
            f"<headrace.Loader({self._dataset!r}, {', '.join(arguments)}); "
            f"epoch={self.epoch}, batches={len(self) if self._together else 'endless'}>"
        )

    def set_epoch(self, epoch: int) -> None:
        """Makes `epoch` the next pass, from its beginning.

        A position that was loaded, or left by a ``break``, is forgotten. A live iterator is not
        touched.

        Example:
            >>> import numpy as np, headrace as hr
            >>> loader = hr.Loader(hr.from_arrays(np.arange(9)), shuffle=True, output="numpy")
            >>> loader.set_epoch(5)
            >>> loader.epoch
            5
        """
        number = self._epochs.set_epoch(epoch)
        share = self._worker_share()
        if share is not None:
            share.load(number, share.start_of(0))

    def state_dict(self) -> dict[str, Any]:
        """Returns where training stands, as a plain dict that json can write.

        It counts the batches that were handed out, not those prepared ahead: after a batch has
        been received it is the position behind that batch, and after the last one (epoch + 1, 0).

        Raises:
            TruncatedError: If, in the middle of a pass, one of its files has become shorter: the
                batches since then may hold zeros. The state of the last good point is still good.

        Example:
            >>> import numpy as np, headrace as hr
            >>> ds = hr.from_arrays(np.arange(9))
            >>> loader = hr.Loader(ds, batch_size=2, shuffle=True, output="numpy")
            >>> batches = iter(loader)
            >>> first = next(batches)
            >>> state = loader.state_dict()
            >>> state["epoch"], state["position"]
            (0, 2)
            >>> other = hr.Loader(ds, batch_size=2, shuffle=True, output="numpy")
            >>> other.load_state_dict(state)
            >>> all(map(np.array_equal, next(iter(other)), next(batches)))
            True
        """
        if self._last_pass is not None and self._last_pass.live:
            # What is saved now is not to be read again: its files must still be whole.
            self._rows_of(self._last_pass.epoch)._core.check_files()
        if self._epochs.read_by_workers:
            raise UnsupportedError(
                "this Loader is read by workers of a DataLoader, and how far they are is not known "
                "here: a state with workers exists only through torchdata's StatefulDataLoader"
            )
        return self._state()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from `state`: the next pass is the rest of its epoch, the one after a full one.

        Batch size, world size, rank, threads, prefetch and output may differ from the loader that
        saved it. The dataset, shuffle, seed and tail may not; a loader with ``seed=None`` takes
        the seed of the state. A live iterator ends.

        Raises:
            InvalidError: If `state` is none, or another dataset's or order's. Nothing changes then.
        """
        seed, epoch, position = states.check_state(
            state, self._state(), any_seed=self._dealing.draws_seed and self._share is None
        )
        self._close_pass()
        self._use_seed(seed)
        self._epochs.resume(epoch, position)
        self._last_pass = None
        share = self._worker_share()
        if share is not None:
            share.load(epoch, position)

    def __getitem__(self, index: object) -> NoReturn:
        """Refuses: there are only whole batches, one after another."""
        if torch_bridge.register_iterable(Loader):
            raise UnsupportedError(
                "torch was imported after this Loader had been made, so this DataLoader took it "
                "for a list of rows; make the DataLoader again, and it is right"
            )
        raise UnsupportedError(
            "a Loader gives whole batches, one after another: iterate it, or give it to torch as "
            "DataLoader(loader, batch_size=None); loader.peek() shows the next batch, a Dataset "
            "has single rows"
        )

    def peek(self) -> Any:
        """Returns the next batch without using it up.

        It is what ``next()`` of the live iterator will give, or else of a new iterator: so after
        the last batch of a pass it is the first one of the next. None if there is none, as where a
        resume leaves less than one batch, or where rows that are followed are not there yet.

        Example:
            >>> import numpy as np, headrace as hr
            >>> loader = hr.Loader(hr.from_arrays(np.arange(4)), batch_size=3, output="numpy")
            >>> loader.peek()[0].tolist()
            [0, 1, 2]
            >>> loader.epoch
            0
        """
        current, epoch, position = self._next_batch()
        if self._stages is not None:
            stage = self._stages.get(epoch)
            if stage is None:
                return None
            self._use(stage)
        order: BatchPlaces
        if current is None:
            order, number = self._core.order(epoch, position), 0
        else:
            order, number = current.order, current.handed_out
        if number == order.batches:
            return None
        places = order
        if self._listed is None:
            batch = self._core.peek(epoch, position)
        else:
            rows = self._listed.rows_of(int(order.items(number)[0]))
            places = NamedPlaces(order, rows)
            batch = self._core.read(rows)
        if self._transform is None:
            return batch
        context = BatchContext(places, seed=self._dealing.seed, epoch=epoch, batch=number)
        return self._transform(batch, context)

    def stats(self) -> dict[str, Any]:
        """Returns counts since the loader was made (or its seed loaded), and times in seconds.

        rows, bytes and batches handed out; padding: rows repeated so that ranks have equally many
        batches; consumer_wait_s: time that training waited for batches; worker_wait_s: time that
        the threads waited for training; transform_s: time in the transform, summed over its
        threads; queue_depth: batches ready now; passes; num_threads and prefetch in use.

        regime: how rows got from files into memory when the last pass looked: "unknown" before
        that, "arrays" if nothing is in files, "resident" if all is in memory already,
        "read_ahead" if the files fit and are read from end to end besides the rows that are due,
        "hints" if only rows that are due are asked for. regime_changes counts changes within
        passes; hinted_bytes and read_ahead_bytes say how much was asked for, in bytes of files.

        Of a dataset in a store also what this process has done with its shards since it opened it,
        whatever loader asked, and with follow= those of all versions that this one has read:
        shard_hits were in the cache when they were wanted, shard_fetches were downloaded, of which
        shard_refetches had been before; shard_bytes came from the store, also in shard_retries;
        shard_waits counts waits for a shard, of shard_wait_s together, summed over threads;
        shard_held_bytes are pinned in the cache, or on their way, now. shard_ahead_failures, of
        this loader: times that shards could not be sent for before they were due; who needs them
        waits for them then.
        """
        stats = self._core.stats()
        return stats if self._transform is None else self._received.stats(stats)

    def close(self) -> None:
        """Ends a live iterator and joins the threads.

        Closing again does nothing. The state stays, and a later ``iter(loader)`` starts the
        threads anew.
        """
        self._close_pass()

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles arguments and state. For a process that is being started, that it is a copy."""
        check_picklable("transform", None if self._transform is None else self._transform.function)
        spawned = get_spawning_popen() is not None
        shared = self._epochs.share() if spawned else None
        point = self._epochs.next() if spawned else self._epochs.handed_out()
        return _restore, (self._dataset, self._arguments(), point, spawned, shared)

    def __deepcopy__(self, memo: dict[int, Any]) -> Loader:
        # Without the pickle of __reduce__: a dataset is never changed, so that copies share it.
        arguments = self._arguments()
        for name in ("batch_sampler", "transform"):
            arguments[name] = copy.deepcopy(arguments[name], memo)
        return _restore(self._dataset, arguments, self._epochs.handed_out())

    def _arguments(self) -> dict[str, Any]:
        """Returns the arguments of this loader, and the seed that it has drawn, if it has."""
        return self._dealing.arguments() | {
            "drawn_seed": self._dealing.seed,
            "num_threads": self._num_threads or None,
            "prefetch": self._prefetch or None,
            "output": self._output,
            "batch_sampler": None if self._listed is None else self._listed.sequence,
            "transform": None if self._transform is None else self._transform.function,
            "transform_threads": self._transform_threads or None,
            "epochs": self._together or None,
            "follow": False if self._stages is None else self._stages.follow,
        }


def _check_dataset(dataset: object) -> Dataset:
    if not isinstance(dataset, Dataset):
        raise InvalidError(
            f"a Loader reads a headrace Dataset, not a {type(dataset).__name__}; make one with "
            "hr.from_arrays (arrays, tensors), hr.memmap (raw files), hr.open (.npy) or "
            "hr.from_items (anything, by a function of yours), or keep your Dataset and give it "
            "our order: DataLoader(dataset, batch_sampler=hr.BatchSampler(len(dataset), 64))"
        )
    return dataset


def _restore(
    dataset: Dataset,
    arguments: dict[str, Any],
    point: tuple[int, int],
    spawned: bool = False,
    shared: SharedEpochs | None = None,
) -> Loader:
    """Returns the loader that was pickled."""
    seed = arguments.pop("drawn_seed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the original has said it
        loader = Loader(dataset, **arguments)
    loader._use_seed(seed)
    loader._epochs.resume(*point)
    if spawned:
        loader._epochs.adopt(shared)
    return loader


def _count(name: str, value: int | None, *, high: int, hint: str) -> int:
    return 0 if value is None else checks.check_int(name, value, low=1, high=high, hint=hint)
