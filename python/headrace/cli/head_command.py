"""``headrace head``: the first rows."""

from __future__ import annotations

import argparse
from typing import Any

from headrace.cli.console import make_console, print_json
from headrace.cli.opening import add_paths, natural, open_paths
from headrace.cli.values import as_json, column_values, readable, rows_of, shown
from headrace.dataset import Dataset


def add_to(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "head",
        help="print the first rows",
        description="Prints the first rows of a dataset.",
    )
    add_paths(parser)
    parser.add_argument("-n", "--rows", type=natural, default=5, help="how many (default 5)")
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON object a line; bytes in base64, csr as indices and values",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints the rows; returns the exit code."""
    dataset = readable(open_paths(options))
    names = list(dataset.schema)
    if options.json:
        for row in first_rows(dataset, options.rows):
            print_json(
                {name: as_json(dataset.schema[name], row[name]) for name in names}, indent=None
            )
        return 0
    cells = [
        [str(number), *(shown(dataset.schema[name], row[name]) for name in names)]
        for number, row in enumerate(first_rows(dataset, options.rows))
    ]
    make_console().table(["row ", *names], cells)
    return 0


def first_rows(dataset: Dataset, count: int) -> list[dict[str, Any]]:
    """Returns the first rows as dicts; a row of csr as (indices, values)."""
    fields = dataset.schema.values()
    columns = [
        rows_of(field, values)
        for field, values in zip(fields, column_values(dataset.head(count)), strict=True)
    ]
    return [dict(zip(dataset.schema, values, strict=True)) for values in zip(*columns, strict=True)]
