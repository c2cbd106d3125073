"""What a conversion would give, from the first inputs, without writing anything."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

from headrace import advice
from headrace.batch_intake import BatchIntake
from headrace.conversion.build import Job, known_types
from headrace.conversion.input_formats import svmlight_of
from headrace.conversion.inputs import Inputs
from headrace.conversion.ledger import Ledger
from headrace.conversion.plan import Part, plan
from headrace.conversion.steps import name_input, read_part
from headrace.errors import HeadraceError, InvalidError
from headrace.schema import Schema

_LONGEST_S = 5.0  # in one input: the first steps of a large one tell enough


@dataclass(frozen=True)
class DryRun:
    """What a conversion of all inputs would give, judged by the first ones.

    Attributes:
        schema: The columns.
        inputs: How many inputs were tried.
        rows: How many rows they have; of a large one those of the first seconds.
        bytes: How many bytes these rows are.
        seconds: How long they took, in one thread.
        estimated_rows: Of all inputs, None where it is not known how many there are.
        estimated_bytes: Of all inputs.
        failures: The inputs that failed, and why.
    """

    schema: Schema
    inputs: int
    rows: int
    bytes: int
    seconds: float
    estimated_rows: int | None
    estimated_bytes: int | None
    failures: list[HeadraceError]

    @property
    def rows_per_s(self) -> float:
        """Rows made in a second by one thread."""
        return self.rows / max(self.seconds, 1e-9)

    def __repr__(self) -> str:
        lines = [
            f"dry run of {self.inputs} inputs: {self.rows:,} rows, {self.rows_per_s:,.0f} rows/s, "
            f"{self.bytes / max(self.rows, 1):,.0f} bytes a row",
            f"columns: {', '.join(map(repr, self.schema.values()))}",
        ]
        if self.estimated_rows is not None and self.estimated_bytes is not None:
            seconds = self.estimated_rows / max(self.rows_per_s, 1e-9)
            lines.append(
                f"all inputs: about {self.estimated_rows:,} rows, "
                f"{self.estimated_bytes / 1e6:,.1f} MB, {seconds:,.0f} s in one thread"
            )
        lines += [f"failed: {error}" for error in self.failures]
        return "\n".join(lines)


class _Trial:
    """Counts what the first inputs give."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._intake = BatchIntake(columns=job.columns, fill=job.fill)
        self._types = known_types(job)
        self.rows = self.bytes = 0
        self.share = 0.0  # how much of the inputs' weight was read
        self.failures: list[HeadraceError] = []

    @property
    def schema(self) -> Schema | None:
        """The columns, once there were rows."""
        return self._intake.schema

    def read(self, part: Part) -> None:
        """Reads a part, of a large one the first steps."""
        began, before = time.perf_counter(), self.bytes
        try:
            for step in read_part(part, self._job.transform, self._job.rows, self._types):
                for columns in self._intake.read(step.columns):
                    self.rows += columns[0].rows
                    self.bytes += sum(column.nbytes for column in columns)
                if time.perf_counter() - began > _LONGEST_S:
                    # How much of the part that was cannot be known: its bytes stand for it.
                    self.share += min(part.weight, max(1, self.bytes - before))
                    return
        except HeadraceError as error:
            self.failures.append(name_input(error, part.input.name))
        self.share += part.weight


def try_out(inputs: Inputs, job: Job, count: int) -> DryRun:
    """Reads the first `count` inputs, and the first part of each.

    Raises:
        HeadraceError: What the first input raised, if none of them has rows.
    """
    transforms = job.transform is not None
    tried_inputs = itertools.islice(inputs, count)
    svmlight = None if transforms else svmlight_of(tried_inputs, known_types(job))
    parts = plan(inputs, Ledger(), transforms=transforms, svmlight=svmlight)
    first = (part for part in parts if part.index == 0)
    trial, tried, began = _Trial(job), 0, time.perf_counter()
    for part in itertools.islice(first, count):
        trial.read(part)
        tried += 1
    seconds = time.perf_counter() - began
    if trial.schema is None:
        if trial.failures:
            raise trial.failures[0]
        raise InvalidError(
            f"the first {tried} inputs have no rows",
            advice=advice.option("dry_run").within("try more of them: {}"),
        )
    factor = None if inputs.total is None else inputs.total / max(trial.share, 1)
    return DryRun(
        *(trial.schema, tried, trial.rows, trial.bytes, seconds),
        estimated_rows=None if factor is None else round(factor * trial.rows),
        estimated_bytes=None if factor is None else round(factor * trial.bytes),
        failures=trial.failures,
    )
