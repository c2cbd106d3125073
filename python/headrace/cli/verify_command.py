"""``headrace verify``: every byte of a dataset is looked at, and damage is named."""

from __future__ import annotations

import argparse
import dataclasses
import os
from typing import Any

from headrace.byte_sizes import format_bytes
from headrace.cli.console import Console, counted, make_console, print_json
from headrace.cli.opening import add_paths
from headrace.verification import Damage, Verification, verify

_FORMAT = 1  # of the JSON; names are added to it, and none changes its meaning
DAMAGED = 1


def add_to(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "verify",
        help="check all checksums, structure and rows",
        description="Reads every byte of a dataset and names what is damaged and the rows lost. "
        "The exit code is 1 if there is damage.",
    )
    add_paths(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints what was found; returns the exit code."""
    paths = options.paths[0] if len(options.paths) == 1 else options.paths
    progress = False if options.quiet else None
    found = verify(paths, version=options.dataset_version, progress=progress)
    if options.json:
        report = dataclasses.asdict(found)
        print_json({"format": _FORMAT, "path": options.paths, "ok": found.ok, **report})
    else:
        _print(make_console(), options.paths, found)
    return 0 if found.ok else DAMAGED


def _print(console: Console, paths: list[str], found: Verification) -> None:
    """Prints the damage, if there is any, and one line that says it all."""
    if not found.ok:
        rows = [_damage_row(damage) for damage in found.damage]
        console.table(["file", "batch ", "rows lost ", "first row ", "column", "what"], rows)
    where = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    what = "file" if found.version is None else "shard"
    version = "" if found.version is None else f", version {found.version}"
    console.line(
        f"{where}{version}: {counted(found.files, what)}, {counted(found.rows, 'row')}, "
        f"{format_bytes(found.bytes)}"
    )
    if found.without_hashes:
        console.line(
            f"without checksums: {found.without_hashes:,} of {counted(found.files, what)}; of "
            "these the structure was checked, and that every byte can be read"
        )
    if found.ok:
        console.line("nothing is damaged", style="green")
        return
    if not found.files:
        console.line(
            "the manifest is damaged, so the shards are not known: restore it from a copy, or look "
            "at an earlier version with --version",
            style="bold red",
        )
        return
    console.line(
        f"damaged: {found.damaged_files:,} of {counted(found.files, what)}; lost: "
        f"{found.rows_lost:,} of {counted(found.rows, 'row')}. Restore these files from a copy, or "
        "convert again",
        style="bold red",
    )


def _damage_row(damage: Damage) -> list[str]:
    whole = damage.batch is None
    return [
        os.path.basename(damage.file) or damage.file,
        "all" if whole else str(damage.batch),
        "unknown" if damage.rows is None else f"{damage.rows:,}",
        f"{damage.first_row:,}",
        damage.column,
        damage.what,
    ]
