"""Processes that a test starts, and that end with it however it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any


@contextlib.contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Runs a command in a session of its own, its output in a pipe; kills what is left of it.

    Its children, too: one that hangs would keep whoever reads the output to its end.

    Args:
        command: Which.
        options: As of `subprocess.Popen`.
    """
    settings: dict[str, Any] = {"stdout": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen(command, **(settings | options)) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
