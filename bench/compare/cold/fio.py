"""The limit of random rows: fio, 4 KiB random reads past the page cache, queue depth 64.

io_uring instead of libaio was no faster here.
"""

from __future__ import annotations

import json
import subprocess

from harness.cold import NumberedRows

NEEDS = "fio"


def limit(data: NumberedRows, seconds: float) -> dict[str, float]:
    files = ":".join(str(path).replace(":", r"\:") for path in data.row_files())
    options = {
        "name": "random", "filename": files, "readonly": None, "rw": "randread", "bs": "4k",
        "direct": 1, "ioengine": "libaio", "iodepth": 64, "time_based": None,
        "runtime": round(seconds), "norandommap": None, "randrepeat": 0,
        "randseed": data.seed + 1, "output-format": "json",
    }  # fmt: skip
    command = [f"--{name}" if value is None else f"--{name}={value}"
               for name, value in options.items()]  # fmt: skip
    answer = subprocess.run(["fio", *command], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise RuntimeError(f"fio failed: {answer.stderr[-2000:]}{answer.stdout[-2000:]}")
    return {"rows_per_s": float(json.loads(answer.stdout)["jobs"][0]["read"]["iops"])}
