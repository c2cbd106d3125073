from __future__ import annotations

import inspect
import pickle
import subprocess
from collections.abc import Callable
from importlib import metadata

import pytest

import headrace as hr


def test_every_public_name_exists_and_is_documented() -> None:
    assert sorted(hr.__all__) == hr.__all__
    for name in hr.__all__:
        assert inspect.getdoc(getattr(hr, name)), name


def test_version_is_the_one_of_the_installed_package() -> None:
    try:
        installed = metadata.version("headrace")
    except metadata.PackageNotFoundError:
        pytest.skip("headrace is not installed, only importable")
    assert hr.__version__ == installed


def test_loader_has_at_most_16_parameters() -> None:
    parameters = inspect.signature(hr.Loader).parameters.values()
    named = [x for x in parameters if x.kind is not inspect.Parameter.VAR_KEYWORD]
    assert len(named) <= 16
    assert [x.name for x in named if x.kind is not inspect.Parameter.KEYWORD_ONLY] == ["dataset"]


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (hr.NotFoundError, FileNotFoundError),
        (hr.CorruptError, ValueError),
        (hr.TruncatedError, OSError),
        (hr.InvalidError, ValueError),
        (hr.RowIndexError, IndexError),
        (hr.IoError, OSError),
        (hr.UnsupportedError, ValueError),
        (hr.CancelledError, RuntimeError),
        (hr.TransformError, RuntimeError),
        (hr.CompileError, RuntimeError),
        (hr.MissingDependencyError, ImportError),
    ],
)
def test_errors_are_headrace_errors_and_the_builtin_that_a_user_expects(
    error: type[hr.HeadraceError], builtin: type[Exception]
) -> None:
    raised = error("what was wrong", file="a.bin", column="x", row=3, offset=96)
    assert isinstance(raised, hr.HeadraceError)
    assert isinstance(raised, builtin)
    assert str(raised) == "what was wrong"
    again = pickle.loads(pickle.dumps(raised))
    assert type(again) is error
    assert str(again) == "what was wrong"
    assert (again.file, again.column, again.row, again.offset) == ("a.bin", "x", 3, 96)


def test_import_does_not_import_torch(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = run_script(
        """
        import sys
        import numpy as np
        import headrace as hr
        ds = hr.from_arrays(np.arange(4))
        list(hr.Loader(ds, output="numpy"))
        assert "torch" not in sys.modules
        """
    )
    assert done.returncode == 0, done.stderr
