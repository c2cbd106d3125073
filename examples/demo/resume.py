"""A real kill in mid-epoch, and what comes after it.

1. One process trains an epoch undisturbed and prints the hash of each batch: the reference.
2. A second one does the same and is killed with SIGKILL in the middle, between two saved states.
3. A third one starts from the last saved state. Its first batch must be the reference's batch at
   that place, and so must all that follow; the weights at the end must be the reference's.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SAVE_EVERY = 10
TIMEOUT_S = 120.0


class ResumeError(Exception):
    """The trainee did not do what the demonstration needs; the message has what it printed."""


@dataclass(frozen=True)
class Log:
    """What a trainee printed: batch numbers with hashes, and the weights if it reached the end."""

    batches: dict[int, str]
    weights: str | None
    returncode: int


@dataclass(frozen=True)
class ResumeReport:
    """What happened, and whether it was right."""

    batches: int
    killed_at: int
    kill_signal: int
    resumed_at: int
    next_hash: str
    expected_hash: str
    next_batch_equal: bool
    before_kill_equal: bool
    rest_equal: bool
    weights_equal: bool

    @property
    def right(self) -> bool:
        """Whether the resumed run is the undisturbed one, to its last batch and weight."""
        return (
            self.next_batch_equal
            and self.before_kill_equal
            and self.rest_equal
            and self.weights_equal
        )


def _run(command: list[str], *, kill_after: int | None = None) -> Log:
    """Runs a trainee; kills it as soon as it has printed batch number `kill_after`."""
    batches: dict[int, str] = {}
    weights: str | None = None
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        # A trainee that hangs must not hang the demo: its end is then an unexpected one.
        watchdog = threading.Timer(TIMEOUT_S, process.kill)
        watchdog.start()
        # Reading goes on after the kill: batches handed out before it took effect are in the pipe.
        for line in process.stdout:
            match line.split():
                case ["batch", number, digest]:
                    batches[int(number)] = digest
                    if int(number) == kill_after:
                        process.send_signal(signal.SIGKILL)
                case ["done", digest]:
                    weights = digest
        returncode = process.wait()
        watchdog.cancel()
        expected = 0 if kill_after is None else -signal.SIGKILL
        if returncode != expected:
            errors.seek(0)
            raise ResumeError(
                f"the trainee ended with {returncode}, expected {expected}, after "
                f"{len(batches)} batches; its last words:\n{errors.read()[-2000:]}"
            )
    return Log(batches, weights, returncode)


def kill_and_resume(
    corpus: Path,
    folder: Path,
    *,
    rows: int,
    batch_size: int,
    seed: int,
    progress: Callable[[str, float], None],
) -> ResumeReport:
    """Runs the three processes and compares what they printed.

    Args:
        corpus: The corpus folder.
        folder: An empty folder for the saved states.
        rows: Training rows, to find the middle of the epoch.
        batch_size: Rows for each batch.
        seed: Of the model and of the order.
        progress: Called with a step and the fraction of it that is done.

    Raises:
        ResumeError: A process ended otherwise than it should, or there was nothing to resume.
    """
    total = -(-rows // batch_size)
    # A model of a few milliseconds: without it the epoch is over before a signal arrives.
    pause = min(0.005, 2.0 / total)
    # In the middle, and half-way between two saved states: some work is lost and done again.
    kill_after = total // 2 // SAVE_EVERY * SAVE_EVERY + SAVE_EVERY // 2

    def command(state: Path) -> list[str]:
        options = {
            "--corpus": corpus,
            "--state": state,
            "--batch-size": batch_size,
            "--seed": seed,
            "--save-every": SAVE_EVERY,
            "--pause": pause,
        }
        flat = [str(word) for option in options.items() for word in option]
        return [sys.executable, str(Path(__file__).with_name("trainee.py")), *flat]

    def step(what: str, state: str, *, kill_after: int | None = None) -> Log:
        progress(what, 0.0)
        log = _run(command(folder / state), kill_after=kill_after)
        progress(what, 1.0)
        return log

    reference = step("an epoch, undisturbed", "reference.pt")
    killed = step("the same epoch, killed in the middle", "killed.pt", kill_after=kill_after)
    resumed = step("a new process, from the last saved state", "killed.pt")

    in_the_middle = kill_after in killed.batches and len(killed.batches) < total
    if len(reference.batches) != total or not in_the_middle or not resumed.batches:
        raise ResumeError(
            f"nothing to compare: of {total} batches the undisturbed run had "
            f"{len(reference.batches)}, the killed one {len(killed.batches)}, "
            f"the resumed one {len(resumed.batches)}"
        )
    first = min(resumed.batches)
    rest = {number: reference.batches[number] for number in range(first, total)}
    return ResumeReport(
        batches=total,
        killed_at=max(killed.batches),
        kill_signal=-killed.returncode,
        resumed_at=first,
        next_hash=resumed.batches[first],
        expected_hash=reference.batches.get(first, ""),
        next_batch_equal=resumed.batches[first] == reference.batches.get(first),
        before_kill_equal=killed.batches.items() <= reference.batches.items(),
        rest_equal=resumed.batches == rest,
        weights_equal=resumed.weights is not None and resumed.weights == reference.weights,
    )
