"""``headrace cache``: what lies in a cache of remote shards, who uses it, and what may go."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from headrace import _core
from headrace.byte_sizes import format_bytes
from headrace.cli.console import Console, counted, make_console, print_json

_FORMAT = 1  # of the JSON; names are added to it, and none changes its meaning
_SHOWN_PATHS = 10
_USES = ("free", "pinned", "fetched", "leftover")


def add_to(commands: Any) -> None:
    """Adds the command to argparse's subparsers."""
    parser = commands.add_parser(
        "cache",
        help="show, or clean, a cache of remote shards",
        description="Shows what lies in a cache of remote shards, its limit, and which processes "
        "use it. With --clean, removes what no process needs now.",
    )
    parser.add_argument("directory", metavar="DIR", help="the directory given as cache=")
    parser.add_argument(
        "--clean",
        action="store_true",
        help="remove shards that no process needs now, and what dead ones left; never a file that "
        "headrace has not put there",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints what is there, or what was removed; returns the exit code."""
    directory = os.path.abspath(options.directory)
    if options.clean:
        cleaned = _core.clean_cache(directory)
        if options.json:
            print_json({"format": _FORMAT, "directory": directory, **cleaned})
        else:
            _print_cleaned(make_console(), cleaned)
        return 0
    report = _core.report_cache(directory)
    if options.json:
        print_json({"format": _FORMAT, **_summary(report)})
    else:
        _print(make_console(), report)
    return 0


def _summary(report: dict[str, Any]) -> dict[str, Any]:
    """Returns the report without a line for every file: there may be 10^5."""
    files = report["files"]
    return {
        "directory": report["directory"],
        "limit_bytes": report["limit_bytes"] or None,
        "bytes": sum(file["bytes"] for file in files),
        **{use: _count(file for file in files if file["use"] == use) for use in _USES},
        "unchecked": _count(file for file in files if not file["checked"]),
        "datasets": [
            {"dataset": dataset, **count} for dataset, count in _by_dataset(files).items()
        ],
        "users": report["users"],
        "unseen_users": report["unseen_users"],
        "foreign": report["foreign"],
        "private_directories": [_summary(own) for own in report["privates"]],
    }


def _by_dataset(files: Iterable[dict[str, Any]]) -> dict[str, dict[str, int]]:
    datasets: dict[str, dict[str, int]] = {}
    for file in sorted(files, key=itemgetter("dataset")):
        count = datasets.setdefault(file["dataset"], {"files": 0, "bytes": 0, "pinned": 0})
        count["files"] += 1
        count["bytes"] += file["bytes"]
        count["pinned"] += file["use"] == "pinned"
    return datasets


def _count(files: Iterable[dict[str, Any]]) -> dict[str, int]:
    sizes = [file["bytes"] for file in files]
    return {"files": len(sizes), "bytes": sum(sizes)}


def _print(console: Console, report: dict[str, Any]) -> None:
    found = _summary(report)
    console.pairs(_pairs(found))
    _print_users(console, found)
    _print_datasets(console, found["datasets"])
    for own in found["private_directories"]:
        console.line()
        console.line("of one process, since locks do not work here:")
        console.pairs(_pairs(own))
    if found["foreign"]:
        console.line()
        console.line(f"not of headrace, and left alone: {counted(len(found['foreign']), 'file')}")
        for path in sorted(found["foreign"])[:_SHOWN_PATHS]:
            console.line(f"  {path}")


def _pairs(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns the lines about a directory; those that say nothing are left out."""
    limit = found["limit_bytes"]
    pairs = [
        ("directory", found["directory"]),
        ("limit", "unknown" if limit is None else format_bytes(limit)),
        ("taken", format_bytes(found["bytes"])),
    ]
    meanings = (
        ("free", "shards that no process needs now"),
        ("pinned", "shards that a process needs"),
        ("fetched", "files that are being fetched"),
        ("leftover", "files that dead processes were fetching; they go when the cache is used"),
        ("unchecked", "files of before the machine restarted; they are checked before use"),
    )
    for use, meaning in meanings:
        if found[use]["files"]:
            pairs.append((use, f"{found[use]['files']:,}, {_size(found[use])}: {meaning}"))
    return pairs


def _size(count: dict[str, int]) -> str:
    return format_bytes(count["bytes"])


def _print_users(console: Console, found: dict[str, Any]) -> None:
    rows = [
        [
            str(user["process"]),
            user["program"],
            f"{user['pinned_shards']:,}",
            format_bytes(user["pinned_bytes"]),
            f"{user['fetched_shards']:,}",
        ]
        for user in found["users"]
    ]
    if rows:
        console.line()
        console.table(["process ", "program", "pins ", "bytes ", "fetches "], rows)
    if found["unseen_users"]:
        console.line()
        console.line(f"processes that this user cannot see: {found['unseen_users']:,}")


def _print_datasets(console: Console, datasets: list[dict[str, Any]]) -> None:
    rows = [
        [one["dataset"], f"{one['files']:,}", _size(one), f"{one['pinned']:,}"] for one in datasets
    ]
    if rows:
        console.line()
        console.table(["dataset", "files ", "bytes ", "pinned "], rows)


def _print_cleaned(console: Console, cleaned: dict[str, int]) -> None:
    leftovers = cleaned["removed_leftovers"]
    console.line(
        f"removed: {counted(cleaned['removed_shards'], 'shard')}"
        + (f" and {counted(leftovers, 'leftover')}" if leftovers else "")
        + f", {format_bytes(cleaned['removed_bytes'])}"
    )
    if cleaned["kept_shards"]:
        console.line(
            f"kept: {counted(cleaned['kept_shards'], 'shard')}, "
            f"{format_bytes(cleaned['kept_bytes'])}, that processes need now"
        )
