"""
The C++ core of headrace. Use the package headrace; this module may change at any time.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy
import numpy.typing


def report_cache(directory: str) -> dict[str, Any]:
    """What lies in a cache of remote shards, and who uses it."""

def clean_cache(directory: str) -> dict[str, int]:
    """Removes from a cache what no process needs now; says what."""

class Units:
    """The units of a shard shuffle: runs of rows."""

    def __init__(self, rows: numpy.typing.NDArray[numpy.uint64]) -> None: ...

    def __len__(self) -> int: ...

    @property
    def rows(self) -> int: ...

    @property
    def digest(self) -> int: ...

class Shuffle:
    """Which row comes when, without seed and epoch."""

    @staticmethod
    def sequential() -> Shuffle: ...

    @staticmethod
    def exact() -> Shuffle: ...

    @staticmethod
    def blocks(block_rows: int, window: int) -> Shuffle: ...

    @staticmethod
    def shards(window: int, lanes: int, units: Units) -> Shuffle: ...

class Order:
    """A bijection from the positions of an epoch to its rows."""

    def __init__(self, rows: int, shuffle: Shuffle, seed: int, epoch: int) -> None: ...

    def take(self, first: int, count: int, stride: int = 1) -> numpy.typing.NDArray[numpy.uint64]: ...

    def unit_entropy(self, batch_size: int, world_size: int = 1) -> float: ...

    def label_entropy(self, labels: numpy.typing.NDArray[numpy.uint32], classes: int, batch_size: int) -> float: ...

class ArrayMemory:
    """What a numpy array is over: its base."""

class DlpackTensor:
    """A column of a batch for any DLPack consumer."""

    def __dlpack__(self, **kwargs: object) -> object: ...

    def __dlpack_device__(self) -> tuple[int, int]: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> str: ...

class Dataset:
    """An immutable table of rows in memory or in files."""

    @staticmethod
    def from_arrays(names: Sequence[str], arrays: Sequence[object]) -> Dataset: ...

    @staticmethod
    def from_raw_files(names: Sequence[str], paths: Sequence[Sequence[str]], dtypes: Sequence[str], row_shapes: Sequence[Sequence[int]], io: str) -> Dataset: ...

    @staticmethod
    def from_npy_files(names: Sequence[str], paths: Sequence[Sequence[str]], io: str) -> Dataset: ...

    @staticmethod
    def from_csr_files(name: str, paths: Sequence[tuple[str, str, str]], width: int, io: str) -> Dataset: ...

    @staticmethod
    def concat(parts: Sequence[Dataset], widths: Sequence[int]) -> Dataset: ...

    @staticmethod
    def zip(parts: Sequence[Dataset]) -> Dataset: ...

    def slice(self, start: int, count: int, step: int) -> Dataset: ...

    def subset(self, indices: numpy.typing.NDArray[numpy.int64]) -> Dataset: ...

    def split(self, totals: Sequence[int], seed: int) -> list[Dataset]: ...

    def split_by_file(self, fractions: Sequence[float], seed: int) -> list[Dataset]: ...

    def windows(self, length: int, stride: int, within: int | None) -> Dataset: ...

    def with_row_ids(self, name: str) -> Dataset: ...

    def select(self, columns: Sequence[int]) -> Dataset: ...

    def rename(self, names: Sequence[str]) -> Dataset: ...

    def cast(self, dtypes: Sequence[str]) -> Dataset: ...

    @property
    def rows(self) -> int: ...

    @property
    def columns(self) -> list[tuple[str, str, tuple[int, ...], str, str, int, bool]]: ...

    @property
    def file_count(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

    def locate(self, row: int) -> tuple[str, int]: ...

    def file_with_index(self, column: int, row: int) -> str:
        """The file with the indices of a row of csr; empty in memory."""

    def check_files(self) -> None: ...

    def fingerprint(self) -> int: ...

    def value_fingerprint(self) -> int | None:
        """
        The fingerprint of the values alone; none where they would have to be downloaded.
        """

    def read(self, rows: numpy.typing.NDArray[numpy.int64]) -> list[Any]: ...

    def read_slice(self, start: int, count: int, step: int, bfloat16_bits: bool = False) -> list[Any]:
        """
        Rows start, start + step, ...; bfloat16, which numpy does not have, as uint16 if asked.
        """

    def with_layout(self, column: int, options: dict[str, Any] | None) -> Dataset: ...

    def stack(self, columns: Sequence[int], name: str) -> Dataset: ...

    @property
    def layouts(self) -> list[dict[str, Any] | None]: ...

    def map_values(self, column: int, function: tuple[Any, ...]) -> Dataset: ...

    def moments(self, column: int, threads: int) -> tuple[list[Any], ...]: ...

    @staticmethod
    def from_arrow_files(paths: Sequence[str], io: str, verify: bool) -> Dataset: ...

    @staticmethod
    def from_safetensors(paths: Sequence[str], io: str) -> Dataset: ...

    @staticmethod
    def from_directory(root: str, version: int, io: str, verify: bool) -> Dataset: ...

    @staticmethod
    def from_whole_files(name: str, paths: Sequence[str]) -> Dataset: ...

    def shard_rows(self) -> tuple[list[str], numpy.typing.NDArray[numpy.uint64]]: ...

    def ask_for(self, bytes: int) -> ComingRows:
        """
        Asks for all rows, at most `bytes` of files, before they are read; of stores they are asked for as long as what it returns is there.
        """

    def shuffle_units(self) -> Units: ...

def merge_moments(first: tuple[list[Any], ...], second: tuple[list[Any], ...]) -> tuple[list[Any], ...]:
    """Moments of the rows of both."""

class ComingRows:
    """Rows of stores that are read next."""

class Directory:
    """The directory of a dataset of shards."""

    def __init__(self, path: str) -> None: ...

    @property
    def path(self) -> str: ...

    @property
    def shards(self) -> str:
        """Where the files of shards lie."""

    def create(self) -> None:
        """Makes the directories, durably; fine where they exist."""

    def newest(self) -> int:
        """The newest version, 0 without any."""

    def read(self, version: int = 0) -> dict[str, Any]:
        """
        What a version says of itself; 0 is the newest. The metadata is JSON text.
        """

    def entries(self, version: int = 0) -> list[dict[str, Any]]:
        """The shards of a version, in row order."""

    def origins(self, version: int = 0) -> numpy.typing.NDArray[numpy.uint64]:
        """The origins of all shards of a version, one after another."""

    def commit(self, entries: list[dict[str, Any]], schema: list[tuple[Any, ...]], metadata: str = '{}', replace_metadata: bool = False, snapshot: bool = False, collection_age: int = 604800, files_here: bool = True) -> int:
        """Adds shards; returns the version that has them."""

    def retain(self, shards: int, rows: int, files_here: bool = True) -> int:
        """
        Drops the oldest shards but so many, and so many rows; returns the version without them.
        """

    def remove_dropped(self, age: int, oldest: int = 1) -> tuple[list[int], list[str]]:
        """
        Removes versions with rows that were dropped, and the files of shards that only they name, where a later version is at least `age` seconds old; returns both's names.
        """

    def bury(self, version: int) -> None:
        """Removes a version; its number is never free again."""

    def unnamed(self, ids: Sequence[str], oldest: int = 1) -> list[str]:
        """
        Those of the ids of shards that no version from `oldest` on names; no other names.
        """

    def collect(self, age: int) -> tuple[int, int]:
        """
        Removes leftovers that are at least `age` seconds old; returns (files, bytes).
        """

class ShardBuilder:
    """Rows that become durable shards."""

    def __init__(self, dataset: str, schema: list[tuple[Any, ...]], shard_bytes: int, body_bytes: int, encoding: str = 'none') -> None: ...

    def write(self, columns: list[tuple[int, numpy.typing.NDArray[Any] | None, numpy.typing.NDArray[Any] | None, numpy.typing.NDArray[Any] | None]]) -> None: ...

    def finish(self) -> list[dict[str, Any]]: ...

    def abort(self) -> None: ...

    @property
    def rows(self) -> int: ...

def discard_shards(dataset: str, ids: Sequence[str]) -> None: ...

def copy_expanded(source: Directory, entry: dict[str, Any], target: Directory) -> dict[str, Any]:
    """
    Copies a committed shard of one directory into another without compression; returns its entry there.
    """

class BatchOrder:
    """Which items each batch of a pass holds."""

    def __init__(self, items: int, *, batch_size: int, shuffle: Shuffle, seed: int, epoch: int, position: int, drop_last: bool, exact: bool, rank: int, world_size: int) -> None: ...

    @property
    def batches(self) -> int: ...

    @property
    def complete(self) -> bool: ...

    def position_after(self, count: int) -> int: ...

    def position(self, number: int) -> int: ...

    def count(self, number: int) -> int: ...

    def items(self, number: int) -> numpy.typing.NDArray[numpy.int64]: ...

def text_rows(offsets: Any, values: Any) -> list[str]:
    """Rows of text as a list of str. Raises UnicodeDecodeError."""

def bytes_rows(offsets: Any, values: Any) -> list[bytes]:
    """Rows of bytes as a list of bytes."""

class Pass:
    """The iterator of one pass over an epoch."""

    def __iter__(self) -> Pass: ...

    def __next__(self) -> Any: ...

    def next_numbered(self) -> tuple[int, Any]: ...

    def wanted(self) -> tuple[int, int] | None: ...

    def prepare(self, room: int) -> None:
        """Lets the first `room` batches be made before the first next()."""

    def close(self) -> None: ...

    @property
    def order(self) -> BatchOrder: ...

    @property
    def epoch(self) -> int: ...

    @property
    def handed_out(self) -> int: ...

    @property
    def position(self) -> int: ...

    @property
    def asked(self) -> bool: ...

    @property
    def done(self) -> bool: ...

    @property
    def live(self) -> bool: ...

class Loader:
    """Makes batches of a dataset in C++ threads."""

    def __init__(self, dataset: Dataset, *, batch_size: int, shuffle: Shuffle, seed: int, drop_last: bool, exact: bool, rank: int, world_size: int, num_threads: int, prefetch: int, output: str, as_tuple: bool, listed: int = 0, local_ranks: int = 1, in_stages: bool = False, presenters: Sequence[Any] = []) -> None: ...

    def start(self, epoch: int, position: int, every: int = 1) -> Pass: ...

    def start_next(self, epoch: int, position: int) -> Pass:
        """A pass for the time after the last one, which goes on."""

    def advance(self) -> None:
        """Makes the pass of start_next() the last one."""

    def use(self, dataset: Dataset) -> None:
        """
        Reads another dataset of the same columns and number of rows from the next pass on.
        """

    def peek(self, epoch: int, position: int) -> Any: ...

    def name(self, run: Pass, rows: numpy.typing.NDArray[numpy.int64]) -> None: ...

    def read(self, rows: numpy.typing.NDArray[numpy.int64]) -> Any: ...

    def order(self, epoch: int, position: int) -> BatchOrder: ...

    def batches(self, position: int) -> int: ...

    def stats(self) -> dict[str, Any]: ...

    def close(self, why: str) -> None:
        """
        Ends the last pass and the one after it; `why` is what their next() raises.
        """

class PluginMap:
    """The results of a transform for many files."""

    def __iter__(self) -> PluginMap: ...

    def __next__(self) -> dict[str, Any]: ...

    def close(self) -> None: ...

class PluginLots:
    """Lots of inputs on their way through threads."""

    def add(self, inputs: Sequence[bytes], positions: Sequence[int], are_files: bool) -> None: ...

    def next(self) -> tuple[int, dict[str, Any] | None, float] | None:
        """
        Inputs, their columns (None for one that failed), seconds; None behind the last.
        """

    def close(self) -> None: ...

class Plugin:
    """A native transform in a shared library."""

    def __init__(self, path: bytes, name: str, options: str) -> None: ...

    @property
    def schema(self) -> list[tuple[str, str, tuple[int, ...], str, str, int, bool]]: ...

    def present(self, shown: Sequence[Any], stored: Sequence[Any]) -> None:
        """
        Functions of (offsets, values, indices), one for each column; None for an array.
        """

    def file(self, path: bytes, seed: int, epoch: int, position: int) -> dict[str, Any]: ...

    def inputs(self, inputs: Sequence[bytes], seed: int, epoch: int, position: int) -> dict[str, Any]: ...

    def map(self, paths: Sequence[bytes], threads: int, places: int, seed: int, epoch: int) -> PluginMap: ...

    def lots(self, threads: int, places: int) -> PluginLots: ...

class FetchJob:
    """A range of a shard that a thread is to download."""

    @property
    def number(self) -> int: ...

    @property
    def key(self) -> str: ...

    @property
    def offset(self) -> int: ...

    @property
    def bytes(self) -> int: ...

    def write(self, offset: int, data: memoryview) -> None: ...

    def close(self) -> None: ...

    def done(self, version: str) -> None: ...

    def write_shard(self, schema: list[tuple[Any, ...]], rows_per_batch: int, batches: list[list[tuple[int, numpy.typing.NDArray[Any] | None, numpy.typing.NDArray[Any] | None, numpy.typing.NDArray[Any] | None]]]) -> bool:
        """
        Writes the rows of a shard that is made, and ends the job; False where there was not enough room for them, and another job comes.
        """

    def fail(self, what: str, code: str, retryable: bool, retry_after: float = 0.0) -> None: ...

def checked_fields(fields: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The columns as they are, if they can be."""

class FetchPort:
    """Where the jobs of a remote dataset are taken."""

    def take(self, timeout: float) -> FetchJob | None: ...

    def close(self) -> None: ...

class RemoteShards:
    """The shards of a dataset in a store."""

    @staticmethod
    def open(directory: Directory, version: int, url: str, cache: str, cache_bytes: int, deadline: float) -> RemoteShards: ...

    @staticmethod
    def make(origin: str, schema: list[tuple[Any, ...]], dataset: str, shards: list[tuple[str, str, int, int, int]], batch_rows: int, seen: tuple[int, int], cache: str, cache_bytes: int) -> RemoteShards:
        """Shards that whoever takes their jobs makes."""

    def count(self, first: int, stop: int, ahead: int) -> list[tuple[int, int]]:
        """Rows and bytes of some shards, which come into the cache for it."""

    @property
    def seen(self) -> tuple[int, int]:
        """
        How large a row, without metadata, and a shard that is made was at most.
        """

    def set_waker(self, waker: Callable[[], None]) -> None: ...

    def port(self) -> FetchPort: ...

    def dataset(self) -> Dataset: ...

class SvmlightReader:
    """Rows of files in svmlight format, one part of them after another."""

    def __init__(self, spans: Sequence[tuple[str, int, int]], *, float32: bool, multilabel: bool, query_id: bool, lowest_index: int, highest_index: int, base: int, guess_base: bool, keep_rows: bool, threads: int, part_bytes: int = 0) -> None: ...

    def next(self) -> dict[str, Any] | None:
        """
        The rows of the next part as arrays by name, without arrays if there is no row in it; None behind the last.
        """

UNICODE_VERSION: str = '14.0.0'

class TextHasher:
    """Text as rows of hashed n-grams."""

    @staticmethod
    def make(*, n_features: int, least: int, most: int, analyzer: str, lowercase: bool, alternate_sign: bool, binary: bool, norm: str, stop_words: Sequence[str], decode_error: str, dtype: str) -> TextHasher: ...

class HashedFiles:
    """Rows of the documents of files, in parts."""

    def __init__(self, hasher: TextHasher, paths: Sequence[str], *, split: str, threads: int) -> None: ...

    def next(self) -> tuple[Any, Any, Any] | None: ...

def hash_texts(hasher: TextHasher, texts: Any, *, expected: int, threads: int) -> tuple[Any, Any, Any]:
    """The indptr, indices and values of str and bytes."""

def hash_rows(hasher: TextHasher, offsets: Any, values: Any, *, threads: int) -> tuple[Any, Any, Any]:
    """The same of rows of bytes, as a text column has them."""

def verify_shard(path: str, schema: list[tuple[Any, ...]] | None = None, rows: int = 0, batch_rows: int = 0, stored_bytes: int = 0, stored_xxh3: int = 0, bytes: int = 0, encoding: str = 'none') -> dict[str, Any]:
    """
    Looks at every byte of a shard, or of another Arrow file. With a schema also at what a manifest says of it.
    """
