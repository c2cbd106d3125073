"""The rows that every library reads, and the check that it delivered them.

Row r has the label r (int64) and `width` float32 features, each an exact 24-bit integer computed
from r and the column. So a delivered row proves itself: its label says which features it must
have, and the labels of a pass say whether each row came exactly once. The checksum of a pass is
the sum of splitmix64(label) modulo 2^64, whatever the order.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Batch = Mapping[str, torch.Tensor]
"""What an epoch delivers: {"x": features of shape (n, width), "y": labels of shape (n,)}."""

_CHUNK_ROWS = 65_536
_MADE = ("rows-*x*-files-*", "numbered-*x*-files-*", "sparse-*.memmap", "shards-*", "csr-*",
         "text-*", "texts-*", "streams-*", "unfinished-*")  # fmt: skip
_MIN_BATCHES_FOR_MIXING = 100


class WrongAnswerError(AssertionError):
    """A library delivered something else than each row once."""


def features_of(labels: NDArray[np.int64], width: int) -> NDArray[np.float32]:
    """Returns the features, of shape (len(labels), width), of the rows with these labels."""
    first = labels.astype(np.uint32) * np.uint32(width)
    position = first[:, None] + np.arange(width, dtype=np.uint32)
    position *= np.uint32(2654435761)
    position >>= np.uint32(8)
    return position.astype(np.float32)


def splitmix64(numbers: NDArray[Any]) -> NDArray[np.uint64]:
    """Returns 64 well mixed bits for each number."""
    with np.errstate(over="ignore"):
        value = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return value ^ (value >> np.uint64(31))


def checksum_of(labels: NDArray[np.int64]) -> int:
    """Returns the sum of splitmix64(label) modulo 2^64."""
    return int(splitmix64(labels).sum(dtype=np.uint64))


@dataclass(frozen=True)
class Data:
    """The rows of one run, as arrays or as files, and the batches asked for."""

    rows: int
    width: int
    batch_size: int
    files: int
    seed: int
    root: Path

    def arrays(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Returns features and labels in memory of numpy's own (huge pages as numpy asks)."""
        x = np.empty((self.rows, self.width), np.float32)
        y = np.arange(self.rows, dtype=np.int64)
        for start in range(0, self.rows, _CHUNK_ROWS):
            chunk = slice(start, start + _CHUNK_ROWS)
            x[chunk] = features_of(y[chunk], self.width)
        return x, y

    @property
    def directory(self) -> Path:
        """Where the files of this shape are; made by `write_files`."""
        return self.root / f"rows-{self.rows}x{self.width}-files-{self.files}"

    def paths(self) -> tuple[list[Path], list[Path]]:
        """Returns the feature files and the label files, in order, paired by position."""
        names = [f"{number:06d}.memmap" for number in range(self.files)]
        return (
            [self.directory / "x" / name for name in names],
            [self.directory / "y" / name for name in names],
        )

    def file_rows(self) -> list[int]:
        """Returns how many rows each file has; they differ by at most one."""
        ends = [self.rows * (number + 1) // self.files for number in range(self.files)]
        return [end - start for start, end in zip([0, *ends], ends, strict=False)]

    def reduced(self, share: float) -> Data:
        """Returns the first rows, so large a share of all, in as many files."""
        return replace(self, rows=max(1, int(self.rows * share)))

    def write_files(self) -> None:
        """Writes the raw files, once: the directory appears complete or not at all."""
        write_once(self.directory, self._write_into)

    def _write_into(self, folder: Path) -> None:
        (folder / "x").mkdir()
        (folder / "y").mkdir()
        start = 0
        for x_path, y_path, rows in zip(*self.paths(), self.file_rows(), strict=True):
            y = np.arange(start, start + rows, dtype=np.int64)
            with open(folder / "x" / x_path.name, "wb") as x_file:
                for part in range(0, rows, _CHUNK_ROWS):
                    features_of(y[part : part + _CHUNK_ROWS], self.width).tofile(x_file)
            y.tofile(folder / "y" / y_path.name)
            start += rows

    def warm_files(self) -> None:
        """Reads every file once, so that the page cache holds it."""
        for path in (*self.paths()[0], *self.paths()[1]):
            read_through(path)

    def check_x(self, x: Any, labels: NDArray[np.int64]) -> None:
        """Checks kind, shape and every feature of the rows with these labels.

        Raises:
            WrongAnswerError: something else was delivered.
        """
        check_dense(x, len(labels), self.width)
        if not np.array_equal(x.numpy(), features_of(labels, self.width)):
            raise WrongAnswerError("wrong features in a batch")

    def sparse_file(self) -> Path:
        """Returns a file of `rows` zero bytes that takes no room on the disk."""
        return self.root / f"sparse-{self.rows}.memmap"

    def write_sparse_file(self) -> None:
        """Makes the sparse file and reads it once, so that the page cache holds it."""
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.sparse_file(), "ab") as file:
            os.truncate(file.fileno(), self.rows)
        read_through(self.sparse_file())


def write_once(directory: Path, write: Callable[[Path], None]) -> None:
    """Makes the directory by `write(folder)`, unless it exists: complete or not at all."""
    if directory.exists():
        return
    directory.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=directory.parent))
    write(unfinished)
    try:
        unfinished.rename(directory)
    except OSError:  # another runner was first
        shutil.rmtree(unfinished)
        if not directory.exists():
            raise


def remove_made(root: Path) -> list[Path]:
    """Removes from `root` what benchmarks made there, and nothing else; returns the paths."""
    made = [path for pattern in _MADE for path in sorted(root.glob(pattern))]
    for path in made:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return made


def read_through(path: Path) -> None:
    """Reads a file, so that the page cache holds it."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 22):
            pass


def check_dense(x: Any, rows: int, width: int) -> None:
    """Checks that x is a float32 tensor of this shape.

    Raises:
        WrongAnswerError: it is something else.
    """
    if type(x) is not torch.Tensor or x.layout != torch.strided or x.dtype != torch.float32:
        raise WrongAnswerError(f"a batch must hold dense float32 tensors, found {type(x)}")
    if x.shape != (rows, width):
        raise WrongAnswerError(f"expected shape {(rows, width)}, found {tuple(x.shape)}")


def drain(batches: Iterable[Batch], labels: NDArray[np.int64]) -> int:
    """Copies the labels of all batches into `labels` and returns their number.

    This is the whole consumer of a timed pass, the same for every library: under a microsecond
    per batch, so that each pass can be checked afterwards.
    """
    end = 0
    for batch in batches:
        y = batch["y"].numpy()
        start, end = end, end + len(y)
        labels[start:end] = y
    return end


def drain_checked(
    batches: Iterable[Batch],
    labels: NDArray[np.int64],
    data: Data,
    check_x: Callable[[Data, Any, NDArray[np.int64]], None] | None = None,
) -> int:
    """Does what `drain` does and checks kind, shape and every feature of every batch.

    Args:
        batches: what an epoch delivers.
        labels: where the labels go.
        data: what was to be read.
        check_x: in place of `data.check_x`, for features that are no longer what is stored.

    Raises:
        WrongAnswerError: a batch is not what `Batch` says, or a feature is wrong.
    """
    end = 0
    for batch in batches:
        y = batch["y"]
        if type(y) is not torch.Tensor or y.dtype != torch.int64 or y.ndim != 1:
            raise WrongAnswerError(f"labels must be a vector of torch.int64, found {y!r}")
        if not 1 <= len(y) <= data.batch_size:
            raise WrongAnswerError(f"found a batch of {len(y)} rows")
        values = y.numpy()
        if check_x is None:
            data.check_x(batch["x"], values)
        else:
            check_x(data, batch["x"], values)
        start, end = end, end + len(values)
        labels[start:end] = values
    return end


def check_labels(
    labels: NDArray[np.int64], data: Data, *, complete: bool, mixed: bool = True
) -> int:
    """Checks that each row came once, in batches that mix the data, and returns the checksum.

    Args:
        labels: the labels of one pass, in the order of delivery.
        data: what was to be read.
        complete: whether all rows were due, or only distinct ones.
        mixed: whether each batch should be a uniform sample of all rows.

    Raises:
        WrongAnswerError: a row is missing, repeated or unknown, or batches are no random samples.
    """
    if complete and len(labels) != data.rows:
        raise WrongAnswerError(f"expected {data.rows} rows, found {len(labels)}")
    if len(labels) and (labels.min() < 0 or labels.max() >= data.rows):
        raise WrongAnswerError(f"found labels from {labels.min()} to {labels.max()}")
    most = int(np.bincount(labels, minlength=data.rows).max())
    if most != 1:
        raise WrongAnswerError(f"a row came {most} times")
    if mixed:
        _check_mixing(labels, data)
    return checksum_of(labels)


def _check_mixing(labels: NDArray[np.int64], data: Data) -> None:
    """Compares the spread of the batches' mean labels with that of uniform samples.

    Sequential or block-wise order gives about sqrt(batch_size) times as much.
    """
    batches = len(labels) // data.batch_size
    if batches < _MIN_BATCHES_FOR_MIXING:
        return
    means = labels[: batches * data.batch_size].reshape(batches, data.batch_size).mean(axis=1)
    found = float(means.std())
    expected = data.rows / math.sqrt(12 * data.batch_size)
    if not 0.5 * expected < found < 1.5 * expected:
        raise WrongAnswerError(
            f"batches are not uniform samples: their mean labels spread by {found:.0f}, "
            f"uniform samples by {expected:.0f}"
        )


def memory_map(path: Path, dtype: Any, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Opens a raw file read-only, as the rivals written by hand do."""
    return np.memmap(path, dtype=dtype, mode="r", shape=shape)
