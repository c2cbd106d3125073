"""``headrace convert``: files of other kinds as a dataset of shards."""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import dataclasses
import importlib
import json
import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from headrace.byte_sizes import byte_size, format_bytes
from headrace.cli.console import counted, make_console, print_json
from headrace.cli.opening import natural, positive
from headrace.cli.values import column_as_json
from headrace.column_fit import declared_facts
from headrace.conversion.convert import convert
from headrace.conversion.dry_run import DryRun
from headrace.dataset_place import place_of
from headrace.errors import InvalidError

_FORMAT = 1  # of the JSON; names are added to it, and none changes its meaning
SOME_FAILED = 1
_TRIAL_FACTS = (
    *("inputs", "rows", "bytes", "seconds", "rows_per_s"),
    *("estimated_rows", "estimated_bytes"),
)


def add_to(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "convert",
        help="write files of other kinds as shards",
        description="Writes files as a dataset of shards: .csv, .jsonl, .parquet, .npy, .arrow and "
        "what docs/converting.md names, or anything with --transform. After a crash or Ctrl-C the "
        "same command does what is missing; with more inputs it appends them.",
    )
    _add_inputs(parser)
    _add_columns(parser)
    _add_course(parser)
    parser.set_defaults(run=run)


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    """Adds what is read, and what becomes of it."""
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="files, or a glob in quotes")
    parser.add_argument(
        "directory",
        metavar="DIR",
        help="the dataset's directory, or a URL such as s3://bucket/data",
    )
    parser.add_argument(
        "--transform",
        type=function_named,
        metavar="MODULE:FUNCTION",
        help="a function that turns a path into columns; MODULE may be a file such as prepare.py",
    )
    parser.add_argument(
        "--rows",
        choices=("many", "one"),
        default="many",
        help="whether the transform returns many rows (default) or one",
    )
    parser.add_argument(
        "--shard-bytes", type=_size, default="128MB", help='such as "256MB" (default 128MB)'
    )
    parser.add_argument(
        "--compression", choices=("zstd",), help="compress shards, for stores and networks"
    )


def _add_columns(parser: argparse.ArgumentParser) -> None:
    """Adds what is known of columns beforehand."""
    parser.add_argument(
        "--fill",
        type=_fill,
        action="append",
        metavar="COLUMN=VALUE",
        help="what stands in for nulls of a column, which gets a column COLUMN_valid beside it; "
        "may be given several times",
    )
    parser.add_argument(
        "--columns",
        type=_columns,
        metavar="JSON",
        help="what columns are, where the first rows do not tell, by name: "
        """'{"id": {"kind": "text"}, "x": {"dtype": "float32"}}'""",
    )


def _add_course(parser: argparse.ArgumentParser) -> None:
    """Adds how a conversion goes."""
    parser.add_argument(
        "--version", help="what the transform is called; by default a hash of its code"
    )
    parser.add_argument(
        "--errors",
        choices=("raise", "skip"),
        default="raise",
        help="whether the first input that fails ends it (default), or is left out and listed",
    )
    parser.add_argument(
        "--workers", type=natural, default=0, help="processes to use (default 0: this one)"
    )
    parser.add_argument(
        "--dry-run", type=positive, metavar="N", help="only try N inputs, and write nothing"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(options: argparse.Namespace) -> int:
    """Converts and says what there is then; returns the exit code."""
    arguments = {
        "transform": options.transform,
        "rows": options.rows,
        "shard_bytes": options.shard_bytes,
        "compression": options.compression,
        "version": options.version,
        "errors": options.errors,
        "columns": options.columns,
        "fill": dict(options.fill) if options.fill else None,
    }
    inputs = options.inputs[0] if len(options.inputs) == 1 else options.inputs
    if options.dry_run is not None:
        tried = convert(inputs, options.directory, dry_run=options.dry_run, **arguments)
        if options.json:
            print_json({"format": _FORMAT, "path": options.directory, **_trial_as_json(tried)})
        else:
            _print_trial(tried)
        return SOME_FAILED if tried.failures else 0
    failures: list[Any] = []
    with _executor(options.workers) as executor, warnings.catch_warnings():
        # That inputs were skipped is said below, with their names.
        warnings.simplefilter("ignore", UserWarning)
        convert(
            inputs,
            options.directory,
            executor=executor,
            failures=failures,
            progress=not options.quiet,
            **arguments,
        )
    entries = place_of(options.directory).versions().entries()
    facts = {
        "rows": sum(entry["rows"] for entry in entries),
        "bytes": sum(entry["stored_bytes"] for entry in entries),
        "shards": len(entries),
    }
    if options.json:
        failed = [{"input": f.name, "error": f.error.for_shell()} for f in failures]
        print_json({"format": _FORMAT, "path": options.directory, **facts, "failures": failed})
    else:
        _print(options.directory, facts, failures)
    return SOME_FAILED if failures else 0


def _print(directory: str, facts: dict[str, int], failures: list[Any]) -> None:
    console = make_console()
    if failures:
        console.table(["input", "why"], [[f.name, f.error.for_shell()] for f in failures])
        console.line(f"failed and skipped: {counted(len(failures), 'input')}", style="bold red")
    console.line(
        f"{directory}: {counted(facts['shards'], 'shard')}, {counted(facts['rows'], 'row')}, "
        f"{format_bytes(facts['bytes'])}"
    )


def _print_trial(tried: DryRun) -> None:
    console = make_console()
    for line in repr(dataclasses.replace(tried, failures=[])).splitlines():
        console.line(line)
    for error in tried.failures:
        console.line(f"failed: {error.for_shell()}", style="bold red")


def _trial_as_json(tried: DryRun) -> dict[str, Any]:
    return {
        **{name: getattr(tried, name) for name in _TRIAL_FACTS},
        "columns": [column_as_json(field) for field in tried.schema.values()],
        "failures": [{"error": error.for_shell()} for error in tried.failures],
    }


@contextlib.contextmanager
def _executor(workers: int) -> Iterator[Any]:
    if workers == 0:
        yield None
        return
    # Threads of this process would not survive a fork.
    with concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        yield pool


def function_named(name: str) -> Callable[[Any], Any]:
    """Returns the function that ``module:function`` or ``file.py:function`` names."""
    module, colon, function = name.rpartition(":")
    if not colon or not module or not function:
        raise argparse.ArgumentTypeError(f"{name!r} is not of the form MODULE:FUNCTION")
    if module.endswith(".py"):
        folder, module = os.path.split(module[: -len(".py")])
        sys.path.insert(0, os.path.abspath(folder))
    else:
        # As `python -m` does; the installed program's own folder is of no use.
        sys.path.insert(0, os.getcwd())
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise argparse.ArgumentTypeError(f"{module!r} cannot be imported: {error}") from error
    if not callable(getattr(found, function, None)):
        raise argparse.ArgumentTypeError(f"{module!r} has no function {function!r}")
    return getattr(found, function)  # type: ignore[no-any-return]


def _fill(text: str) -> tuple[str, Any]:
    column, equals, value = text.partition("=")
    if not column or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form COLUMN=VALUE")
    try:
        return column, json.loads(value)  # a number, true or false
    except ValueError:
        return column, value


def _columns(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
        declared_facts(given)
    except ValueError as error:  # of JSON, or of what it says
        raise argparse.ArgumentTypeError(str(error)) from error
    return given  # type: ignore[no-any-return]


def _size(text: str) -> int:
    try:
        return byte_size("--shard-bytes", text)
    except InvalidError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
