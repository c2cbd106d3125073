"""headrace feeds PyTorch: data of any size, in one deterministic order, at the speed of the memory.

Example:
    >>> import numpy as np, headrace as hr
    >>> ds = hr.from_arrays(x=np.arange(6.0).reshape(3, 2), y=np.array([0, 1, 0]))
    >>> for batch in hr.Loader(ds, batch_size=2, shuffle=True, seed=7, output="numpy"):
    ...     print(batch["x"].shape)
    (2, 2)
    (1, 2)
"""

from headrace import native, text
from headrace.arrays import from_arrays
from headrace.batch_context import BatchContext
from headrace.batch_sampler import BatchSampler
from headrace.column import Column
from headrace.column_statistics import ColumnStatistics, Statistics
from headrace.combine import concat, zip
from headrace.conversion.build import Failure
from headrace.conversion.cached import cache
from headrace.conversion.convert import convert
from headrace.conversion.dry_run import DryRun
from headrace.conversion.progress import ConversionProgress
from headrace.csr import csr
from headrace.dataset import Dataset
from headrace.errors import (
    CancelledError,
    ChangedError,
    CompileError,
    CorruptError,
    HeadraceError,
    InvalidError,
    IoError,
    MissingDependencyError,
    NotFoundError,
    PermissionDeniedError,
    RowIndexError,
    StoreTimeoutError,
    TransformError,
    TruncatedError,
    UnsupportedError,
)
from headrace.expansion import expand
from headrace.files import files
from headrace.follow import Follow
from headrace.items import from_items
from headrace.layouts import Coo, Csr, Dense, Jagged, Padded
from headrace.loaded.from_shards import from_shards
from headrace.loader import Loader
from headrace.memmap import memmap
from headrace.numeric import (
    bucketize,
    clip,
    compose,
    fit,
    hash_categories,
    log1p,
    one_hot,
    standardize,
)
from headrace.opening import open
from headrace.presentation import CooRows, JaggedRows, MaskedRows, PaddedRows, RaggedRows
from headrace.ragged import ragged
from headrace.row_chunks import chunks
from headrace.row_values import SparseRow, SparseRows
from headrace.schema import Field, Schema
from headrace.shuffle import BlockShuffle, ShardShuffle
from headrace.svmlight import iter_svmlight, read_svmlight
from headrace.verification import Damage, Verification, verify
from headrace.windows import windows
from headrace.writer import Writer

__version__ = "0.1.0"

__all__ = [
    "BatchContext",
    "BatchSampler",
    "BlockShuffle",
    "CancelledError",
    "ChangedError",
    "Column",
    "ColumnStatistics",
    "CompileError",
    "ConversionProgress",
    "Coo",
    "CooRows",
    "CorruptError",
    "Csr",
    "Damage",
    "Dataset",
    "Dense",
    "DryRun",
    "Failure",
    "Field",
    "Follow",
    "HeadraceError",
    "InvalidError",
    "IoError",
    "Jagged",
    "JaggedRows",
    "Loader",
    "MaskedRows",
    "MissingDependencyError",
    "NotFoundError",
    "Padded",
    "PaddedRows",
    "PermissionDeniedError",
    "RaggedRows",
    "RowIndexError",
    "Schema",
    "ShardShuffle",
    "SparseRow",
    "SparseRows",
    "Statistics",
    "StoreTimeoutError",
    "TransformError",
    "TruncatedError",
    "UnsupportedError",
    "Verification",
    "Writer",
    "bucketize",
    "cache",
    "chunks",
    "clip",
    "compose",
    "concat",
    "convert",
    "csr",
    "expand",
    "files",
    "fit",
    "from_arrays",
    "from_items",
    "from_shards",
    "hash_categories",
    "iter_svmlight",
    "log1p",
    "memmap",
    "native",
    "one_hot",
    "open",
    "ragged",
    "read_svmlight",
    "standardize",
    "text",
    "verify",
    "windows",
    "zip",
]
