"""The passes of a loader: how they begin, follow one another, and end."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from headrace import _core as core
from headrace import ranks, torch_bridge
from headrace import shuffle as shuffles
from headrace.batches_by_index import ListedBatches
from headrace.dataloader_worker import WorkerShare, refuse_output
from headrace.epoch_chain import EpochsIterator
from headrace.errors import InvalidError, UnsupportedError
from headrace.follow import Stages, check_follow
from headrace.passes import CLOSED, SUPERSEDED, AnyPass, close_pass, make_pass
from headrace.presentation import presenter
from headrace.received import Received
from headrace.state import content_id
from headrace.transform import Transform
from headrace.transformed_pass import TransformedPass

if TYPE_CHECKING:
    from headrace.dataset import Dataset
    from headrace.dealing import Dealing
    from headrace.epochs import Epochs
    from headrace.output import Output


class LoaderPasses:
    """The part of `Loader` that begins and ends passes."""

    _dataset: Dataset
    _rows: Dataset  # what the next pass reads: the dataset, or a stage
    _listed: ListedBatches | None
    _dealing: Dealing
    _stages: Stages | None  # of a dataset that is followed
    _together: int  # epochs of one iteration; 0 for ever
    _num_threads: int
    _prefetch: int
    _output: Output
    _transform: Transform | None
    _transform_threads: int
    _epochs: Epochs
    _core: core.Loader
    _received: Received
    _last_pass: AnyPass | None  # as the epochs have it
    _chain: weakref.ref[EpochsIterator] | None  # the last iteration over several epochs
    _share: WorkerShare | None  # of a worker of a DataLoader
    _id: str

    def _stages_of(self, follow: object, *, batch_sampler: object) -> Stages | None:
        """Returns the stages of a dataset that is followed, from the first of which is there."""
        how = check_follow(follow)
        if how is None:
            return None
        if batch_sampler is not None:
            raise InvalidError(
                "follow= and batch_sampler= exclude each other: nobody can list rows that are not "
                "there yet; drop one"
            )
        if self._together > 1:
            raise InvalidError(
                f"epochs={self._together} and follow= exclude each other: rows that are followed "
                "have no epochs, and no end; drop epochs="
            )
        stages = Stages(self._dataset, how)
        self._together = 0
        self._epochs.set_epoch(stages.first)
        return stages

    def _items(self) -> int:
        """Returns how many rows, or listed batches, an epoch or a stage has."""
        if self._listed is not None:
            return len(self._listed)
        return len(self._dataset) if self._stages is None else self._stages.rows

    def _find_units(self) -> core.Units:
        """Returns what the rows lie in, for a shard shuffle."""
        if self._listed is not None:
            raise InvalidError(
                "hr.ShardShuffle is for rows, which lie in shards, files or arrays; the batches of "
                "a batch_sampler= lie in none: use shuffle=True or hr.BlockShuffle(...)"
            )
        return self._rows._core.shuffle_units()

    def _check_goes_on(self) -> None:
        """Raises InvalidError for an iteration without end in which no batch would ever come."""
        if self._together == 0 and self._dealing.batches_of_epoch() == 0:
            raise InvalidError(
                f"exact=True leaves rank {self._dealing.rank} of {self._dealing.world_size} no "
                f"batch of {self._items()} rows, and an iteration without end would wait for one "
                "for ever; use fewer ranks, or exact=False"
            )

    def _ends_with(self, epoch: int) -> bool:
        """Whether an iteration ends with this epoch."""
        return self._together > 0 and (epoch + 1) % self._together == 0

    def _begin(self, epoch: int, position: int, *, every: int = 1) -> AnyPass:
        """Starts a pass, which is the last one from now on."""
        current = self._make_pass(self._core.start(epoch, position, every))
        self._make_last(current, self._core.stats())
        return current

    def _begin_chain(self) -> EpochsIterator:
        """Begins an iteration over several epochs."""
        self._cancel_chain(SUPERSEDED)
        if self._stages is not None:  # the first pass of the new one may have to wait for rows
            self._core.close(SUPERSEDED)
            close_pass(self._last_pass, SUPERSEDED)
        batches = EpochsIterator(self)
        self._chain = weakref.ref(batches)
        return batches

    def _go_on_with(self, ahead: AnyPass) -> None:
        """Makes the pass the last one that was made ahead of its time."""
        stats = self._core.stats()  # without what was prepared
        self._core.advance()
        self._make_last(ahead, stats)

    def _make_pass(self, run: core.Pass) -> AnyPass:
        return make_pass(
            self._core,
            run,
            listed=self._listed,
            transform=self._transform,
            transform_threads=self._transform_threads,
            seed=self._dealing.seed,
        )

    def _make_last(self, current: AnyPass, stats: dict[str, Any]) -> None:
        before = self._last_pass
        self._epochs.begin(current)
        self._last_pass = current
        close_pass(before, SUPERSEDED)
        if isinstance(current, TransformedPass):
            self._received.begin(current, stats)

    def _next_batch(self) -> tuple[AnyPass | None, int, int]:
        """Returns the pass that is under way, if one is, and the point of its next batch."""
        share = self._worker_share()
        if share is not None:
            return share.running, *share.point()
        last = self._last_pass
        if last is not None and last.live:
            return last, last.epoch, last.position
        return None, *self._epochs.next()

    def _use(self, stage: Dataset) -> None:
        """Makes `stage` what the next pass reads."""
        is_first = len(self._rows) != len(stage)
        self._rows = stage
        if is_first:
            self._renew_core()
        else:
            self._core.use(stage._core)

    def _rows_of(self, epoch: int) -> Dataset:
        """Returns what the pass over `epoch` reads."""
        stage = None if self._stages is None else self._stages.get(epoch)
        return self._rows if stage is None else stage

    def _state(self) -> dict[str, Any]:
        what = "rows" if self._stages is None else "stage_rows"
        dataset: dict[str, Any] = {
            what: len(self._dataset) if self._stages is None else self._stages.rows,
            "schema": self._dataset.schema.digest(),
            "id": self._dataset_id(),
        }
        if self._listed is not None:
            dataset |= {"batches": len(self._listed), "batches_id": self._listed.digest()}
        share = self._worker_share()
        epoch, position = self._epochs.handed_out() if share is None else share.point()
        # A stage never changes, and neither do the shards that it lies in.
        dealing = self._dealing if self._stages is None else self._dealing.with_units(None)
        state = dealing.state(dataset, epoch=epoch, position=position)
        if share is not None:
            state["worker"] = {"id": share.id, "of": share.workers}
        return state

    def _dataset_id(self) -> str:
        # Known from before the first batch: a state is wanted most after a file has failed.
        if self._stages is not None:
            return self._stages.dataset_id
        if not self._id:
            self._id = content_id(self._dataset._core)
        return self._id

    def _worker_share(self) -> WorkerShare | None:
        """Returns what is to be read here, if this is a copy in a worker of a DataLoader."""
        info = torch_bridge.worker_info()
        if info is None or not self._epochs.is_copy:
            return None
        if self._share is None:
            refuse_output(self._output)
            if self._together != 1:
                raise UnsupportedError(
                    "epochs= and follow= are not for workers of a DataLoader; make it with "
                    "num_workers=0, which is no slower: threads of the core make the batches"
                )
            self._share = WorkerShare(self, info, self._epochs.share())
            self._num_threads = self._num_threads or 1  # the other processors have workers, too
            self._renew_core()
        return self._share

    def _close_pass(self, *, grace: float | None = None) -> None:
        self._cancel_chain(CLOSED, grace=grace)
        self._core.close(CLOSED)
        close_pass(self._last_pass, CLOSED, grace=grace)

    def _cancel_chain(self, why: str, *, grace: float | None = None) -> None:
        chain = None if self._chain is None else self._chain()
        if chain is not None:
            chain.cancel(why, grace=grace)

    def _use_seed(self, seed: int) -> None:
        if seed != self._dealing.seed:
            self._dealing = self._dealing.with_seed(seed)
            self._renew_core()

    def _renew_core(self) -> None:
        if self._stages is not None:  # of which each lies in shards of its own
            units = shuffles.find_units(self._dealing.shuffle, self._find_units)
            self._dealing = self._dealing.with_units(units)
        self._received = Received()
        self._core = core.Loader(
            self._rows._core,
            num_threads=self._num_threads,
            prefetch=self._prefetch,
            output=self._output,
            as_tuple=self._dataset._as_tuple,
            listed=0 if self._listed is None else len(self._listed),
            local_ranks=ranks.local_ranks(self._dealing.world_size),
            in_stages=self._stages is not None,
            presenters=[presenter(field, self._output) for field in self._dataset.schema.values()],
            **self._dealing.core_arguments(),
        )
