"""A transform in native code, as Python calls it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from headrace import _core, checks
from headrace.errors import InvalidError, UnsupportedError
from headrace.native.library import library_of, load_error
from headrace.native.rows import presenter, storer
from headrace.progress import Progress, reporting
from headrace.schema import Field, Schema

Input = str | bytes | bytearray | memoryview | os.PathLike[str]

_SAMPLED_FILES = 16
_MOST_PLACES = 64
_AHEAD_BYTES = 1 << 28  # of files whose rows wait to be taken


class Recipe(NamedTuple):
    """What a transform was loaded from.

    Attributes:
        path: The source file or the shared library, absolute.
        options: What it is opened with.
        flags: Of the compiler.
    """

    path: str
    options: str
    flags: tuple[str, ...]


class NativeTransform:
    """A function in native code from the bytes of an input to columns; made by `load`.

    It may be called from any number of threads, which run at the same time. It is what
    `from_items` and `convert` take as a function, and is pickled as its path and options.

    Columns come as `convert` and `from_arrays` take them: numpy arrays over the memory that the
    code wrote (of bfloat16 torch tensors); `ragged`; a sparse array of scipy, or of a binary or
    bfloat16 column `csr`; lists of str or of bytes.

    Attributes:
        version: A hash of the code, of the compiler's flags and of the options: what `convert`
            calls it.
        schema: Its columns.
    """

    def __init__(self, recipe: Recipe) -> None:
        """Made by `load`, not by users."""
        library, code = library_of(Path(recipe.path), recipe.flags)
        self._recipe = recipe
        source = Path(recipe.path)
        try:
            core = _core.Plugin(os.fsencode(library), source.name, recipe.options)
        except InvalidError as error:
            raise load_error(error, source, library) from None
        self._core: _core.Plugin | None = core
        self.schema = Schema(Field.from_core(field) for field in self._core.schema)
        fields = list(self.schema.values())
        self._core.present(list(map(presenter, fields)), list(map(storer, fields)))
        text = "\0".join((code, *recipe.flags, recipe.options))
        content = text.encode("utf-8", "surrogateescape")
        self.version = hashlib.blake2b(content, digest_size=8).hexdigest()

    def __call__(
        self, source: Input, *, seed: int = 0, epoch: int = 0, position: int = 0
    ) -> dict[str, Any]:
        """Returns the columns of one input.

        Args:
            source: The path of a file, or bytes.
            seed: This and the following two are handed to the code, which may draw random numbers
                from them.
            epoch: See `seed`.
            position: See `seed`.

        Raises:
            TransformError: If the code reports an error, or gives what is no columns.
            NotFoundError, IoError, InvalidError: If the file cannot be read.
        """
        core, where = self._opened(), _numbers(seed, epoch, position)
        if isinstance(source, str | os.PathLike):
            return core.file(os.fsencode(source), *where)
        return core.inputs([as_bytes(source)], *where)

    def batch(
        self,
        inputs: Sequence[bytes | bytearray | memoryview],
        *,
        seed: int = 0,
        epoch: int = 0,
        position: int = 0,
    ) -> dict[str, Any]:
        """Returns the columns of several inputs, their rows one behind the other.

        In a Loader's ``transform=``, where a column of bytes is a list: rows of one batch by one
        call. Input i is told that its position is ``position + i``.

        Raises:
            TransformError: As a call; names the number of the input.
        """
        where = _numbers(seed, epoch, position)
        return self._opened().inputs([as_bytes(one) for one in inputs], *where)

    def map(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        threads: int | None = None,
        seed: int = 0,
        epoch: int = 0,
        progress: Progress = None,
    ) -> Generator[dict[str, Any], None, None]:
        """Yields the columns of each file, in order: read and transformed in C++ threads.

        The position of a file is its number among the paths. Some results are worked out ahead;
        closing the iterator ends that.

        Args:
            paths: The files. Bytes are contents, as in a call, and refused here: see `batch`.
            threads: How many threads; None is one for each core that the process may use.
            seed: Handed to the code, as for a call.
            epoch: See `seed`.
            progress: As of `from_items`.

        Raises:
            TransformError: In the turn of the first file that fails.
            NotFoundError, IoError, InvalidError: If that file cannot be read.
        """
        number = checks.thread_count(threads)
        if isinstance(paths, str | bytes) or not isinstance(paths, Iterable):
            raise InvalidError(f"paths is a list of paths, not {paths!r}")
        names = [_path(path) for path in paths]
        where = _numbers(seed, epoch)
        core = self._opened().map(names, number, _places(names, number), *where)
        return _results(core, len(names), progress)

    def lots(self, *, threads: int, places: int) -> _core.PluginLots:
        """Returns what makes rows of lots of inputs; see `headrace.native.lots`."""
        return self._opened().lots(threads, places)

    def close(self) -> None:
        """Lets go of the library; later calls are errors. Iterators of `map` stay as they are."""
        self._core = None

    @property
    def __headrace_version__(self) -> str:
        """What headrace.conversion.code_version takes for the code."""
        return self.version

    def __repr__(self) -> str:
        state = "closed" if self._core is None else repr(self.schema).removeprefix("Schema")
        return f"headrace.NativeTransform({Path(self._recipe.path).name}, {state})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._recipe, self.version)

    def _opened(self) -> _core.Plugin:
        core = self._core
        if core is None:
            raise InvalidError(f"{Path(self._recipe.path).name} was closed; load it again")
        return core


def call_for(fn: Callable[..., Any], item: Any, position: int) -> Any:
    """Calls any function with an item; native code is told the number of the item, too."""
    return fn(item, position=position) if isinstance(fn, NativeTransform) else fn(item)


def _reopen(recipe: Recipe, version: str) -> NativeTransform:
    made = NativeTransform(recipe)
    if made.version != version:
        raise InvalidError(
            f"{recipe.path} has changed since the transform was pickled; load it again",
            file=recipe.path,
        )
    return made


def _results(core: _core.PluginMap, count: int, progress: Progress) -> Generator[Any, None, None]:
    with closing(core), reporting(progress, count) as report:
        for number, columns in enumerate(core, start=1):
            yield columns
            report(number)


def _numbers(*numbers: int) -> list[int]:
    names = ("seed", "epoch", "position")
    return [
        checks.check_int(name, number, low=0, high=2**64 - 1)
        for name, number in zip(names, numbers, strict=False)
    ]


def as_bytes(given: object) -> bytes:
    """Returns the bytes of an input that is no path; raises UnsupportedError for what has none."""
    if isinstance(given, bytes):
        return given
    if isinstance(given, bytearray | memoryview):
        return bytes(given)
    raise UnsupportedError(
        f"a native transform takes a path or bytes, not {type(given).__name__}: {given!r:.60}"
    )


def _path(given: object) -> bytes:
    if isinstance(given, str | os.PathLike):
        return os.fsencode(given)
    what = "contents" if isinstance(given, bytes | bytearray | memoryview) else "no path"
    raise InvalidError(
        f"map takes paths of files, str or PathLike, and {given!r:.60} is {what}; of contents "
        "fn(contents) makes rows, and fn.batch(list) those of many; a path of bytes is "
        "os.fsdecode(path)"
    )


def _places(names: list[bytes], threads: int) -> int:
    """Returns how many results there may be at a time: few, where files are large."""
    sizes = [1]
    for name in names[:: max(1, len(names) // _SAMPLED_FILES)]:
        try:
            sizes.append(os.stat(name).st_size)
        except OSError:
            continue  # it is an error in its turn
    return max(threads + 1, min(_MOST_PLACES * threads, _AHEAD_BYTES // max(sizes)))
