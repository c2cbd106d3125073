"""headrace's demo: one story on real text, from files on this machine to trained classifiers.

Each chapter is one of the situations that headrace is for, beside what the same takes in plain
Python. Run it with `make demo`, or `python examples/demo/run.py` where headrace is installed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from corpus import FRAGMENT_BYTES, CorpusError, gather
from loading_steps import Fairness, Loaded, load, train_fairly, train_ours
from models import TORCH_THREADS, TestSet
from report import (
    Findings,
    hashed_lines,
    loaded_lines,
    remarks,
    resume_lines,
    stored_lines,
    table,
    write_json,
)
from resume import ResumeError, kill_and_resume
from settings import Settings
from shards import Catalog, Text, split_text, write_catalog
from situations import Situation, in_memory, mapped_files, sparse_shards, write_files
from text_steps import Stored, hash_text, store_text

DEFAULT_CACHE = Path(__file__).resolve().parents[2] / "build" / "demo"
DEFAULT_ROWS = 100_000
QUICK_ROWS = 6_000
FEWEST_ROWS = 4_000

# The titles of the chapters about loading, and what each is called in the table.
SPARSE, MAPPED, MEMORY = "sparse shards", "mapped files", "RAM"
TITLES = {
    SPARSE: "3. Sparse: shuffled dense batches from the nonzeros of the shards",
    MAPPED: "4. Memory-mapped files: the same rows, dense, in .npy files",
    MEMORY: "5. Arrays in RAM: the same rows once more",
}


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
        """Starts a chapter of the demo."""
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
    parser.add_argument("--seed", type=int, default=7, help="of the model, the orders, the samples")
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
        epochs=2,
        seeds=3,
        passes=1 if quick else 3,
        sample_fragments=300 if quick else 2_000,
        # What is slower gets fewer.
        sample_rows={SPARSE: 600, MAPPED: 200, MEMORY: 1_000}
        if quick
        else {SPARSE: 10_000, MAPPED: 1_500, MEMORY: 40_000},
    )


def describe(catalog: Catalog, texts: dict[str, Text]) -> str:
    """Says what the corpus is."""
    nbytes = sum(text.nbytes for text in texts.values())
    lines = [
        f"{catalog.rows('train') + catalog.rows('test'):,} fragments of {FRAGMENT_BYTES} bytes, "
        f"{nbytes / 1e6:,.0f} MB, to tell by their words which kind of file they are of"
    ]
    for label, name in enumerate(catalog.kind_names):
        counts = [catalog.rows_by_kind[split][label] for split in ("train", "test")]
        lines.append(f"{name:<16} {counts[0]:>7,} training rows {counts[1]:>7,} test rows")
    lines.extend(f"left out, too little of it here: {kind}" for kind in catalog.missing)
    lines.append(
        f"split by file: {len(catalog.files['train']):,} files to train on, "
        f"{len(catalog.files['test']):,} to test; {catalog.dropped:,} repeated fragments dropped"
    )
    return "\n".join(lines)


def read_text(arguments: argparse.Namespace, screen: Screen) -> tuple[Catalog, dict[str, Text]]:
    """Finds the text, and the folder that the story writes to, anew."""
    step = "reading text files of this machine"
    screen.progress(step, 0.0)
    corpus = gather(arguments.rows)
    screen.progress(step, 0.8)
    texts, dropped = split_text(corpus)
    folder = arguments.cache / f"story-{arguments.rows}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    catalog = write_catalog(folder, corpus, texts, dropped)
    screen.progress(step, 1.0)
    return catalog, texts


def situations(catalog: Catalog, folder: Path) -> Iterator[tuple[str, Situation]]:
    """Yields the places where the training rows are, each made when it is its turn."""
    sparse = sparse_shards(catalog)
    yield SPARSE, sparse
    write_files(sparse.ours, folder / "dense")
    yield MAPPED, mapped_files(folder / "dense")
    yield MEMORY, in_memory(folder / "dense")


def load_everywhere(
    catalog: Catalog, stored: Stored, settings: Settings, folder: Path, screen: Screen
) -> tuple[dict[str, Loaded], Fairness]:
    """Tells the chapters about loading."""
    test, classes = TestSet(catalog), len(catalog.kind_names)
    loaded: dict[str, Loaded] = {}
    for name, situation in situations(catalog, folder):
        screen.title(TITLES[name])
        found = load(name, situation, stored.train_hashes, settings, screen.progress)
        train_ours(name, found, situation, test, classes, settings, screen.progress)
        screen.say(
            loaded_lines(found, usual_is=situation.usual_is, by_hand_is=situation.by_hand_is)
        )
        loaded[name] = found
    fairness = train_fairly(found, situation, test, classes, settings, screen.progress)
    return loaded, fairness


def run(arguments: argparse.Namespace, screen: Screen) -> Findings:
    """Tells the story, one chapter after the other."""
    screen.title("The text")
    catalog, texts = read_text(arguments, screen)
    screen.say(describe(catalog, texts))
    settings = settings_for(arguments, catalog.rows("train"))

    screen.title("1. Native transforms: text becomes rows")
    hashed = hash_text(texts, settings, screen.progress)
    screen.say(hashed_lines(hashed))

    screen.title("2. Shards: made once, kept, never made again")
    stored = store_text(texts, catalog, settings, screen.progress)
    screen.say(stored_lines(stored))
    if stored.leaks:
        raise CorpusError(f"the split of {catalog.folder} is wrong: {'; '.join(stored.leaks)}")

    with tempfile.TemporaryDirectory(dir=catalog.folder) as folder:
        loaded, fairness = load_everywhere(catalog, stored, settings, Path(folder), screen)
        screen.title("6. kill -9 in mid-epoch, and resume")
        resume = kill_and_resume(
            catalog.folder,
            Path(folder),
            rows=catalog.rows("train"),
            batch_size=settings.batch_size,
            seed=settings.seed,
            progress=screen.progress,
        )
    screen.say(resume_lines(resume))
    return Findings(
        catalog, settings, hashed, stored, loaded, fairness, resume, seconds=screen.seconds
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
    screen.title("7. What came out")
    screen.say(table(findings))
    screen.say(remarks(findings))
    screen.title("Checks")
    for claim, held in findings.checks.items():
        screen.say(f"{'ok    ' if held else 'FAILED'}  {claim}")
    if arguments.json:
        write_json(findings, arguments.json)
    screen.say(f"\nthe shards stay in {findings.catalog.folder}: headrace inspect tells of them")
    screen.say(f"{findings.seconds:.0f} s in all")
    return 1 if findings.failed else 0


if __name__ == "__main__":
    sys.exit(main())
