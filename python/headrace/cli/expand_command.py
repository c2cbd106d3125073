"""``headrace expand``: a compressed dataset as one whose rows can be mapped."""

from __future__ import annotations

import argparse
from typing import Any

from headrace.byte_sizes import format_bytes
from headrace.cli.console import counted, make_console
from headrace.cli.opening import positive
from headrace.expansion import expand


def add_to(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "expand",
        help="copy a compressed dataset without compression",
        description="Copies a dataset whose shards are compressed into a new directory, where its "
        "rows can be read in place.",
    )
    parser.add_argument("dataset", metavar="DATASET", help="the dataset's directory")
    parser.add_argument("directory", metavar="DIR", help="a new directory")
    parser.add_argument(
        "--version", dest="dataset_version", type=positive, help="by default the newest"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Expands and says what there is then; returns the exit code."""
    made = expand(
        options.dataset,
        options.directory,
        version=options.dataset_version,
        progress=False if options.quiet else None,
    )
    make_console().line(
        f"{options.directory}: {counted(made._core.file_count, 'shard')}, "
        f"{counted(len(made), 'row')}, {format_bytes(made._core.nbytes)}"
    )
    return 0
