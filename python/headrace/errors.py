"""Every error that headrace raises, in Python or in the C++ core.

A message says what was wrong, what was found and what to do. Where the fact is about a file, a
column, a row or a byte, the exception also carries it as an attribute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypedDict, TypeVar

from headrace import causes
from headrace.advice import Advice

if TYPE_CHECKING:
    from typing_extensions import Unpack  # of typing itself from Python 3.11 on

_Self = TypeVar("_Self", bound="HeadraceError")


class _Facts(TypedDict, total=False):
    """The keywords of every error."""

    advice: Advice | None
    file: str
    column: str
    row: int | None
    offset: int | None


class HeadraceError(Exception):
    """Base of all headrace errors.

    Attributes:
        code: The kind of error as one word, for example ``"not_found"``.
        file: The file it is about, or ``""``.
        column: The column it is about, or ``""``.
        row: The row it is about, or None.
        offset: The byte offset in the file, or None.

    Example:
        >>> import headrace as hr
        >>> try:
        ...     hr.open("no-such-file.npy")
        ... except hr.HeadraceError as error:
        ...     print(error.code, error.file)
        not_found no-such-file.npy
    """

    code: ClassVar[str] = "error"

    def __init__(
        self,
        message: str = "",
        *,
        advice: Advice | None = None,
        file: str = "",
        column: str = "",
        row: int | None = None,
        offset: int | None = None,
    ) -> None:
        """Says `message`, and `advice` where that names arguments, a shell's options."""
        in_shell = message
        if advice is not None:
            message, in_shell = (f"{message}; {part}" for part in advice)
        super().__init__(message)
        self._in_shell = in_shell
        self.file = file
        self.column = column
        self.row = row
        self.offset = offset

    def for_shell(self) -> str:
        """Returns the message with options of the command line in the place of arguments."""
        return self._in_shell

    def about(self: _Self, what: str) -> _Self:
        """Returns the same error with what it is about before its message."""
        error = type(self)(f"{what}: {self}")
        error.__dict__.update(self.__dict__)
        error._in_shell = f"{what}: {self._in_shell}"
        return error

    def at(self: _Self, path: str, url: str) -> _Self:
        """Returns the same error about what `url` is, where it names `path`, a copy of that."""
        error = type(self)(str(self).replace(path, url))
        error.__dict__.update(self.__dict__)
        error._in_shell = self._in_shell.replace(path, url)
        error.file = self.file.replace(path, url)
        return error

    def not_of_a_column(self: _Self, what: str) -> _Self:
        """Returns the same error about `what`, which was checked as a column is, but is none."""
        error = type(self)(str(self).replace(f"column {self.column!r}", what, 1))
        error.__dict__.update(self.__dict__)
        error._in_shell = self._in_shell.replace(f"column {self.column!r}", what, 1)
        error.column = ""
        return error


class NotFoundError(HeadraceError, FileNotFoundError):
    """A file does not exist, or a glob matches nothing."""

    code = "not_found"


class CorruptError(HeadraceError, ValueError):
    """A file's bytes contradict its format."""

    code = "corrupt"


class TruncatedError(HeadraceError, OSError):
    """A file is shorter than it was when it was opened, or than it declares."""

    code = "truncated"


class InvalidError(HeadraceError, ValueError):
    """An argument, a file list or a state that cannot be right."""

    code = "invalid"


class RowIndexError(InvalidError, IndexError):
    """A row index outside the dataset."""

    code = "index"


class IoError(HeadraceError, OSError):
    """The operating system failed to read a file."""

    code = "io"


class StoreTimeoutError(IoError, TimeoutError):
    """An object store did not answer in time."""

    code = "timeout"


class ChangedError(IoError):
    """An object of a store is no longer the one that was first looked at."""

    code = "changed"


class PermissionDeniedError(HeadraceError, PermissionError):
    """An object store refused the credentials, or there were none."""

    code = "permission_denied"


class UnsupportedError(HeadraceError, ValueError):
    """Valid input of a kind that headrace does not read, or not yet."""

    code = "unsupported"


class CancelledError(HeadraceError, RuntimeError):
    """The iterator was closed, or a newer one took its place."""

    code = "cancelled"


class TransformError(HeadraceError, RuntimeError):
    """A function, or a batch_sampler, of the user's raised the `__cause__`, or returned no batch.

    Attributes:
        epoch: The epoch of the batch, or None.
        batch: The number of the batch in its pass, or None.
        position: The position of its first row in the epoch's order, or None.
    """

    code = "transform"

    def __init__(
        self,
        message: str = "",
        *,
        epoch: int | None = None,
        batch: int | None = None,
        position: int | None = None,
        **facts: Unpack[_Facts],
    ) -> None:
        super().__init__(message, **facts)
        self.epoch = epoch
        self.batch = batch
        self.position = position


class CompileError(HeadraceError, RuntimeError):
    """The source of a native transform does not compile.

    Attributes:
        output: What the compiler printed.
        command: How it was called.
    """

    code = "compile"

    def __init__(
        self,
        message: str = "",
        *,
        output: str = "",
        command: str = "",
        **facts: Unpack[_Facts],
    ) -> None:
        super().__init__(message, **facts)
        self.output = output
        self.command = command


class MissingDependencyError(HeadraceError, ImportError):
    """An optional package that this call needs is not installed."""

    code = "missing_dependency"


_BY_CODE: dict[str, type[HeadraceError]] = {
    error.code: error
    for error in (
        NotFoundError,
        CorruptError,
        TruncatedError,
        InvalidError,
        RowIndexError,
        IoError,
        UnsupportedError,
        CancelledError,
        TransformError,
        PermissionDeniedError,
        StoreTimeoutError,
        ChangedError,
    )
}


def from_core(
    code: str, message: str, file: str, column: str, row: int | None, offset: int | None
) -> HeadraceError:
    """Returns the exception for an error of the C++ core; the core raises what this returns."""
    kind = _BY_CODE.get(code, HeadraceError)
    error = kind(message, file=file, column=column, row=row, offset=offset)
    if kind is TransformError:
        error.__cause__ = causes.find(file, message)
    return error
