"""Packages that headrace can do without, imported when they are first needed."""

from __future__ import annotations

import importlib
from typing import Any

from headrace.errors import MissingDependencyError

# Packages that pip knows by another name than import does.
_PIP_NAMES = {"sklearn": "scikit-learn"}


def require(module: str, *, to: str) -> Any:
    """Imports `module`, or says which package to install to do what was asked.

    Raises:
        MissingDependencyError: If it cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        package = _PIP_NAMES.get(package, package)
        raise MissingDependencyError(
            f"to {to}, headrace needs {package}, which cannot be imported ({error}); install it "
            f'with "pip install {package}"'
        ) from error
