"""One run of one library, in a process of its own.

Called by the runner as `python -m harness.measure SPEC`, SPEC being the JSON of `Spec`; the last
line of standard output is the JSON of a `Measurement`. A wrong answer ends it with a traceback.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from harness import process
from harness.cold import ColdRows, measure_cold
from harness.data import Batch, Data, WrongAnswerError, check_labels, drain, drain_checked
from harness.file_maps import measure_file_map
from harness.library import Library, Measurement
from harness.once import measure_items, measure_open, measure_sampler
from harness.task import Task
from harness.tasks import TASKS
from harness.writing import measure_write

# How long the limits of a device are measured.
_LIMIT_SECONDS = 5.0


@dataclass(frozen=True)
class Spec:
    """What to run; see `Task` for the words."""

    task: str
    library: str
    rows: int
    files: int
    seed: int
    root: str
    min_seconds: float


def _throughput(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    if task.files > 1:
        data.write_files()
        data.warm_files()
    complete = library.pass_rows is None
    # One place more than rows are due, so that a row too many is seen and reported.
    labels = np.full(data.rows + 1, -1, np.int64)
    state = library.setup(data)
    rows = drain_checked(library.epoch(state, 0), labels, data, library.check_x)
    checksum = check_labels(labels[:rows], data, complete=complete)
    seconds, batches, delivered, number = 0.0, 0, 0, 0
    while seconds < min_seconds or number == 0:
        number += 1
        start = time.perf_counter()
        rows = drain(library.epoch(state, number), labels)
        seconds += time.perf_counter() - start
        check_labels(labels[:rows], data, complete=complete)
        delivered += rows
        batches += -(-rows // data.batch_size)
    library.close(state)
    metrics = {"rows_per_s": delivered / seconds, "us_per_batch": seconds / batches * 1e6}
    return Measurement(rows, complete, checksum, metrics)


def _first_batch(library: Library, data: Data) -> tuple[Batch, dict[str, float]]:
    process.reset_peak()
    resident, anonymous = process.status_mib("VmRSS"), process.status_mib("RssAnon")
    start = time.perf_counter()
    state = library.setup(data)
    batches = iter(library.epoch(state, 0))
    batch = next(batches)
    seconds = time.perf_counter() - start
    metrics = {
        "seconds": seconds,
        "peak_rss_mib": process.status_mib("VmHWM") - resident,
        "anonymous_mib": process.status_mib("RssAnon") - anonymous,
    }
    if len(batch["x"]) != min(data.batch_size, data.rows):
        raise WrongAnswerError(f"expected {data.batch_size} rows, found {len(batch['x'])}")
    checked = {name: tensor.clone() for name, tensor in batch.items()}
    del batch, batches
    library.close(state)
    return checked, metrics


def _sparse_start(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    data.write_sparse_file()
    batch, metrics = _first_batch(library, data)
    if batch["x"].dtype != torch.uint8 or batch["x"].any():
        raise WrongAnswerError("the rows of a sparse file are zero bytes, found something else")
    return Measurement(data.rows, False, 0, metrics)


def _files_start(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    data.write_files()
    data.warm_files()
    batch, metrics = _first_batch(library, data)
    labels = np.full(data.batch_size, -1, np.int64)
    rows = drain_checked([batch], labels, data)
    return Measurement(data.rows, False, check_labels(labels[:rows], data, complete=False), metrics)


def _steady(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    data.write_files()
    data.warm_files()
    labels = np.full(data.rows + 1, -1, np.int64)
    state = library.setup(data)
    rows = drain_checked(library.epoch(state, 0), labels, data)
    checksum = check_labels(labels[:rows], data, complete=True)
    library.close(state)
    del state
    before = process.Counts.now()
    state = library.setup(data)
    resident: list[float] = []
    batches = 0
    for number in range(task.passes):
        rows = drain(library.epoch(state, number), labels)
        check_labels(labels[:rows], data, complete=True)
        batches += -(-rows // data.batch_size)
        resident.append(process.status_mib("VmRSS"))
    library.close(state)
    del state
    after = process.Counts.now()
    metrics = {
        "growth_mib": resident[-1] - resident[0],
        "first_mib": resident[0],
        "last_mib": resident[-1],
        "batches": float(batches),
        "threads": float(after.threads - before.threads),
        "descriptors": float(after.descriptors - before.descriptors),
        "file_maps": float(after.file_maps - before.file_maps),
    }
    return Measurement(data.rows, True, checksum, metrics)


def _cold(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    assert isinstance(data, ColdRows)
    limit_seconds = _LIMIT_SECONDS if min_seconds >= 1 else 1.0
    return measure_cold(library, data, pass_seconds=task.pass_seconds, limit_seconds=limit_seconds)


def _sampler(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    return measure_sampler(library.module.sampler, data)


def _items(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    return measure_items(library.module.load, data)


def _file_map(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    reference = Library(task.folder / "inlined.py").module
    return measure_file_map(library.module.load, reference.load, data)


def _open(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    return measure_open(library.module.directory(data), library.module.open_rows, data)


def _write(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    return measure_write(library, data)


def _svmlight(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    # By name, as the rows are: it is scipy's.
    measure: Callable[[Library, Data], Measurement]
    measure = importlib.import_module("harness.svmlight").measure_svmlight
    return measure(library, data)


def _text(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    measure: Callable[[Library, Data], Measurement]
    measure = importlib.import_module("harness.text").measure_text
    return measure(library, data)


def _text_shards(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    measure: Callable[[Library, Data], Measurement]
    measure = importlib.import_module("harness.text_shards").measure_text_shards
    return measure(library, data)


def _stream(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    measure: Callable[[Library, Data, Task], Measurement]
    measure = importlib.import_module("harness.stream").measure_stream
    return measure(library, data, task)


def _cache_limit(library: Library, data: Data, task: Task, min_seconds: float) -> Measurement:
    measure: Callable[[Library, Data], Measurement]
    measure = importlib.import_module("harness.cache_limit").measure_cache_limit
    return measure(library, data)


_PROCEDURES: dict[str, Callable[[Library, Data, Task, float], Measurement]] = {
    "throughput": _throughput,
    "sparse_start": _sparse_start,
    "files_start": _files_start,
    "steady": _steady,
    "cold": _cold,
    "sampler": _sampler,
    "items": _items,
    "file_map": _file_map,
    "open": _open,
    "write": _write,
    "svmlight": _svmlight,
    "text": _text,
    "text_shards": _text_shards,
    "stream": _stream,
    "cache_limit": _cache_limit,
}


# By name, for modules that no other task should have in its process: scipy, headrace.
_ROWS = {
    "dense": ("data", "Data"),
    "numbered": ("cold", "NumberedRows"),
    "valued": ("sparse", "ValuedRows"),
    "valued_csr": ("sparse", "ValuedRowsAsCsr"),
    "binary": ("sparse", "BinaryRows"),
    "svmlight": ("svmlight", "SvmlightRows"),
    "text": ("text", "TextRows"),
    "csr_shards": ("sparse_cold", "CsrShards"),
    "stream": ("stream", "StreamRows"),
}


def _rows_of(name: str) -> type[Data]:
    module, kind = _ROWS[name]
    rows: type[Data] = getattr(importlib.import_module(f"harness.{module}"), kind)
    return rows


def measure(spec: Spec) -> Measurement:
    """Runs the library once and returns what it gave.

    Raises:
        WrongAnswerError: the library did not deliver the rows.
    """
    task = TASKS[spec.task]
    library = Library(task.folder / f"{spec.library}.py")
    data = _rows_of(task.data)(
        rows=spec.rows,
        width=task.width,
        batch_size=task.batch_size,
        files=spec.files,
        seed=spec.seed,
        root=Path(spec.root),
    ).reduced(library.rows_share)
    return _PROCEDURES[task.kind](library, data, task, spec.min_seconds)


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Spec(**json.loads(sys.argv[1]))))))
