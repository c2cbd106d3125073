"""headrace's demo: real text in shards, three loaders, a kill and a resume, words hashed in C++.

Run it with `make demo`, or `python examples/demo/run.py` where headrace is installed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch

from checks import hashes_in_files, some_rows, split_leaks
from comparison import Comparison, Settings
from corpus import FRAGMENT_BYTES, CorpusError
from features import COLUMNS
from models import TORCH_THREADS
from report import Findings, comparison_table, remarks, resume_lines, word_lines, write_json
from resume import ResumeError, kill_and_resume
from shards import Catalog, prepare
from words import measure_words

DEFAULT_CACHE = Path(__file__).resolve().parents[2] / "build" / "demo"
DEFAULT_ROWS = 100_000
QUICK_ROWS = 6_000
FEWEST_ROWS = 4_000


class Screen:
    """Progress: a line for each step, redrawn on a terminal, elsewhere written when it is done."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._redraws = sys.stdout.isatty()
        self._shown = ""

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._begin

    def title(self, text: str) -> None:
        """Starts a part of the demo."""
        print(f"\n{text}", flush=True)

    def say(self, text: str) -> None:
        """Prints a paragraph, indented."""
        print("\n".join(f"  {line}" for line in text.splitlines()), flush=True)

    def progress(self, step: str, done: float) -> None:
        """Shows how far a step is."""
        line = f"  [{self.seconds:6.1f} s] {step} ... {100 * done:3.0f} %"
        if done >= 1.0:
            print(f"\r\x1b[K{line}" if self._redraws else line, flush=True)
        elif self._redraws and line != self._shown:
            print(f"\r\x1b[K{line}", end="", flush=True)
        self._shown = line


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows",
        type=int,
        help=f"rows to look for, at least {FEWEST_ROWS} (default {DEFAULT_ROWS})",
    )
    parser.add_argument(
        "--quick", action="store_true", help="little of everything, as the tests do"
    )
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where the files go")
    parser.add_argument("--seed", type=int, default=7, help="of the model, the orders, the names")
    parser.add_argument("--json", type=Path, help="write the findings to this file, too")
    parsed = parser.parse_args(arguments)
    if parsed.rows is None:
        parsed.rows = QUICK_ROWS if parsed.quick else DEFAULT_ROWS
    if parsed.rows < FEWEST_ROWS:
        parser.error(f"--rows {parsed.rows} is too few; give {FEWEST_ROWS} or more")
    if parsed.seed < 0:
        parser.error(f"--seed {parsed.seed} is negative; give 0 or more")
    return parsed


def settings_for(arguments: argparse.Namespace, train_rows: int) -> Settings:
    """Chooses how much of everything is done."""
    quick = arguments.quick
    return Settings(
        # At least some dozens of batches, so that an epoch has a middle.
        batch_size=256 if train_rows >= 25_600 else 64,
        seed=arguments.seed,
        epochs=2 if quick else 3,
        rounds=3,
        loading_passes=1 if quick else 5,
        part_rows=600 if quick else 4_000,
        part_epochs=2,
        part_rounds=5,
    )


def describe(catalog: Catalog, *, reused: bool) -> str:
    """Says what the corpus is."""
    train, test = catalog.rows("train"), catalog.rows("test")
    shards = sum(map(len, catalog.shard_ids.values()))
    lines = [
        f"{train + test:,} fragments of {FRAGMENT_BYTES} bytes, {COLUMNS} float64 each: "
        f"{catalog.nbytes / 1e6:,.0f} MB in {shards} shards",
        f"{'reused from' if reused else 'written to'} {catalog.folder}",
    ]
    for label, name in enumerate(catalog.kind_names):
        counts = [catalog.rows_by_kind[split][label] for split in ("train", "test")]
        lines.append(f"{name:<16} {counts[0]:>7,} training rows {counts[1]:>7,} test rows")
    lines.extend(f"left out, too little of it here: {kind}" for kind in catalog.missing)
    lines.append(
        f"split by file: {len(catalog.sources['train']):,} files to train on, "
        f"{len(catalog.sources['test']):,} to test; {catalog.dropped:,} repeated fragments dropped"
    )
    return "\n".join(lines)


def run(arguments: argparse.Namespace, screen: Screen) -> Findings:
    """Runs all parts of the demo, one after the other."""
    screen.title("1. Real text into shards")
    catalog, reused = prepare(arguments.cache, rows=arguments.rows, progress=screen.progress)
    screen.say(describe(catalog, reused=reused))
    settings = settings_for(arguments, catalog.rows("train"))
    in_files = hashes_in_files(catalog, "train")
    leaks = split_leaks(catalog, in_files, hashes_in_files(catalog, "test"))
    if leaks:
        raise CorpusError(f"the split of {catalog.folder} is wrong: {'; '.join(leaks)}")
    screen.say(
        "checked through pyarrow: no row of a test file is in training, no row is there twice"
    )

    screen.title("2. Three loaders: same files, model, seed, split")
    comparison = Comparison(catalog, settings, in_files=in_files, progress=screen.progress)
    comparison.check_rows()
    comparison.measure_loading()
    comparison.measure_training()
    comparison.measure_part(some_rows(len(in_files), settings.part_rows, seed=settings.seed))

    screen.title("3. kill -9 in mid-epoch, and resume")
    with tempfile.TemporaryDirectory(dir=arguments.cache) as folder:
        resume = kill_and_resume(
            catalog.folder,
            Path(folder),
            rows=catalog.rows("train"),
            batch_size=settings.batch_size,
            seed=settings.seed,
            progress=screen.progress,
        )
    screen.say(resume_lines(resume))

    screen.title("4. The same text once more: words, hashed in C++ into sparse shards")
    with tempfile.TemporaryDirectory(dir=arguments.cache) as folder:
        words = measure_words(
            catalog,
            Path(folder),
            seed=settings.seed,
            batch_size=settings.batch_size,
            progress=screen.progress,
        )
    screen.say(word_lines(words))

    return Findings(
        catalog=catalog,
        leaks=leaks,
        settings=settings,
        results=comparison.results,
        resume=resume,
        words=words,
        seconds=screen.seconds,
    )


def main() -> int:
    """Runs the demo; 0 if every claim held."""
    arguments = parse_arguments()
    screen = Screen()
    torch.set_num_threads(TORCH_THREADS)
    try:
        findings = run(arguments, screen)
    except (CorpusError, ResumeError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    screen.title("5. What came out")
    screen.say(comparison_table(findings))
    screen.say(remarks(findings))
    screen.title("Checks")
    for claim, held in findings.checks.items():
        screen.say(f"{'ok    ' if held else 'FAILED'}  {claim}")
    if arguments.json:
        write_json(findings, arguments.json)
    screen.say(f"\n{findings.seconds:.0f} s in all")
    return 1 if findings.failed else 0


if __name__ == "__main__":
    sys.exit(main())
