"""The arguments that name a dataset, and the dataset that they name."""

from __future__ import annotations

import argparse

from headrace.dataset import Dataset
from headrace.opening import open as open_dataset


def add_paths(parser: argparse.ArgumentParser) -> None:
    """Adds PATH and --version."""
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a dataset's directory or URL, or files that are one dataset: shards, .arrow, "
        ".feather, .safetensors, .npy",
    )
    parser.add_argument(
        "--version",
        dest="dataset_version",
        type=positive,
        metavar="N",
        help="a version of the dataset other than the newest",
    )


def open_paths(options: argparse.Namespace) -> Dataset:
    """Returns the dataset that the arguments of `add_paths` name."""
    paths = options.paths
    return open_dataset(paths[0] if len(paths) == 1 else paths, version=options.dataset_version)


def natural(text: str) -> int:
    """An argument that is a whole number, 0 or more."""
    return _whole(text, low=0)


def positive(text: str) -> int:
    """An argument that is a whole number, 1 or more."""
    return _whole(text, low=1)


def _whole(text: str, *, low: int) -> int:
    if not text.isascii() or not text.isdigit() or not low <= int(text) < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {low} on")
    return int(text)
