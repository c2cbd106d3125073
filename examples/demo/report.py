"""What the demo found, for people (a table and sentences) and for programs (JSON)."""

from __future__ import annotations

import json
import platform
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import torch

from features import COLUMNS
from loading_steps import Fairness, Loaded
from resume import ResumeReport
from settings import Settings, Usual
from shards import Catalog
from text_steps import Hashed, Stored
from training import accuracy_noise

# Single measurements on a shared machine differ by this much for no reason.
SAME_WITHIN = 0.15


@dataclass(frozen=True)
class Line:
    """A line of the table: a step, and what it takes."""

    step: str
    ours: float
    usual: float
    measured_on: str
    by_hand: float | None = None

    @property
    def times_usual(self) -> float:
        """How many times as long plain Python takes."""
        return self.usual / self.ours


@dataclass(frozen=True)
class Findings:
    """Everything that is reported."""

    catalog: Catalog
    settings: Settings
    hashed: Hashed
    stored: Stored
    loaded: dict[str, Loaded]
    fairness: Fairness
    resume: ResumeReport
    seconds: float

    @property
    def noise(self) -> float:
        """How far apart the mean accuracies may lie by chance."""
        return accuracy_noise(self.fairness.by_hand, self.fairness.ours)

    @property
    def gap(self) -> float:
        """How far apart they lie."""
        return abs(fmean(self.fairness.by_hand) - fmean(self.fairness.ours))

    @property
    def lines(self) -> list[Line]:
        """The lines of the table."""
        return [
            Line("text into rows", self.hashed.seconds, *_usual(self.hashed.usual, "fragments")),
            Line(
                "text into rows on the disk",
                self.stored.seconds,
                *_usual(self.stored.usual, "fragments"),
            ),
            *(
                Line(
                    f"an epoch of batches, {where}",
                    found.seconds,
                    *_usual(found.usual, "rows"),
                    found.by_hand_seconds,
                )
                for where, found in self.loaded.items()
            ),
            self._whole(),
        ]

    def _whole(self) -> Line:
        """The line of all that leads from text to a model; the same time for its steps."""
        sparse = next(iter(self.loaded.values()))
        epochs = len(sparse.trained)
        model = sum(timing.seconds - timing.waited for timing in sparse.trained)
        return Line(
            f"all: text to a classifier, {epochs} epochs",
            self.stored.seconds + sum(timing.seconds for timing in sparse.trained),
            self.stored.usual.for_all + epochs * sparse.usual.for_all + model,
            "the sum of these",
        )

    @property
    def checks(self) -> dict[str, bool]:
        """Each claim of the demo, and whether it held."""
        found = list(self.loaded.values())
        return {
            "no fragment of a test file in training, none there twice": not self.stored.leaks,
            "native code and Python count the same words": self.hashed.matches,
            "shards: every byte is what its hash says": self.stored.verified,
            "shards: pyarrow finds the rows that were made": self.stored.same_rows,
            **{
                f"{where}: each row exactly once, by all three": all(one.once.values())
                for where, one in self.loaded.items()
            },
            "a new order in each epoch": all(one.new_order for one in found),
            "the same batches, bit for bit, from all three places": all(
                one.digests == found[0].digests for one in found
            ),
            "the same weights after training on each": all(
                one.weights == found[0].weights for one in found
            ),
            "equal accuracy with batches by hand": self.gap <= self.noise,
            "killed in mid-epoch": self.resume.kill_signal == signal.SIGKILL,
            "resume: the next batch has the same hash": self.resume.next_batch_equal,
            "resume: so has every batch to the end, and the weights": self.resume.right,
        }

    @property
    def failed(self) -> list[str]:
        """The claims that did not hold."""
        return [claim for claim, held in self.checks.items() if not held]


def _usual(usual: Usual, what: str) -> tuple[float, str]:
    if usual.sample == usual.total:
        return usual.for_all, f"all {usual.total:,} {what}"
    return usual.for_all, f"{usual.sample:,} of {usual.total:,} {what} *"


def table(findings: Findings) -> str:
    """Returns the table of all steps."""
    rows = [["seconds", "headrace", "plain Python", "times", "by hand", "Python ran on"]]
    rows += [
        [
            line.step,
            _seconds(line.ours),
            _seconds(line.usual),
            f"{line.times_usual:,.1f}x" if line.times_usual < 10 else f"{line.times_usual:,.0f}x",
            "" if line.by_hand is None else _seconds(line.by_hand),
            line.measured_on,
        ]
        for line in findings.lines
    ]
    last = len(rows[0]) - 1
    widths = [max(len(row[column]) for row in rows) for column in range(last + 1)]
    lines = [
        "  ".join(
            cell.ljust(width) if column in (0, last) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def _seconds(seconds: float) -> str:
    return f"{seconds:,.2f}" if seconds < 100 else f"{seconds:,.0f}"


def hashed_lines(hashed: Hashed) -> str:
    """Returns what native hashing took."""
    native = hashed.nbytes / hashed.seconds / 1e6
    loop = hashed.sample_nbytes / hashed.usual.seconds / 1e6
    return "\n".join(
        [
            f"{hashed.fragments:,} fragments, {hashed.nbytes / 1e6:,.0f} MB: their words and pairs "
            f"of words become sparse rows of {COLUMNS:,} columns",
            f"hr.text.Hasher, C++ on all cores: {hashed.seconds:,.2f} s, {native:,.0f} MB/s",
            f"a loop in Python: {loop:,.1f} MB/s, measured on {hashed.usual.sample:,} of them; "
            f"{hashed.usual.for_all:,.0f} s for all",
        ]
    )


def stored_lines(stored: Stored) -> str:
    """Returns what the shards took."""
    return "\n".join(
        [
            f"hr.convert, text to shards: {stored.seconds:,.2f} s for {stored.shards} shards of "
            f"{stored.nbytes / 1e6:,.0f} MB, named by UUID, which any Arrow library reads",
            f"the loop and scipy's save_npz: {stored.usual.for_all:,.0f} s at the rate of "
            f"{stored.usual.sample:,} fragments",
            "checked: every byte against its hash; every row, as pyarrow reads it, against the "
            "text; no row of a test file in training",
        ]
    )


def loaded_lines(loaded: Loaded, *, usual_is: str, by_hand_is: str) -> str:
    """Returns what the three loaders of a situation took."""
    rows = loaded.usual.total
    usual = loaded.usual.sample / loaded.usual.seconds
    lines = [
        f"headrace: {rows / loaded.seconds:,.0f} rows/s",
        f"{usual_is}: {usual:,.0f} rows/s, measured on {loaded.usual.sample:,} rows",
        f"{by_hand_is}: {rows / loaded.by_hand_seconds:,.0f} rows/s. "
        + _verdict(loaded.by_hand_seconds / loaded.seconds),
    ]
    waiting = sum(timing.waited for timing in loaded.trained)
    spent = sum(timing.seconds for timing in loaded.trained)
    lines.append(
        f"trained for {len(loaded.trained)} epochs: {spent:,.1f} s, {100 * waiting / spent:.1f} % "
        f"of it waiting for data; {100 * loaded.accuracies[0]:.1f} % of the test rows right; "
        f"weights {loaded.weights}"
    )
    return "\n".join(lines)


def _verdict(ratio: float) -> str:
    """Says in a sentence how two rates compare; near each other they are called equal."""
    if ratio > 1 + SAME_WITHIN:
        return f"headrace is {ratio:.1f}x as fast."
    if ratio < 1 / (1 + SAME_WITHIN):
        return f"It is {1 / ratio:.1f}x as fast as headrace here."
    return "It is as fast as headrace here."


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


def remarks(findings: Findings) -> str:
    """Returns what has to be said beside the table."""
    gap, noise = 100 * findings.gap, 100 * findings.noise
    return "\n".join(
        [
            "* plain Python works on a sample of the rows, drawn from all; its seconds are those "
            "of the sample,",
            "  scaled to all rows. The last line adds its steps up, with the time that the model "
            "itself takes.",
            f"Batches of {findings.settings.batch_size}; medians of {findings.settings.passes} "
            "epochs without a model, in turns; files in memory.",
            f"Accuracies with batches by hand and with headrace's differ by {gap:.2f} points; up "
            f"to {noise:.2f} is noise (means of {findings.settings.seeds} trainings).",
            "Torch has one thread, more do not help this model; headrace's own use what is left.",
        ]
    )


def write_json(findings: Findings, path: Path) -> None:
    """Writes everything that was found, for programs."""
    catalog, stored = findings.catalog, asdict(findings.stored)
    del stored["train_hashes"]
    report = {
        "machine": {"python": platform.python_version(), "torch": torch.__version__},
        "settings": asdict(findings.settings),
        "corpus": {
            "kinds": catalog.kind_names,
            "missing": catalog.missing,
            "rows_by_kind": catalog.rows_by_kind,
            "files": {split: len(names) for split, names in catalog.files.items()},
        },
        "lines": [{**asdict(line), "times_usual": line.times_usual} for line in findings.lines],
        "hashed": asdict(findings.hashed),
        "stored": stored,
        "loaded": {where: asdict(found) for where, found in findings.loaded.items()},
        "fairness": {**asdict(findings.fairness), "noise": findings.noise},
        "resume": asdict(findings.resume),
        "checks": findings.checks,
        "seconds": findings.seconds,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
