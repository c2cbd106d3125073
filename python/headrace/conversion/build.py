"""From parts to shards that no manifest names yet: what the workers of a conversion do.

1. Steps are written into shards until these are as large as a shard should be, or a minute has
   passed. Then the shards are made durable and handed over, with the records of what is in them.
2. A part that fails ends what is handed over, or with errors="skip" itself only. What it had
   written stays and is recorded: the next conversion goes on behind it.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from headrace.column_fit import declared_facts
from headrace.conversion.ledger import Record
from headrace.conversion.native_parts import are_unchanged, read_natively
from headrace.conversion.plan import Part
from headrace.conversion.steps import Step, Transform, check_unchanged, name_input, read_part
from headrace.conversion.text_formats import Types
from headrace.dataset_place import Place
from headrace.errors import HeadraceError, InvalidError, UnsupportedError
from headrace.item_results import Rows
from headrace.native.transform import NativeTransform
from headrace.schema import Field, Schema
from headrace.shard_builder import Compression

GROUP_S = 60.0
_FULL = 0.9  # of a shard: the next step might no longer fit

_BODY_BYTES = 2**26  # of a record batch

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """What every worker is told.

    Attributes:
        fields: The columns, where they are known: files are read and checked as these.
        as_tuple: Whether rows are tuples; None where that is not known.
        skip: Whether a part that fails is left out.
    """

    place: Place
    transform: Transform | None
    rows: Rows
    shard_bytes: int
    columns: Any
    fill: Any
    skip: bool
    fields: tuple[Field, ...] = ()
    as_tuple: bool | None = None
    compression: Compression = None


@dataclass
class Failure:
    """An input that could not be converted.

    Attributes:
        name: The input.
        error: What was raised.
        rows: How many rows of it had been written before, and stay.
    """

    name: str
    error: HeadraceError
    rows: int
    text: str = field(default="", repr=False)


@dataclass
class Built:
    """Shards, durable and not yet committed, and what they are of.

    Attributes:
        entries: The shards' entries for the manifest.
        parts: How many parts are dealt with; what was begun behind them is in `records`.
        failures: The parts that failed; without `skip` the last one, which ends it all.
    """

    entries: list[dict[str, Any]] = field(default_factory=list)
    fields: tuple[Field, ...] = ()
    as_tuple: bool | None = None
    records: list[Record] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    parts: int = 0
    weight: int = 0
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0


def build_whole(job: Job, parts: list[Part]) -> Built:
    """Builds as many parts as make a shard, and no part in halves; in any process."""
    return next(build(job, parts, within=False), Built())


def build(
    job: Job, parts: Iterable[Part], *, within: bool, report: Report | None = None
) -> Generator[Built, None, None]:
    """Yields what parts become, shard by shard; `within`: also in the middle of a part.

    Ended early, it removes the shards that it has not yielded.
    """
    group = _Group(job)

    def types() -> Types:
        return group.types()

    readings = _readings(job, parts, within=within, types=types)
    try:
        for reading in readings:
            while not reading.has_ended:
                reading.fill(group, within=within, report=report)
                reading.record(group.built)
                stops = reading.failure is not None and not job.skip
                if group.is_full() or stops:
                    yield group.finish()
                    group = _Group(group.job)
                if stops:
                    return
        if group.built.parts:
            yield group.finish()
    finally:
        readings.close()
        group.abort()


def _readings(
    job: Job, parts: Iterable[Part], *, within: bool, types: Callable[[], Types]
) -> Generator[_Reading | _NativeReading, None, None]:
    """Yields what is to be read; native code, unless in a worker, reads many inputs at a time."""
    if not (within and job.rows == "many" and isinstance(job.transform, NativeTransform)):
        for part in parts:
            yield _Reading(part, job, types())
        return
    with contextlib.closing(read_natively(job.transform, parts)) as runs:
        for run in runs:
            if run.columns is not None:
                together = _NativeReading(run.parts, run.columns)
                yield together
                if together.is_written:
                    continue
            for part in run.parts:
                yield _Reading(part, job, types())


class _Reading:
    """A part on its way into one or several groups."""

    def __init__(self, part: Part, job: Job, types: Types) -> None:
        self.part = part
        self.done = part.done
        self.rows = 0
        self.has_ended = False
        self.failure: Failure | None = None
        self._steps = read_part(part, job.transform, job.rows, types)

    def fill(self, group: _Group, *, within: bool, report: Report | None) -> None:
        """Writes steps until the part ends, or `within` it until the group is full.

        What goes wrong with the input ends the part; what goes wrong with the disk is raised, and
        so is what leaves rows in the group that should not be there.
        """
        while not (within and group.is_full()):
            try:
                step = next(self._steps, None)
            except HeadraceError as error:
                self._fail(error)
                return
            if step is None:
                self.has_ended = True
                return
            try:
                rows, size = group.write(step)
            except (InvalidError, UnsupportedError) as error:
                if group.is_torn:  # what was written of the step cannot be taken back alone
                    raise name_input(error, self.part.input.name) from error
                self._fail(error)
                return
            # Rows of a mapped file are read only now, and cannot be taken back alone either.
            check_unchanged(self.part)
            self.done += step.units
            self.rows += rows
            if report is not None:
                report(rows, size)

    def record(self, built: Built) -> None:
        """Records what was written of the part."""
        part, failed = self.part, self.failure is not None
        if self.done > part.done or not failed:
            complete = self.has_ended and not failed
            built.records.append(part.record(self.done, complete=complete))
        if self.failure is not None:
            built.failures.append(self.failure)
        if self.has_ended:
            built.parts += 1
            built.weight += part.weight

    def _fail(self, error: HeadraceError) -> None:
        named = name_input(error, self.part.input.name)
        if named is not error:
            named.__cause__ = error.__cause__
        self.failure = Failure(self.part.input.name, named, self.rows, traceback.format_exc())
        self.has_ended = True


class _NativeReading:
    """The rows of several parts on their way into one group, all of them or none.

    What does not fit says nothing here: the parts are then read one by one, and the one that is to
    blame says it.
    """

    def __init__(self, parts: list[Part], columns: dict[str, Any]) -> None:
        self.has_ended = False
        self.is_written = False
        self.failure: Failure | None = None
        self._parts = parts
        self._columns = columns

    def fill(self, group: _Group, *, within: bool, report: Report | None) -> None:
        """Writes the rows; `within` or not, they are one step."""
        self.has_ended = True
        if not are_unchanged(self._parts):
            return
        try:
            rows, size = group.write(Step(self._columns, False, len(self._parts)))
        except (InvalidError, UnsupportedError) as error:
            if group.is_torn:
                raise name_input(error, self._parts[0].input.name) from error
            return
        self.is_written = True
        if report is not None:
            report(rows, size)

    def record(self, built: Built) -> None:
        """Records the parts, if they were written."""
        if self.is_written:
            built.records += [part.record(1, complete=True) for part in self._parts]
            built.parts += len(self._parts)
            built.weight += sum(part.weight for part in self._parts)


class _Group:
    """Shards that are being written."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.built = Built(fields=job.fields, as_tuple=job.as_tuple)
        self._began = time.perf_counter()
        self._builder = job.place.builder(
            shard_bytes=job.shard_bytes,
            body_bytes=min(_BODY_BYTES, job.shard_bytes),
            columns=None if job.fields else job.columns,
            fill=job.fill,
            schema=Schema(job.fields) if job.fields else None,
            compression=job.compression,
        )
        self.is_torn = False  # whether half a step was written

    def is_full(self) -> bool:
        """Whether it is time to hand over what there is."""
        if not self.built.rows and not self.built.parts:
            return False
        size, limit = self.built.bytes, _FULL * self.job.shard_bytes
        return size >= limit or time.perf_counter() - self._began > GROUP_S

    def types(self) -> Types:
        """Returns what need not be inferred of columns."""
        return self._builder.schema or known_types(self.job)

    def write(self, step: Step) -> tuple[int, int]:
        """Writes a step, whole or not at all; returns its rows and bytes."""
        if step.as_tuple is not None:
            if self.built.as_tuple not in (None, step.as_tuple):
                raise InvalidError(
                    f"it is {_kind(step.as_tuple)}, and what came before is "
                    f"{_kind(not step.as_tuple)}; return the same for every input"
                )
            self.built.as_tuple = step.as_tuple
        builder = self._builder
        before = builder.rows, builder.bytes
        try:
            builder.write(step.columns)
        except HeadraceError:
            self.is_torn = builder.rows != before[0]
            raise
        rows, size = builder.rows - before[0], builder.bytes - before[1]
        self.built.rows += rows
        self.built.bytes += size
        return rows, size

    def finish(self) -> Built:
        """Makes the shards durable and hands them over."""
        shards = self._builder.finish()
        self.built.entries = shards.entries
        if shards.entries:
            self.built.fields = tuple(shards.schema.values())
            self.job = replace(self.job, fields=self.built.fields, as_tuple=self.built.as_tuple)
        self.built.seconds = time.perf_counter() - self._began
        return self.built

    def abort(self) -> None:
        """Removes what was not handed over."""
        self._builder.abort()


def known_types(job: Job) -> Types:
    """Returns what need not be inferred of columns: those of the dataset, or what was declared."""
    if job.fields:
        return {field.name: field for field in job.fields}
    return {
        name: Field(name, facts.get("dtype", "uint8"), kind=facts.get("kind", "tensor"))
        for name, facts in declared_facts(job.columns).items()
        if "dtype" in facts or facts.get("kind") in ("text", "bytes")
    }


def _kind(as_tuple: bool) -> str:
    return "a tuple" if as_tuple else "a dict"
