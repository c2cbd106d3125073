"""``headrace inspect``: what a dataset is, and what its columns hold."""

from __future__ import annotations

import argparse
import json
import textwrap
from typing import Any

from headrace.byte_sizes import format_bytes
from headrace.cli.console import Console, make_console, print_json
from headrace.cli.head_command import first_rows
from headrace.cli.opening import add_paths, natural, open_paths
from headrace.cli.statistics import gather_statistics
from headrace.cli.values import as_json, column_as_json, readable, shown
from headrace.dataset import Dataset
from headrace.dataset_place import place_of

_LENGTHS = ("shortest ", "longest ", "mean length ")
_LONGEST_METADATA = 100
_FORMAT = 1  # of the JSON; names are added to it, and none changes its meaning


def add_to(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "inspect",
        help="print schema, sizes, statistics and the first rows",
        description="Prints what a dataset is: schema, rows, shards, bytes, versions, statistics "
        "of each column, and the first rows.",
    )
    add_paths(parser)
    parser.add_argument("-n", "--rows", type=natural, default=3, help="first rows (default 3)")
    parser.add_argument(
        "--every-row",
        action="store_true",
        help="statistics of all rows, not of 256 MB that lie evenly over a larger dataset",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints the report; returns the exit code."""
    dataset = open_paths(options)
    seen = readable(dataset)
    rows_read, statistics = gather_statistics(seen, every_row=options.every_row)
    columns = [
        {**column_as_json(field), **statistics.get(name, {})}
        for name, field in dataset.schema.items()
    ]
    facts = {
        "rows": len(dataset),
        "bytes": dataset._core.nbytes,
        "files": dataset._core.file_count,
        **_versions(options.paths[0], dataset),
    }
    rows = first_rows(seen, options.rows)
    if options.json:
        shown_rows = [
            {name: as_json(seen.schema[name], value) for name, value in row.items()} for row in rows
        ]
        report = {"format": _FORMAT, "path": options.paths, **facts, "columns": columns}
        print_json({**report, "statistics_of_rows": rows_read, "first_rows": shown_rows})
        return 0
    console = make_console()
    _print_facts(console, options.paths, facts)
    _print_columns(console, columns, rows_read, len(dataset))
    _print_rows(console, seen, rows)
    return 0


def _versions(path: str, dataset: Dataset) -> dict[str, Any]:
    """Returns what the manifest of a dataset of shards says beside its rows."""
    if dataset.version is None:
        return {}
    directory = place_of(path).versions()
    info = directory.read(dataset.version)
    facts = {name: info[name] for name in ("version", "dataset", "commit", "shards")}
    return {**facts, "newest_version": directory.newest(), "metadata": json.loads(info["metadata"])}


def _print_facts(console: Console, paths: list[str], facts: dict[str, Any]) -> None:
    """Prints where the dataset is and how large."""
    where = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    pairs = [("path", where)]
    if "version" in facts:
        newest = facts["newest_version"]
        older = "" if facts["version"] == newest else f", the newest is {newest}"
        pairs.append(("version", f"{facts['version']}{older}"))
    pairs += [("rows", f"{facts['rows']:,}"), ("bytes", format_bytes(facts["bytes"]))]
    pairs.append(("shards" if "version" in facts else "files", f"{facts['files']:,}"))
    for name, value in facts.get("metadata", {}).items():
        text = textwrap.shorten(_metadata_text(value), _LONGEST_METADATA, placeholder=" ...")
        if text:
            pairs.append((name, text))
    console.pairs(pairs)


def _metadata_text(value: Any) -> str:
    """Returns a value of the metadata for people: of a dict what is there, not what is not."""
    if isinstance(value, dict):
        parts = [(name, part) for name, part in value.items() if part not in (None, "", "None")]
        return ", ".join(f"{name} {part}" for name, part in parts)
    return "" if value is False else str(value)


def _print_columns(
    console: Console, columns: list[dict[str, Any]], rows_read: int, rows: int
) -> None:
    """Prints a line for each column: what it is, its numbers, and its lengths where they differ."""
    console.line()
    some = "" if rows_read == rows else f" (statistics of {rows_read:,} rows; --every-row for all)"
    console.line(f"columns{some}", style="bold")
    with_lengths = any("length" in column for column in columns)
    header = ["name", "type", "min ", "max ", "mean ", "std ", "not finite "]
    lines = []
    for column in columns:
        values, length = column.get("values", {}), column.get("length", {})
        line = [column["name"], column["type"]]
        line += [_number(values.get(key)) for key in ("min", "max", "mean", "std")]
        line += [_number(values.get("not_finite") or None)]
        line += [_number(length.get(key)) for key in ("min", "max", "mean")] if with_lengths else []
        lines.append(line)
    console.table([*header, *_LENGTHS] if with_lengths else header, lines)


def _print_rows(console: Console, dataset: Dataset, rows: list[dict[str, Any]]) -> None:
    """Prints the first rows side by side, a line for each column: datasets can be wide."""
    if not rows:
        return
    console.line()
    console.line("first rows", style="bold")
    lines = [[n, *(shown(field, row[n]) for row in rows)] for n, field in dataset.schema.items()]
    console.table(["", *(f"row {number}" for number in range(len(rows)))], lines)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
