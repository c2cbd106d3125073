"""A file of bench/compare, loaded, and what a run of it gave."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data import Batch, Data


@dataclass(frozen=True)
class Measurement:
    """What a run gave: rows per pass, checksum of the first pass, and its metrics."""

    rows: int
    complete: bool
    checksum: int
    metrics: dict[str, float] = field(default_factory=dict)


class Library:
    """A file of bench/compare/<task>: its functions, and what it declares about itself."""

    def __init__(self, path: Path) -> None:
        module = _load(path)
        self.module = module
        self.limit: Callable[[Data, float], dict[str, float]] | None
        self.limit = getattr(module, "limit", None)
        if hasattr(module, "epoch"):
            self.setup: Callable[[Data], Any] = module.setup
            self.epoch: Callable[[Any, int], Iterable[Batch]] = module.epoch
        self.close: Callable[[Any], None] = getattr(module, "close", lambda state: None)
        self.check_x: Callable[[Data, Any, NDArray[np.int64]], None] | None
        self.check_x = getattr(module, "check_x", None)
        self.rows_share: float = getattr(module, "ROWS_SHARE", 1.0)
        self.pass_rows: int | None = getattr(module, "PASS_ROWS", None)
        self.pass_seconds: float = getattr(module, "PASS_SECONDS", 0.0)
        self.mixed: bool = getattr(module, "MIXED", True)


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"compare_{path.parent.name}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


_DECLARED = ("ROWS_SHARE", "PASS_ROWS", "PASS_SECONDS", "NEEDS", "PACKAGE")


def declared(path: Path) -> tuple[str, dict[str, Any]]:
    """Returns the first docstring line and the constants of a library, without importing it."""
    tree = ast.parse(path.read_text())
    line = (ast.get_docstring(tree) or "").split("\n")[0].rstrip(".")
    constants = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in _DECLARED
    }
    return line, constants


def what_is_absent(folder: Path, library: str) -> tuple[bool, str]:
    """Returns whether a program or package that the library needs is absent, and what to do."""
    constants = declared(folder / f"{library}.py")[1]
    programs, package = constants.get("NEEDS", ()), constants.get("PACKAGE")
    for program in (programs,) if isinstance(programs, str) else programs:
        if shutil.which(program) is None:
            return True, f"it needs the program {program}; install that"
    if package is not None and importlib.util.find_spec(package) is None:
        return True, f"it needs the package {package}; run it by make bench, which installs that"
    return False, ""
