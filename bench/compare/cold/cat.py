"""The limit of a whole pass: cat FILES > /dev/null."""

from __future__ import annotations

import subprocess
import time

from harness.cold import NumberedRows


def limit(data: NumberedRows, seconds: float) -> dict[str, float]:
    command = ["cat", *map(str, data.row_files())]
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    whole = time.perf_counter() - start
    return {"seconds": whole, "rows_per_s": data.rows / whole}
