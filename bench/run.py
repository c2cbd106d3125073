"""The one benchmark runner.

    python bench/run.py --task ram                  five rounds, a markdown table on the screen
    python bench/run.py --task ram --write          the same, put into bench/RESULTS.md
    python bench/run.py --task ram --rows 20000 --rounds 1 --min-seconds 0      a smoke test

A task is a folder bench/compare/<task>; a library is a file in it with two functions:

    setup(data: Data) -> state                  opens or makes what is read once
    epoch(state, number: int) -> iterable       the batches of shuffled pass `number`, each a
                                                mapping {"x": float32 tensor (n, width),
                                                "y": int64 tensor (n,)}

and, where it holds more than memory, close(state); or, for a limit of the device, with one:

    limit(data: Data, seconds: float) -> dict   metrics, measured for about `seconds`

The first line of its docstring is its line in the table. ROWS_SHARE = 0.1 gives it a tenth of the
rows, PASS_ROWS = 2048 says that a pass is that many distinct rows and PASS_SECONDS = 15 ends a
pass of a cold task, for what would take minutes; the report says so. NEEDS = "fio" names a program,
or a tuple several, and PACKAGE = "awkward" a package without which it is left out. MIXED = False
says that batches are no uniform samples of all rows; check_x(data, x, labels) checks features that
are not the stored ones, as Data.check_x does those.

bench/harness/data.py has the rows and the check of an answer, bench/harness/sparse.py those of the
sparse tasks, whose "x" may be CSR, bench/harness/cold.py those of the cold tasks, whose batches
have no "y", and bench/harness/stream.py what libraries of the stream tasks have besides. What is
no Python (bare_gather.cc) is a program that takes --rows, --batch-size, --seed, --min-seconds and
prints rows, passes, seconds and checksum.

How it measures: in every round each library runs once, in order (A B C A B C ...), each time in a
fresh process, so that no library profits or suffers from memory, threads or imports of another,
and so that the luck of a memory layout shows in the spread. Every answer is checked: in a warm-up
pass all features of all rows; in every timed pass that each row came exactly once (that distinct
rows came, where PASS_ROWS is set). A wrong answer ends the run. Ratios are taken within a round,
and their median is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from harness import cache, machine, report
from harness.data import WrongAnswerError, checksum_of, remove_made
from harness.hold import Holder
from harness.library import Measurement, declared, what_is_absent
from harness.measure import Spec
from harness.micro import MICRO
from harness.micro import run as run_micro
from harness.task import Task
from harness.tasks import TASKS

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
DATA = ROOT / "build" / "bench-data"
LEAST_ROUNDS = 5
_DATA_VARIABLE = "HEADRACE_BENCH_DATA"
_TIMEOUT_S = 1800
_QUIET_LOAD = 0.5
# Leaving less than this would end other programs; what a measuring process needs itself.
_LEAST_LEFT = 1 << 30
_OWN_BYTES = 256 << 20


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="bench/run.py",
        description=(__doc__ or "").split("\n\n")[0],
        epilog="tasks: " + " ".join([*TASKS, *MICRO]),
    )
    parser.add_argument(
        "--task",
        action="append",
        choices=[*TASKS, *MICRO],
        metavar="TASK",
        help="may be repeated; all that are not run by name only, if not given",
    )
    parser.add_argument("--library", action="append", help="may be repeated; all if not given")
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS)
    parser.add_argument("--rows", type=int, help="instead of the task's number")
    parser.add_argument("--gb", type=float, help="instead of the task's rows, of the same size")
    parser.add_argument("--files", type=int, help="instead of the task's number")
    parser.add_argument("--min-seconds", type=float, default=1.0, help="timed passes last as long")
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    parser.add_argument("--write", action="store_true", help="put the tables into --results")
    parser.add_argument("--results", type=Path, default=BENCH / "RESULTS.md")
    parser.add_argument("--data", type=Path, default=os.environ.get(_DATA_VARIABLE, DATA),
                        help="where input files are made and kept; default: "
                        f"${_DATA_VARIABLE} or build/bench-data")  # fmt: skip
    parser.add_argument("--clean", action="store_true", help="only remove the files made in --data")
    parser.add_argument("--programs", type=Path, default=ROOT / "build" / "bench" / "bench",
                        help="where the bench preset built the C++ programs")  # fmt: skip
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, found {options.rounds}")
    sizes = options.rows or options.gb or options.files
    reduced = sizes or options.library or options.min_seconds < 1
    if options.write and (reduced or options.rounds < LEAST_ROUNDS):
        parser.error(
            f"--write wants whole tasks and at least {LEAST_ROUNDS} rounds; drop --rows, --gb, "
            "--files, --library, --min-seconds or --write"
        )
    return options


def child_environment() -> dict[str, str]:
    """Returns the environment in which `-m harness.measure` and a relative PYTHONPATH work."""
    inherited = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    paths = [str(BENCH), *(os.path.abspath(path) for path in inherited)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _last_json(command: list[str], library: str) -> dict[str, Any]:
    answer = subprocess.run(
        command, env=child_environment(), capture_output=True, text=True, timeout=_TIMEOUT_S,
        check=False,
    )  # fmt: skip
    if answer.returncode != 0:
        raise RuntimeError(f"{library} failed ({answer.returncode}):\n{answer.stderr[-4000:]}")
    result: dict[str, Any] = json.loads(answer.stdout.strip().splitlines()[-1])
    return result


def measure_python(spec: Spec) -> Measurement:
    """Runs a library's file once in a fresh process."""
    text = json.dumps(asdict(spec))
    return Measurement(**_last_json([sys.executable, "-m", "harness.measure", text], spec.library))


def measure_program(program: Path, options: Sequence[str], task: Task, spec: Spec) -> Measurement:
    """Runs a compiled program once."""
    numbers = {
        "--rows": spec.rows,
        "--seed": spec.seed,
        "--batch-size": task.batch_size,
        "--min-seconds": spec.min_seconds,
    }
    command = [str(program), *options]
    for name, value in numbers.items():
        command += [name, str(value)]
    found = _last_json(command, spec.library)
    rows_per_s = found["rows"] * found["passes"] / found["seconds"]
    metrics = {"rows_per_s": rows_per_s, "us_per_batch": task.batch_size / rows_per_s * 1e6}
    return Measurement(found["rows"], True, found["checksum"], metrics)


def describe(task: Task, library: str) -> str:
    """Returns the line of a library in the table."""
    for name, _, _, what in task.programs:
        if name == library:
            return what
    line, constants = declared(task.folder / f"{library}.py")
    if "ROWS_SHARE" in constants:
        line += f" (on {constants['ROWS_SHARE']:g} of the rows)"
    if "PASS_ROWS" in constants:
        line += f" (passes of {constants['PASS_ROWS']:,} rows of all)"
    if "PASS_SECONDS" in constants:
        line += f" (stopped after {constants['PASS_SECONDS']} s)"
    return line


def check_answers(task: Task, answers: Mapping[str, Measurement]) -> None:
    """Checks the checksums of a round against the definition.

    Raises:
        WrongAnswerError: a library that read all rows has another checksum.
    """
    for library, answer in answers.items():
        if not answer.complete:
            continue
        expected = checksum_of(np.arange(answer.rows, dtype=np.int64))
        if answer.checksum != expected:
            raise WrongAnswerError(
                f"{task.name}/{library}: checksum {answer.checksum} of {answer.rows} rows, "
                f"expected {expected}"
            )


def choose_libraries(task: Task, options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Returns the libraries to run, and those left out since what they need is not there."""
    unknown = [name for name in options.library or [] if name not in task.libraries]
    if unknown:
        raise SystemExit(f"task {task.name} has no {unknown[0]}; it has {list(task.libraries)}")
    chosen = [name for name in task.libraries if not options.library or name in options.library]
    executables = {name: options.programs / file for name, file, _, _ in task.programs}
    missing = []
    for name in chosen:
        if name in executables:
            absent, remedy = not executables[name].exists(), "build it with the bench preset"
        else:
            absent, remedy = what_is_absent(task.folder, name)
        if absent and (options.library or options.write):
            raise SystemExit(f"{task.name}/{name} cannot run; {remedy}")
        if absent:
            missing.append(name)
    return [name for name in chosen if name not in missing], missing


def rows_of(task: Task, options: argparse.Namespace) -> int:
    """Returns how many rows the options ask for."""
    if options.gb:
        return max(1, int(options.gb * 1e9) // task.row_bytes)
    return options.rows or task.rows


def hold_memory(task: Task, rows: int) -> contextlib.AbstractContextManager[Holder | None]:
    """Starts the process that leaves memory for a share of the data, where the task wants one."""
    leave = int(task.free_share * rows * task.row_bytes)
    if leave < _LEAST_LEFT:
        return contextlib.nullcontext()
    return Holder(leave + _OWN_BYTES, child_environment())


def show_progress(task: Task, label: str, answer: Measurement) -> None:
    """Prints what a run gave."""
    found = [
        f"{report.format_value(answer.metrics[metric.name], metric.style)} {metric.heading}"
        for metric in task.metrics
        if metric.name in answer.metrics
    ]
    print(f"{task.name} {label}: {', '.join(found)}", file=sys.stderr, flush=True)


def run_task(task: Task, options: argparse.Namespace) -> tuple[list[report.Row], list[str]]:
    """Runs all rounds of a task and returns the rows of its table and notes."""
    libraries, missing = choose_libraries(task, options)
    programs = {name: (options.programs / file, args) for name, file, args, _ in task.programs}
    rows = rows_of(task, options)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in libraries}
    with hold_memory(task, rows) as holder:
        for number in range(options.rounds):
            answers: dict[str, Measurement] = {}
            for library in libraries:
                spec = Spec(task.name, library, rows, options.files or task.files, number,
                            str(options.data.resolve()), options.min_seconds)  # fmt: skip
                if holder is not None:
                    holder.adjust()
                if library in programs:
                    answers[library] = measure_program(*programs[library], task, spec)
                else:
                    answers[library] = measure_python(spec)
                show_progress(task, f"round {number + 1} {library}", answers[library])
            check_answers(task, answers)
            for library, answer in answers.items():
                rounds[library].append(answer.metrics)
    notes = [
        f"data: {rows:,} rows, batches of {task.batch_size:,}, seed = round. {task.state}",
        f"rounds: {options.rounds}, interleaved; median (least - most); answers checked",
    ]
    if task.kind == "cold":
        notes.append(f"page cache: {cache.how_dropped(rows * task.row_bytes)}")
    if task.free_share and holder is None:
        notes.append("too little data to hold memory for: the page cache had room for all")
    notes += [
        f"left out: `{name}`, since a program or package that it needs is missing"
        for name in missing
    ]
    return [report.Row(name, describe(task, name), rounds[name]) for name in libraries], notes


def main() -> int:
    """Runs the chosen tasks and prints, writes and keeps their tables."""
    options = parse_arguments()
    if options.clean:
        for path in remove_made(options.data):
            print(f"removed {path}")
        return 0
    facts = machine.facts()
    if os.getloadavg()[0] > _QUIET_LOAD:
        print(f"load average {os.getloadavg()[0]:.2f}: other work runs here, figures will suffer",
              file=sys.stderr)  # fmt: skip
    kept: dict[str, Any] = {"facts": facts, "tasks": {}}
    everything = [name for name, task in TASKS.items() if not task.by_name_only]
    for name in options.task or [*everything, *MICRO]:
        if name in MICRO:
            micro = MICRO[name]
            rows = run_micro(options.programs / name, micro.metrics, options.rounds,
                             min(options.min_seconds, 0.2))  # fmt: skip
            title, metrics, reference, figures = micro.title, micro.metrics, "", []
            notes = [micro.state, f"rounds: {options.rounds}, interleaved; median (least - most)"]
        else:
            task = TASKS[name]
            rows, notes = run_task(task, options)
            title, metrics, reference = task.title, task.metrics, task.reference
            figures = [report.figure_line(figure, rows) for figure in task.figures]
        command = "python bench/run.py " + shlex.join(
            ["--task", name, *(["--rounds", str(options.rounds)] if options.rounds != 5 else [])]
            + (["--rows", str(options.rows)] if options.rows else [])
            + (["--gb", str(options.gb)] if options.gb else [])
            + (["--write"] if options.write else [])
        )
        notes.append(f"command: `{command}`")
        text = report.section(title, facts, notes, report.table(rows, metrics, reference), figures)
        print(text, flush=True)
        if options.write:
            report.write_section(options.results, name, text)
        kept["tasks"][name] = {row.library: list(row.rounds) for row in rows}
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
