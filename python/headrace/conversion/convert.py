"""Any data as a dataset of shards, once: killed at any time, a conversion goes on where it was."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Literal, overload

from headrace import advice, checks
from headrace.byte_sizes import byte_size
from headrace.conversion.build import Failure, Job
from headrace.conversion.code_version import code_version
from headrace.conversion.commits import convert_inputs, describe_failures
from headrace.conversion.dry_run import DryRun, try_out
from headrace.conversion.input_formats import check_formats
from headrace.conversion.inputs import Inputs
from headrace.conversion.progress import Progress
from headrace.conversion.sparse_formats import check_iter_svmlight
from headrace.dataset import Dataset
from headrace.dataset_place import place_of
from headrace.errors import InvalidError, UnsupportedError
from headrace.item_results import Rows
from headrace.opening import open as open_dataset
from headrace.shard_builder import Compression, check_compression
from headrace.transform import function_name

Errors = Literal["raise", "skip"]
Transform = Callable[[Any], Any]


@overload
def convert(
    inputs: Any,
    directory: str | os.PathLike[str],
    *,
    dry_run: int,
    transform: Transform | None = None,
    rows: Rows = "many",
    executor: Any = None,
    shard_bytes: int | str = "128MB",
    version: str | None = None,
    columns: Any = None,
    fill: Any = None,
    errors: Errors = "raise",
    failures: list[Failure] | None = None,
    progress: Progress = True,
    compression: Compression = None,
    storage_options: Mapping[str, Any] | None = None,
) -> DryRun: ...


@overload
def convert(
    inputs: Any,
    directory: str | os.PathLike[str],
    *,
    transform: Transform | None = None,
    rows: Rows = "many",
    executor: Any = None,
    shard_bytes: int | str = "128MB",
    version: str | None = None,
    columns: Any = None,
    fill: Any = None,
    errors: Errors = "raise",
    failures: list[Failure] | None = None,
    progress: Progress = True,
    dry_run: None = None,
    compression: Compression = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Dataset: ...


def convert(
    inputs: Any,
    directory: str | os.PathLike[str],
    *,
    transform: Transform | None = None,
    rows: Rows = "many",
    executor: Any = None,
    shard_bytes: int | str = "128MB",
    version: str | None = None,
    columns: Any = None,
    fill: Any = None,
    errors: Errors = "raise",
    failures: list[Failure] | None = None,
    progress: Progress = True,
    dry_run: int | None = None,
    compression: Compression = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Dataset | DryRun:
    """Writes inputs as a dataset of shards in `directory`, and returns it opened.

    Rows are in the order of the inputs, however they are worked out. What is done is committed as
    it goes on: after a crash or Ctrl-C the same call does what is missing, and once all is done it
    only opens the dataset. Called with more inputs, it appends the new ones.

    Without a transform, paths are read by their suffix: .csv, .jsonl, .ndjson (also with .gz, .bz2
    or .zst), .parquet, .arrow, .feather, .npy, .svm, .svmlight, .libsvm, .tar of
    WebDataset, and directories or a Dataset of Hugging Face.

    Args:
        inputs: A path, a glob, or a list of these; with a transform also any items to iterate over.
        directory: Where the dataset is, or will be: a directory, or a URL of an object store such
            as ``s3://bucket/corpus``.
        transform: Called with each path (a str) or item. It returns columns: a dict or a tuple of
            what `Writer.write` takes, or an Arrow table or data frame; or it yields several of
            these, for inputs that are large. Columns and dtypes must be alike for all inputs.
        rows: "many": the first dimension of what is returned counts the rows. "one": each result
            is one row, and its values are a number, an array, a tensor, a str or bytes.
        executor: Where `transform` runs: any object with ``submit`` as in concurrent.futures, such
            as a ProcessPoolExecutor or Dask's ``client.get_executor()``, whose workers see
            `directory`. None is this thread. It is not shut down.
        shard_bytes: How large a shard is, as bytes or as in "256MB". Small inputs share one.
        version: What the transform is called. The default is a hash of its code and constants.
            Rows of two versions never come into one dataset.
        columns: What columns are, where that is not seen from the first rows, as for `Writer`.
        fill: What stands in for nulls, as for `Writer`.
        errors: "raise" ends at the first input that fails; all before it is committed. "skip" goes
            on and warns in the end; the next call tries again what was skipped.
        failures: A list to which "skip" appends a `Failure` for each input that failed.
        progress: True shows rows/s, MB/s and the time left on stderr, False nothing; a function is
            called with a ConversionProgress now and then.
        dry_run: Only tries this many inputs, writes nothing, and returns a `DryRun`: the schema,
            the speed, the estimated size.
        compression: "zstd" for stores and networks, as for `Writer`.
        storage_options: Of a URL, as for `Writer`. They are sent to the workers of an executor.

    Raises:
        TransformError: If `transform` raises; names the input.
        InvalidError: If an input or the transform has changed since the dataset was begun, if rows
            do not fit together, or if another conversion into `directory` is running.
        NotFoundError: If a file does not exist.
        UnsupportedError: If an input is of no known kind, or a column cannot be kept.

    Example:
        >>> import tempfile, numpy as np, headrace as hr
        >>> def squares(number):
        ...     return {"x": np.arange(number), "x2": np.arange(number) ** 2}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ds = hr.convert([2, 3], folder, transform=squares)
        ...     print(len(ds), ds["x2"][:])
        5 [0 1 0 1 4]
    """
    transform = _check_transform(transform)
    listed = Inputs(inputs, transforms=transform is not None)
    if transform is None:
        check_formats(listed)
    place = place_of(directory, storage_options)
    job = Job(
        place=place,
        transform=transform,
        rows=_check_choice("rows", rows, ("many", "one")),
        shard_bytes=byte_size("shard_bytes", shard_bytes, low=1),
        columns=columns,
        fill=fill,
        skip=_check_choice("errors", errors, ("raise", "skip")) == "skip",
        compression=check_compression(compression),
    )
    checks.check_executor(executor)
    if dry_run is not None:
        count = checks.check_int("dry_run", dry_run, low=1, high=checks.MAX_INT64)
        return try_out(listed, job, count)
    place.check_writable()
    found = convert_inputs(
        listed, job, _options(job, version), executor=executor, progress=progress
    )
    if failures is not None:
        failures += found
    if found:
        warnings.warn(describe_failures(found), stacklevel=2)
    return open_dataset(place.name, storage_options=storage_options or None)


def _check_transform(transform: Any) -> Any:
    if transform is not None and not callable(transform):
        raise InvalidError(
            f"transform is called with every input, but {transform!r} is no function"
        )
    check_iter_svmlight(transform)
    return transform


def _check_choice(name: str, value: object, choices: tuple[str, str]) -> Any:
    if value not in choices:
        raise InvalidError(f"{name} is {choices[0]!r} or {choices[1]!r}, not {value!r}")
    return value


def _options(job: Job, version: str | None) -> dict[str, str]:
    """Returns what has to be the same when a conversion goes on."""
    transform = job.transform
    if version is not None or transform is not None:
        version = version_of("transform", transform, version)
    return {
        "transform": "none" if transform is None else function_name(transform),
        "version": version or "",
        "rows": job.rows,
        "columns": repr(job.columns),
        "fill": repr(job.fill),
    }


def version_of(what: str, code: object, given: str | None) -> str:
    """Returns the version of `code`: the `given` one, or else a hash.

    Raises:
        InvalidError: If the given one is no name, or none is given and the code does not tell.
    """
    if given == "" or not isinstance(given, str | None):
        raise InvalidError(f"version is a str such as '1', not {given!r}")
    if given is not None:
        return given
    try:
        return code_version(code)
    except UnsupportedError as error:
        raise InvalidError(
            f"the version of {what} cannot be told from its code: {error}",
            advice=advice.option("version", "1").within(
                "give one, for example {}, and another whenever its rows change"
            ),
        ) from error
