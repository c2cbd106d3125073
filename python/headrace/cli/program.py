"""The ``headrace`` program: its commands, and how their errors reach a shell.

Exit codes: 0 all is well; 1 a command failed, or `verify` found damage; 2 wrong usage; 130 Ctrl-C;
141 whoever read the output has gone.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import headrace
from headrace.cli import (
    cache_command,
    convert_command,
    expand_command,
    head_command,
    inspect_command,
    verify_command,
)
from headrace.cli.console import printable
from headrace.errors import HeadraceError

_COMMANDS = (
    convert_command,
    inspect_command,
    verify_command,
    head_command,
    expand_command,
    cache_command,
)

FAILED = 1
INTERRUPTED = 130  # as shells say it of SIGINT and SIGPIPE
NO_READER = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    options = make_parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        # Errors of the last lines show here, not when the interpreter ends.
        sys.stdout.flush()
    except BrokenPipeError:
        # As in `headrace head x | true`. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    except KeyboardInterrupt:
        print(f"headrace {options.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (HeadraceError, OSError) as error:
        said = error.for_shell() if isinstance(error, HeadraceError) else str(error)
        print(f"headrace {options.command}: {printable(said)}", file=sys.stderr)
        return FAILED
    return code


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="headrace",
        description="Looks at datasets, checks them, and makes them of other files.",
    )
    parser.add_argument("--version", action="version", version=f"headrace {headrace.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for command in _COMMANDS:
        command.add_to(commands)
    return parser
