"""The state of a conversion in its dataset: what was begun, by which transform, and each commit."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from headrace import advice
from headrace.conversion.build import Built, Failure, Job, known_types
from headrace.conversion.input_formats import svmlight_of
from headrace.conversion.inputs import Inputs
from headrace.conversion.ledger import Ledger, Record, to_origins
from headrace.conversion.plan import plan
from headrace.conversion.progress import Meter, Progress, metering
from headrace.conversion.run import run_here, run_in_executor
from headrace.conversion.sparse_formats import Svmlight
from headrace.dataset_place import Place
from headrace.errors import InvalidError
from headrace.schema import Field

_KEY = "convert"
_FIRST_INDEX = "svmlight_first_index"  # beside the options; missing without such files


def convert_inputs(
    inputs: Inputs, job: Job, options: dict[str, str], *, executor: Any, progress: Progress
) -> list[Failure]:
    """Converts what is not yet converted; returns what failed and was skipped.

    Args:
        inputs: What to convert.
        job: How.
        options: What has to be the same when the conversion goes on.
        executor: Where parts are built, None for this thread.
        progress: As for `metering`.

    Raises:
        HeadraceError: What the first input that failed raised, unless the job skips these.
        InvalidError: If the dataset was begun otherwise, or has no rows in the end.
    """
    with job.place.exclusive(), metering(progress) as meter:
        conversion = Conversion(job.place, options, meter)
        job = replace(job, fields=conversion.fields, as_tuple=conversion.as_tuple)
        meter.expect(inputs.total)
        parts = plan(
            inputs,
            conversion.ledger,
            transforms=job.transform is not None,
            svmlight=None if job.transform else conversion.decide_svmlight(inputs, job),
            skip=meter.skipped,
        )
        if executor is None:
            run_here(job, parts, commit=conversion.commit, report=meter.wrote)
        else:
            run_in_executor(
                *(job, parts),
                executor=executor,
                total=inputs.total,
                unit=2**20 if inputs.size is not None else 1,
                commit=conversion.commit_from_worker,
                drop=conversion.drop,
            )
        meter.expects_no_more(unnamed=conversion.ledger.unnamed)
    if conversion.rows == 0:
        failed = conversion.failures
        reason = describe_failures(failed) if failed else "no input has rows"
        raise InvalidError(f"{reason}; a dataset needs at least one row")
    return conversion.failures


class Conversion:
    """A dataset that a conversion adds to.

    Attributes:
        ledger: What is committed.
        fields: The columns; none before the first commit.
        as_tuple: Whether rows are tuples, None before the first commit.
        failures: The inputs that failed, so far.
    """

    def __init__(self, place: Place, options: dict[str, str], meter: Meter) -> None:
        """Opens a dataset to go on with, or takes note that there is none yet.

        Raises:
            InvalidError: If it was made otherwise, or by something else.
        """
        self._place = place
        self._directory = place.versions(alone=True)
        self._path = place.name
        self._options = options
        self._meter = meter
        self._recorded: dict[str, Any] = {}
        self._carried: list[Record] = []
        self.ledger = Ledger()
        self.fields: tuple[Field, ...] = ()
        self.as_tuple: bool | None = None
        self.failures: list[Failure] = []
        self.rows = 0
        if self._directory.newest() > 0:
            self._open()

    def _open(self) -> None:
        info = self._directory.read()
        metadata = json.loads(info["metadata"])
        self._check(metadata.get(_KEY))
        self._recorded = metadata[_KEY]
        self.as_tuple = bool(metadata.get("as_tuple", False))
        self.fields = tuple(Field.from_core(values) for values in info["schema"])
        self.rows = info["rows"]
        self.ledger.add(self._directory.origins())

    def _check(self, before: Any) -> None:
        if not isinstance(before, dict):
            raise InvalidError(
                f"{self._path!r} holds a dataset that no conversion made; convert into a new "
                "directory, or append to it in Python, with a Writer",
                file=self._path,
            )
        # A transform may be renamed: its version says what it does.
        names = sorted((before.keys() | self._options.keys()) - {"transform", _FIRST_INDEX})
        changed = [name for name in names if before.get(name) != self._options.get(name)]
        if not changed:
            return
        if "version" in changed:
            raise InvalidError(
                f"{self._path!r} was begun with transform {before.get('transform')} of version "
                f"{before.get('version')!r}, and this is {self._options['transform']} of version "
                f"{self._options['version']!r}: its rows would be a mixture",
                advice=advice.option("version", str(before.get("version"))).within(
                    "convert into a new directory; if both give the same rows, pass {}"
                ),
                file=self._path,
            )
        found = ", ".join(f"{k}={before.get(k)} (now {self._options.get(k)})" for k in changed)
        raise InvalidError(
            f"{self._path!r} was begun with {found}: its rows would be a mixture. Pass the same, "
            "or convert into a new directory",
            file=self._path,
        )

    def decide_svmlight(self, inputs: Inputs, job: Job) -> Svmlight | None:
        """Returns how svmlight files are read: as those before were, or as all of them together."""
        known = self._recorded.get(_FIRST_INDEX)
        if known is not None:
            return Svmlight(int(known))
        svmlight = svmlight_of(inputs, known_types(job))
        if svmlight is not None:
            self._options = self._options | {_FIRST_INDEX: str(svmlight.first_index)}
        return svmlight

    def commit(self, built: Built) -> None:
        """Makes what was built part of the dataset, together with the records of what it is of."""
        self.failures += built.failures
        records = [*self._carried, *built.records]
        # What had no rows is recorded with the next rows, since a commit is made of shards.
        self._carried = [] if built.entries else records
        if built.entries:
            is_first = not self.fields
            built.entries[0]["origins"] = to_origins(records)
            metadata: dict[str, Any] = {"as_tuple": bool(built.as_tuple)} if is_first else {}
            options = self._options | self._recorded
            if options != self._recorded:
                metadata[_KEY] = self._recorded = options
            schema = [field.to_core() for field in built.fields]
            try:
                self._directory.commit(built.entries, schema, json.dumps(metadata))
            except InvalidError:  # refused; after other errors the commit may have happened
                self.drop(built)
                raise
            if is_first:
                self.fields, self.as_tuple = built.fields, built.as_tuple
            self.rows += built.rows
        self._meter.committed(built.weight)

    def commit_from_worker(self, built: Built) -> None:
        """Commits, and counts the rows, which nobody here saw being written."""
        self.commit(built)
        self._meter.wrote(built.rows, built.bytes)

    def drop(self, built: Built) -> None:
        """Removes shards that will not be committed."""
        self._place.discard(self._directory, built.entries)


def describe_failures(failures: Iterable[Failure]) -> str:
    """Returns the inputs that failed, and why, the first ten of them."""
    listed = list(failures)
    lines = [f"  {' '.join(str(failure.error).split()):.300}" for failure in listed[:10]]
    more = [f"  and {len(listed) - 10} more"] if len(listed) > 10 else []
    return "\n".join([f"{len(listed)} inputs were skipped:", *lines, *more])
