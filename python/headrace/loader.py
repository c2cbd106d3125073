"""The loader: batches of a dataset, in a given order, made by threads of the core."""

from __future__ import annotations

import contextlib
import copy
import sys
import warnings
from multiprocessing.context import get_spawning_popen
from types import TracebackType
from typing import Any, NoReturn

from headrace import _core, checks, dataloader_arguments, live_loaders, ranks, torch_bridge
from headrace import shuffle as shuffles
from headrace import state as states
from headrace.batch_context import BatchContext, BatchPlaces
from headrace.batches_by_index import IndexLists, ListedBatches, NamedPlaces, check_exclusive
from headrace.dataloader_worker import WorkerIterator, WorkerShare, refuse_output
from headrace.dataset import Dataset
from headrace.dealing import Dealing
from headrace.epochs import Epochs
from headrace.errors import HeadraceError, InvalidError, UnsupportedError
from headrace.iterator import PassIterator
from headrace.output import Output, check_output
from headrace.passes import AnyPass, close_pass, make_pass
from headrace.presentation import presenter
from headrace.received import Received
from headrace.shared_epochs import SharedEpochs
from headrace.transform import Transform, TransformFunction, check_picklable, check_threads
from headrace.transformed_pass import TransformedPass

_MAX_PREFETCH = 2**16


class Loader:
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
            memory, or a `BlockShuffle`.
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
        shuffle: bool | shuffles.BlockShuffle = False,
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
        **unsupported: object,
    ) -> None:
        dataloader_arguments.refuse(unsupported, Loader)
        if not isinstance(dataset, Dataset):
            raise InvalidError(
                f"a Loader reads a headrace Dataset, not a {type(dataset).__name__}; make one "
                "with hr.from_arrays (arrays, tensors), hr.memmap (raw files), hr.open (.npy) or "
                "hr.from_items (anything, by a function of yours), or keep your Dataset and give "
                "it our order: DataLoader(dataset, batch_sampler=hr.BatchSampler(len(dataset), 64))"
            )
        self._dataset = dataset
        self._listed: ListedBatches | None = None
        if batch_sampler is not None:
            check_exclusive(batch_size=batch_size, drop_last=drop_last, exact=exact)
            self._listed = ListedBatches(batch_sampler, rows=len(dataset))
        self._dealing = Dealing.of(
            len(dataset) if self._listed is None else len(self._listed),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            drop_last=drop_last,
            exact=exact,
            rank=rank,
            world_size=world_size,
        )
        choose = "None lets headrace choose"
        self._num_threads = _count("num_threads", num_threads, high=checks.MAX_THREADS, hint=choose)
        self._prefetch = _count("prefetch", prefetch, high=_MAX_PREFETCH, hint=choose)
        self._output: Output = output
        self._transform = None if transform is None else Transform(transform)
        self._transform_threads = check_threads(transform_threads, transform)
        check_output(output, dataset.schema)
        self._renew_core()
        self._epochs = Epochs()
        self._last_pass: AnyPass | None = None  # as the epochs have it
        self._share: WorkerShare | None = None  # of a worker of a DataLoader
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
        """Number of batches of a full pass on this rank, also when a pass resumes in the middle."""
        return self._core.batches(0)

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
        return PassIterator(self._begin(*self._epochs.next()), self)

    def __repr__(self) -> str:
        arguments = self._dealing.describe()
        if self._listed is not None:
            arguments[0] = f"batch_sampler=<{len(self._listed)} batches>"
        arguments += [f"output={self._output!r}"]
        arguments += [f"transform={self._transform.name}"] if self._transform else []
        return (
            f"<headrace.Loader({self._dataset!r}, {', '.join(arguments)}); "
            f"epoch={self.epoch}, batches={len(self)}>"
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
            self._dataset._core.check_files()
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
        resume leaves less than one batch.

        Example:
            >>> import numpy as np, headrace as hr
            >>> loader = hr.Loader(hr.from_arrays(np.arange(4)), batch_size=3, output="numpy")
            >>> loader.peek()[0].tolist()
            [0, 1, 2]
            >>> loader.epoch
            0
        """
        current, epoch, position = self._next_batch()
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
        }

    def _begin(self, epoch: int, position: int, *, every: int = 1) -> AnyPass:
        """Starts a pass, which is the last one from now on."""
        before = self._last_pass
        current = make_pass(
            self._core,
            self._core.start(epoch, position, every),
            listed=self._listed,
            transform=self._transform,
            transform_threads=self._transform_threads,
            seed=self._dealing.seed,
        )
        self._epochs.begin(current)
        self._last_pass = current
        close_pass(before, "superseded: a later iter() of the same loader took its place")
        if isinstance(current, TransformedPass):
            self._received.begin(current, self._core.stats())
        return current

    def _next_batch(self) -> tuple[AnyPass | None, int, int]:
        """Returns the pass that is under way, if one is, and the point of its next batch."""
        share = self._worker_share()
        if share is not None:
            return share.running, *share.point()
        last = self._last_pass
        if last is not None and last.live:
            return last, last.epoch, last.position
        return None, *self._epochs.next()

    def _state(self) -> dict[str, Any]:
        dataset: dict[str, Any] = {
            "rows": len(self._dataset),
            "schema": self._dataset.schema.digest(),
            "id": self._dataset_id(),
        }
        if self._listed is not None:
            dataset |= {"batches": len(self._listed), "batches_id": self._listed.digest()}
        share = self._worker_share()
        epoch, position = self._epochs.handed_out() if share is None else share.point()
        state = self._dealing.state(dataset, epoch=epoch, position=position)
        if share is not None:
            state["worker"] = {"id": share.id, "of": share.workers}
        return state

    def _worker_share(self) -> WorkerShare | None:
        """Returns what is to be read here, if this is a copy in a worker of a DataLoader."""
        info = torch_bridge.worker_info()
        if info is None or not self._epochs.is_copy:
            return None
        if self._share is None:
            refuse_output(self._output)
            self._share = WorkerShare(self, info, self._epochs.share())
            self._num_threads = self._num_threads or 1  # the other processors have workers, too
            self._renew_core()
        return self._share

    def _close_pass(self, *, grace: float | None = None) -> None:
        self._core.close()
        close_pass(self._last_pass, "the loader was closed; iterate it again", grace=grace)

    def _dataset_id(self) -> str:
        # Known from before the first batch: a state is wanted most after a file has failed.
        if not self._id:
            self._id = f"{self._dataset._core.fingerprint():016x}"
        return self._id

    def _use_seed(self, seed: int) -> None:
        if seed != self._dealing.seed:
            self._dealing = self._dealing.with_seed(seed)
            self._renew_core()

    def _renew_core(self) -> None:
        self._received = Received()
        self._core = _core.Loader(
            self._dataset._core,
            num_threads=self._num_threads,
            prefetch=self._prefetch,
            output=self._output,
            as_tuple=self._dataset._as_tuple,
            listed=0 if self._listed is None else len(self._listed),
            local_ranks=ranks.local_ranks(self._dealing.world_size),
            presenters=[presenter(field, self._output) for field in self._dataset.schema.values()],
            **self._dealing.core_arguments(),
        )


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
