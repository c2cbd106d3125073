"""A user's function that changes whole batches: how it is called, and what it may return."""

from __future__ import annotations

import inspect
import pickle
import sys
import time
import types
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from headrace import checks
from headrace.batch_context import BatchContext
from headrace.errors import InvalidError, TransformError, UnsupportedError

TransformFunction = Callable[..., Any]

_SHOWN_ROWS = 3
_BY_VALUE = {"cloudpickle", "dill"}


class Transform:
    """A function of batches, called as it wants to be, with its result checked.

    Calling it raises TransformError for every Exception of the function, so that a StopIteration
    does not end the pass. KeyboardInterrupt and SystemExit go through.
    """

    def __init__(self, function: object) -> None:
        if not callable(function):
            raise InvalidError(
                f"transform={function!r}: a transform is a function of a batch, fn(batch) or "
                "fn(batch, context)"
            )
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise InvalidError(
                f"transform={function!r} is a coroutine or a generator function; a transform "
                "returns the batch"
            )
        self.function: TransformFunction = function
        self._call = _caller(function)

    def __call__(self, batch: Any, context: BatchContext) -> Any:
        """Returns the transformed batch; raises TransformError if it is none."""
        try:
            result = self._call(self.function, batch, context)
        except Exception as error:
            raise self._error(f"failed: {type(error).__name__}: {error}", context) from error
        problem = _problem(result, context.count)
        if problem:
            raise self._error(problem, context)
        return result

    def timed(self, batch: Any, context: BatchContext) -> tuple[Any, float]:
        """Returns the result and the seconds that it took."""
        start = time.perf_counter()
        result = self(batch, context)
        return result, time.perf_counter() - start

    @property
    def name(self) -> str:
        """What messages call the function."""
        return function_name(self.function)

    def _error(self, problem: str, context: BatchContext) -> TransformError:
        first = context.rows[:_SHOWN_ROWS].tolist()
        rows = ", ".join(map(str, first)) + (", ..." if context.count > len(first) else "")
        return TransformError(
            f"the transform {self.name} {problem}; at epoch {context.epoch}, batch {context.batch} "
            f"of the pass, position {context.position}, rows {rows}",
            row=first[0],
            epoch=context.epoch,
            batch=context.batch,
            position=context.position,
        )


def function_name(function: Any) -> str:
    """Returns what messages call a function or another callable."""
    if isinstance(function, types.BuiltinFunctionType):
        return function.__name__  # the longer name of one of pybind11 says how it keeps it
    name: str = getattr(function, "__qualname__", type(function).__qualname__)
    return name


def check_threads(threads: object, transform: object) -> int:
    """Returns the number of threads that a transform runs in, 0 for the thread that takes batches.

    Raises:
        InvalidError: If it is no number of threads, or there is no transform to run in them.
    """
    if threads is None:
        return 0
    if transform is None:
        raise InvalidError(f"transform_threads={threads!r} is given without transform=")
    hint = "None runs the transform in the thread that takes the batches"
    return checks.check_int("transform_threads", threads, low=1, high=checks.MAX_THREADS, hint=hint)


def check_picklable(name: str, function: object) -> None:
    """Raises UnsupportedError for a function that pickle cannot find by its name."""
    if not inspect.isfunction(function) or _pickled_by_value():
        return
    try:
        pickle.dumps(function)
    except (pickle.PicklingError, AttributeError) as error:
        raise UnsupportedError(
            f"{name}={function!r} cannot be pickled ({error}); define the function at the top of a "
            "module, not as a lambda or inside another function"
        ) from error


def _pickled_by_value() -> bool:
    """Whether this is called, however indirectly, by a library that pickles any function."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _BY_VALUE:
            return True
        frame = frame.f_back
    return False


def _caller(function: TransformFunction) -> Callable[[TransformFunction, Any, BatchContext], Any]:
    """Returns how to call `function`, decided by its signature.

    A parameter named `context` gets the context; so does a second one that has no default.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions have none
        return _without_context
    context = signature.parameters.get("context")
    if context is not None and context.kind in (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    ):
        if _takes(signature, 1, context=None):
            return _with_keyword
    elif _takes(signature, 1):
        return _without_context
    elif _takes(signature, 2):
        return _with_context
    raise InvalidError(
        f"transform={function!r} takes {signature}; it is called as fn(batch) or "
        "fn(batch, context), so give other parameters defaults"
    )


def _takes(signature: inspect.Signature, positional: int, **keywords: object) -> bool:
    try:
        signature.bind(*range(positional), **keywords)
    except TypeError:
        return False
    return True


def _without_context(function: TransformFunction, batch: Any, _context: BatchContext) -> Any:
    return function(batch)


def _with_context(function: TransformFunction, batch: Any, context: BatchContext) -> Any:
    return function(batch, context)


def _with_keyword(function: TransformFunction, batch: Any, context: BatchContext) -> Any:
    return function(batch, context=context)


def _problem(result: Any, rows: int) -> str:
    """Returns what is wrong with a result that must have `rows` rows, or ""."""
    if result is None:
        return "returned None; did it forget to return the batch?"
    return _problem_at("", result, rows)


def _problem_at(where: str, value: Any, rows: int) -> str:
    # Only what a batch is made of is looked into; other objects are the user's own business.
    kind = type(value)
    if isinstance(value, Mapping):
        parts = [(f"{where}[{key!r}]", part) for key, part in value.items()]
    elif kind is tuple or (kind is list and _is_collection_of_columns(value, rows)):
        parts = [(f"{where}[{index}]", part) for index, part in enumerate(value)]
    elif kind is list:
        return _problem_of_list(where, value, rows)
    else:
        shape = getattr(value, "shape", None)
        found = shape[0] if isinstance(shape, tuple) and len(shape) > 0 else rows
        return "" if found == rows else _other_rows(where, found, rows)
    for place, part in parts:
        problem = _problem_at(place, part, rows)
        if problem:
            return problem
    return ""


def _is_collection_of_columns(values: list[Any], rows: int) -> bool:
    return bool(values) and all(_leading(value) == rows for value in values)


def _problem_of_list(where: str, values: list[Any], rows: int) -> str:
    """Returns what is wrong with a list, which has one element for each row."""
    shapes = {_shape(value) for value in values}
    if len(shapes) > 1:
        found = " and ".join(map(str, sorted(shapes, key=str)[:2]))
        return (
            f"returned a ragged list{_at(where)}: its elements have shapes {found}; pad them to "
            "one array, or wrap the list in an object of your own, which is not looked into"
        )
    return "" if len(values) == rows else _other_rows(where, len(values), rows)


def _shape(value: Any) -> tuple[int, ...]:
    if isinstance(value, list):
        return (len(value),)
    return tuple(getattr(value, "shape", None) or ())


def _leading(value: Any) -> int | None:
    shape = getattr(value, "shape", None)
    return int(shape[0]) if isinstance(shape, tuple) and len(shape) > 0 else None


def _other_rows(where: str, found: int, rows: int) -> str:
    return f"returned {found} rows{_at(where)} for a batch of {rows}; every column keeps its rows"


def _at(where: str) -> str:
    return f" in result{where}" if where else ""
