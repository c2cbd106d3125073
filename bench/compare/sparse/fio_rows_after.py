"""The limit of random rows, measured after: fio reads their pages, queue depth 64.

fio replays a list of reads past the page cache: for each row the pages of its two offsets, of its
indices and of its values. A page that an earlier row had is left out, as if memory had kept it.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from harness.row_reads import random_reads
from harness.sparse_cold import CsrShards

NEEDS = "fio"

_ROWS_PER_SECOND = 60_000  # more than devices of this kind give


def limit(data: CsrShards, seconds: float) -> dict[str, float]:
    reads = random_reads(data, int(_ROWS_PER_SECOND * seconds))
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "reads"
        log.write_text(reads.log)
        options = {
            "name": "rows", "read_iolog": log, "replay_no_stall": 1, "direct": 1,
            "ioengine": "libaio", "iodepth": 64, "runtime": round(seconds),
            "output-format": "json",
        }  # fmt: skip
        command = ["fio", *(f"--{name}={value}" for name, value in options.items())]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise RuntimeError(f"fio failed: {answer.stderr[-2000:]}{answer.stdout[-2000:]}")
    found = json.loads(answer.stdout)["jobs"][0]["read"]
    share = found["total_ios"] / reads.count
    return {"rows_per_s": reads.rows * share / (found["runtime"] / 1e3)}
