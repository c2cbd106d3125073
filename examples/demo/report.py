"""What the demo found, for people (a table and sentences) and for programs (JSON)."""

from __future__ import annotations

import json
import platform
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import torch

from comparison import NAMES, Measured, Settings, accuracy_noise
from resume import ResumeReport
from shards import Catalog
from words import WIDTH, Words

# Single measurements on a shared machine differ by this much for no reason.
SAME_WITHIN = 0.15


@dataclass(frozen=True)
class Findings:
    """Everything that is reported."""

    catalog: Catalog
    leaks: list[str]
    settings: Settings
    results: dict[str, Measured]
    resume: ResumeReport
    words: Words
    seconds: float

    @property
    def all_rows(self) -> int:
        """Rows of a whole epoch."""
        return self.catalog.rows("train")

    def epoch_seconds(self, name: str) -> float:
        """Seconds of a training epoch over all rows; for the tutorial's loader an extrapolation."""
        return self.all_rows / self.results[name].training_rate

    @property
    def noise(self) -> float:
        """How far apart the accuracies on all rows may lie by chance."""
        by_hand, headrace = (self.results[name].accuracies for name in ("by_hand", "headrace"))
        return accuracy_noise([by_hand, headrace], (len(by_hand), len(headrace)))

    @property
    def part_noise(self) -> float:
        """The same on the part of the rows, where the tutorial's loader trained once."""
        by_hand, headrace = (self.results[name].part_accuracies for name in ("by_hand", "headrace"))
        return accuracy_noise([by_hand, headrace], (1, len(headrace)))

    @property
    def checks(self) -> dict[str, bool]:
        """Each claim of the demo, and whether it held."""
        usual, by_hand, headrace = (self.results[name] for name in NAMES)
        full_gap = abs(fmean(by_hand.accuracies) - fmean(headrace.accuracies))
        part = [fmean(measured.part_accuracies) for measured in (usual, by_hand, headrace)]
        return {
            "no fragment of a test file in training": not self.leaks,
            "as usually written: each row of its part exactly once": usual.once,
            "best by hand: each row exactly once": by_hand.once,
            "headrace: each row exactly once": headrace.once,
            "all three: a new order in each epoch": all(m.new_order for m in self.results.values()),
            "equal accuracy on all rows": full_gap <= self.noise,
            "equal accuracy on the part": max(part) - min(part) <= self.part_noise,
            "killed in mid-epoch": self.resume.kill_signal == signal.SIGKILL,
            "resume: the next batch has the same hash": self.resume.next_batch_equal,
            "resume: so has every batch to the end, and the weights": self.resume.right,
            "words: C++ and Python count the same": self.words.same_counts,
            "words: each row exactly once": self.words.each_row_once,
        }

    @property
    def failed(self) -> list[str]:
        """The claims that did not hold."""
        return [claim for claim, held in self.checks.items() if not held]


def _table(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)


def comparison_table(findings: Findings) -> str:
    """Returns the table of the three loaders."""
    results = [findings.results[name] for name in NAMES]
    epochs = [f"{findings.epoch_seconds(name):,.2f}" for name in NAMES]
    epochs[0] += " *"
    return _table(
        [
            ["", *NAMES.values()],
            ["rows measured", *(f"{m.rows:,}" for m in results)],
            ["loading alone, rows/s", *(f"{m.loading_rate:,.0f}" for m in results)],
            ["training, rows/s", *(f"{m.training_rate:,.0f}" for m in results)],
            ["training, seconds per epoch", *epochs],
            [
                "  of it waiting for data",
                *(f"{100 * m.waiting_share:.2f} %" for m in results),
            ],
            [
                f"accuracy, {findings.results['usual'].rows:,} rows x "
                f"{findings.settings.part_epochs} epochs",
                *(f"{100 * fmean(m.part_accuracies):.2f} %" for m in results),
            ],
            [
                f"accuracy, {findings.all_rows:,} rows x {findings.settings.epochs} epochs",
                *(
                    f"{100 * fmean(m.accuracies):.2f} %" if m.accuracies else "not run"
                    for m in results
                ),
            ],
            ["each row exactly once", *("yes" if m.once else "NO" for m in results)],
        ]
    )


def _verdict(what: str, ours: float, theirs: float) -> str:
    """Says in a sentence how two rates compare; near each other they are called equal."""
    ratio = ours / theirs
    if ratio > 1 + SAME_WITHIN:
        return f"{what}: headrace {ratio:.2f}x the best by hand."
    if ratio < 1 / (1 + SAME_WITHIN):
        return f"{what}: the hand-written loader is faster here, {1 / ratio:.2f}x headrace."
    return f"{what}: the hand-written loader is as good here (headrace {ratio:.2f}x)."


def remarks(findings: Findings) -> str:
    """Returns what has to be said beside the table."""
    usual, by_hand, headrace = (findings.results[name] for name in NAMES)
    ratio = findings.epoch_seconds("usual") / findings.epoch_seconds("headrace")
    settings = findings.settings
    gap = abs(fmean(by_hand.accuracies) - fmean(headrace.accuracies))
    waiting, points, noise = (100 * x for x in (by_hand.waiting_share, gap, findings.noise))
    lines = [
        f"* extrapolated from the {usual.rows:,} rows measured, which are drawn from all files",
        "",
        f"Training as usually written takes {ratio:,.2f}x the time of headrace.",
        _verdict("Loading alone", headrace.loading_rate, by_hand.loading_rate),
        _verdict("Training this model", headrace.training_rate, by_hand.training_rate),
        f"Fed by hand this model waits {waiting:.2f} % of its time: no loader can save it more.",
        f"Accuracies on all rows differ by {points:.2f} points; up to {noise:.2f} is noise "
        f"(means of {settings.rounds} trainings).",
        f"Rates are medians of {len(headrace.loading)} and {len(headrace.training)} epochs, both "
        f"loaders in turn; files in memory; batches of {settings.batch_size}.",
        "Torch has one thread, more do not help this model; headrace's own use what is left.",
        "What the hand-written loader has not, at any speed: the resume in mid-epoch above.",
    ]
    return "\n".join(lines)


def resume_lines(resume: ResumeReport) -> str:
    """Returns the story of the kill."""
    return "\n".join(
        [
            f"killed by signal {resume.kill_signal} after batch {resume.killed_at} "
            f"of {resume.batches}; the last saved state was at batch {resume.resumed_at}",
            f"undisturbed run, batch {resume.resumed_at}: {resume.expected_hash}",
            f"resumed run, first batch: {resume.next_hash}  "
            f"{'the same' if resume.next_batch_equal else 'DIFFERENT'}",
            f"the {resume.batches - resume.resumed_at} batches to the end of the epoch: "
            f"{'the same' if resume.rest_equal else 'DIFFERENT'}; "
            f"weights: {'the same' if resume.weights_equal else 'DIFFERENT'}, bit for bit",
        ]
    )


def word_lines(words: Words) -> str:
    """Returns what the words took."""
    native = words.nbytes / words.hash_seconds / 1e6
    loop = words.sample_nbytes / words.sample_seconds / 1e6
    megabytes = words.nbytes / 1e6
    native = megabytes / words.hash_seconds
    loop = words.sample_nbytes / words.sample_seconds / 1e6
    lines = [
        f"{words.fragments:,} fragments, {megabytes:,.0f} MB: their words and pairs of words, "
        f"hashed into {WIDTH:,} columns",
        f"in C++: {native:,.0f} MB/s, {words.hash_seconds:,.2f} s; {words.shard_seconds:,.2f} s "
        f"with the writing of {words.shard_nbytes / 1e6:,.0f} MB of csr shards",
        f"a loop in Python: {loop:,.1f} MB/s on {words.sample_fragments:,} of the fragments, so "
        f"{megabytes / loop:,.0f} s for all: {words.times_python:,.0f} times as long",
        f"shuffled dense batches from the shards: {words.rows_per_second:,.0f} rows/s",
        f"a linear model after one epoch: {100 * words.accuracy:.2f} % of the test rows",
    ]
    return "\n".join(lines)


def write_json(findings: Findings, path: Path) -> None:
    """Writes everything that was found, for programs."""
    loaders = {
        name: {
            "rows": m.rows,
            "loading_rows_per_second": m.loading_rate,
            "training_rows_per_second": m.training_rate,
            "seconds_per_epoch": findings.epoch_seconds(name),
            "extrapolated": m.rows < findings.all_rows,
            "waiting_share": m.waiting_share,
            "accuracies": m.accuracies,
            "part_accuracies": m.part_accuracies,
            "each_row_once": m.once,
        }
        for name, m in findings.results.items()
    }
    catalog = findings.catalog
    report = {
        "machine": {"python": platform.python_version(), "torch": torch.__version__},
        "settings": asdict(findings.settings),
        "corpus": {
            "kinds": catalog.kind_names,
            "missing": catalog.missing,
            "rows_by_kind": catalog.rows_by_kind,
            "files": {split: len(names) for split, names in catalog.sources.items()},
            "nbytes": catalog.nbytes,
        },
        "loaders": loaders,
        "accuracy_noise": {"all_rows": findings.noise, "part": findings.part_noise},
        "resume": asdict(findings.resume),
        "words": asdict(findings.words),
        "checks": findings.checks,
        "seconds": findings.seconds,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
