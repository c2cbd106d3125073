"""The system's compiler, as far as one shared library out of one source file needs it."""

from __future__ import annotations

import functools
import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace import _core
from headrace.errors import CompileError, MissingDependencyError

# -march=native is left to the user: the cache may be a home directory that machines of different
# kinds share, and rounding would differ between them.
_FLAGS = ("-O3", "-fPIC", "-fvisibility=hidden")


@dataclass(frozen=True)
class Language:
    """What is particular to a language.

    Attributes:
        name: What messages call it.
        variable: The variable of the environment that names a compiler.
        programs: The compilers that are tried, in this order.
        standard: The version of the language, unless `flags` say another.
        preprocessed: The suffix of preprocessed text.
        package: What to install where there is no compiler.
    """

    name: str
    variable: str
    programs: tuple[str, ...]
    standard: str
    preprocessed: str
    package: str


_C = Language("C", "CC", ("cc", "gcc", "clang"), "-std=c11", ".i", "gcc")
_CXX = Language("C++", "CXX", ("c++", "g++", "clang++"), "-std=c++20", ".ii", "g++")
LANGUAGES = {".c": _C, ".cpp": _CXX, ".cc": _CXX, ".cxx": _CXX, ".c++": _CXX, ".C": _CXX}


def include_dir() -> str:
    """Returns the folder of ``headrace/transform.h``, for builds of your own.

    Example:
        >>> import os, headrace as hr
        >>> os.path.exists(os.path.join(hr.native.include_dir(), "headrace", "transform.h"))
        True
    """
    return str(Path(_core.__file__).parent / "include")


class Compiler:
    """A compiler with its flags, run in the folder of the source file.

    So relative paths in flags mean the same wherever the process runs, and messages and
    ``__FILE__`` have the plain name of the file.
    """

    def __init__(self, source: Path, flags: Sequence[str]) -> None:
        """Finds the compiler of a source file; raises MissingDependencyError if there is none."""
        self._source = source
        self._language = LANGUAGES[source.suffix]
        self._command = _command(self._language)
        self._flags = tuple(flags)

    def identity(self) -> tuple[str, ...]:
        """Returns what compiles and how: the same text and identity give the same library."""
        native = any("native" in flag for flag in self._flags)
        version = _output((*self._command, "--version"))
        return (*self._command, version, *self._all_flags(), _cpu() if native else "")

    @property
    def suffix(self) -> str:
        """The suffix of preprocessed text."""
        return self._language.preprocessed

    def preprocess(self, to: Path) -> None:
        """Writes the source file with all that it includes; raises CompileError."""
        self._run("-E", self._source.name, "-o", str(to), *self._flags)

    def link(self, preprocessed: Path, to: Path) -> str:
        """Makes a shared library of preprocessed text; returns what the compiler said.

        Raises:
            CompileError: If the text does not compile.
        """
        # Libraries are named behind what needs them.
        return self._run("-shared", str(preprocessed), "-o", str(to), *self._flags)

    def _all_flags(self) -> tuple[str, ...]:
        return (*_FLAGS, self._language.standard, *self._flags)

    def _run(self, *arguments: str) -> str:
        include = ("-isystem", include_dir())
        command = (*self._command, *_FLAGS, self._language.standard, *include, *arguments)
        done = subprocess.run(
            command,
            cwd=self._source.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            check=False,
        )
        if done.returncode == 0:
            return done.stdout
        how = f"status {done.returncode}" if done.returncode > 0 else f"signal {-done.returncode}"
        raise CompileError(
            f"{self._source} does not compile ({self._command[0]} ended with {how}):\n"
            f"{done.stdout}",
            file=str(self._source),
            output=done.stdout,
            command=shlex.join(command),
        )


def _command(language: Language) -> tuple[str, ...]:
    """Returns the words of the command that compiles."""
    given = shlex.split(os.environ.get(language.variable, ""))
    if given:
        if shutil.which(given[0]) is None:
            raise MissingDependencyError(
                f"{language.variable}={shlex.join(given)!r} names no program; correct the "
                "environment, or unset it"
            )
        return tuple(given)
    for program in language.programs:
        if shutil.which(program) is not None:
            return (program,)
    raise MissingDependencyError(
        f"there is no {language.name} compiler: tried ${language.variable}, "
        f"{', '.join(language.programs)}; install one (Debian: apt-get install "
        f"{language.package}), or load a library that was built elsewhere"
    )


@functools.lru_cache(maxsize=16)
def _output(command: tuple[str, ...]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout


@functools.cache
def _cpu() -> str:
    """Returns what -march=native depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.node()
    wanted = ("model name", "flags", "Features", "CPU part", "isa")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))
