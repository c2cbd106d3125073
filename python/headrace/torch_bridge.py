"""The one module that knows torch, which headrace never needs and never imports unasked."""

from __future__ import annotations

import importlib
import sys
import warnings
from types import FrameType
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from headrace.errors import InvalidError, MissingDependencyError, UnsupportedError
from headrace.optional_packages import require


def require_torch() -> None:
    """Imports torch, or says how to go on without it."""
    try:
        importlib.import_module("torch")
    except ImportError as error:
        raise MissingDependencyError(
            'output="torch" needs torch, which cannot be imported '
            f'({error}); install it with "pip install torch", or pass output="numpy"'
        ) from error


def require_for(what: str) -> None:
    """Imports torch to do `what`; raises MissingDependencyError if it is not installed."""
    require("torch", to=what)


def is_loaded() -> bool:
    """Whether the program has imported torch's DataLoader."""
    return "torch.utils.data" in sys.modules


def is_tensor(value: object) -> TypeGuard[Any]:
    """Whether `value` is a torch tensor. Only a program that has imported torch can own one."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_dtype(value: object) -> bool:
    """Whether `value` is a torch dtype."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.dtype)


def stack(tensors: list[Any]) -> Any:
    """Returns one tensor with a row per tensor; they must have equal shapes."""
    return sys.modules["torch"].stack(tensors)


def join(tensors: list[Any]) -> Any:
    """Returns the rows of all tensors, one after another, in one; they are on the CPU."""
    return sys.modules["torch"].cat([to_cpu_strided(t, column="ragged") for t in tensors])


def to_cpu_strided(tensor: Any, *, column: str) -> Any:
    """Returns `tensor` detached, sharing its memory; refuses what is no plain CPU memory."""
    if tensor.is_nested:
        raise UnsupportedError(
            f"column {column!r}: the tensor is nested; pad it with .to_padded_tensor(0)",
            column=column,
        )
    layout = str(tensor.layout).removeprefix("torch.")
    if layout != "strided":
        raise UnsupportedError(
            f"column {column!r}: the tensor's layout is {layout}; headrace takes dense tensors: "
            "pass tensor.to_dense()",
            column=column,
        )
    if tensor.device.type != "cpu":
        raise UnsupportedError(
            f"column {column!r}: the tensor is on {tensor.device}; headrace reads CPU memory: "
            "pass tensor.cpu()",
            column=column,
        )
    return tensor.detach()


def to_numpy(tensor: Any) -> Any:
    """Returns a numpy array over the memory of `tensor`; the tensor itself if it is bfloat16."""
    return tensor if tensor.dtype == sys.modules["torch"].bfloat16 else tensor.numpy()


def bfloat16_to_bits(tensor: Any) -> Any:
    """Returns the bits of a bfloat16 tensor as an int16 array over the same memory."""
    return tensor.view(sys.modules["torch"].int16).numpy()


def as_stored(array: Any) -> NDArray[Any]:
    """Returns an array or a CPU tensor as a numpy array over its memory, of bfloat16 its bits."""
    if not is_tensor(array):
        return np.asarray(array)
    found = to_numpy(array)
    return np.asarray(bfloat16_to_bits(array) if is_tensor(found) else found)


def sparse_layout(value: object) -> str | None:
    """Returns the layout of a sparse tensor, such as "sparse_csr"; None for anything else."""
    if not is_tensor(value):
        return None
    layout = str(value.layout).removeprefix("torch.")
    return layout if layout.startswith("sparse") else None


def csr_parts(tensor: Any, *, column: str) -> tuple[NDArray[Any], NDArray[Any], Any, int]:
    """Returns a sparse tensor as indptr, indices, values and width; of layout csr without a copy.

    Raises:
        InvalidError: If it has not two dimensions, or its elements are tensors themselves.
        UnsupportedError: If it is not on the CPU, or its layout is one of blocks.
    """
    layout = sparse_layout(tensor)
    if layout not in ("sparse_csr", "sparse_csc", "sparse_coo"):
        raise UnsupportedError(
            f"column {column!r}: the tensor's layout is {layout}; pass tensor.to_sparse_csr()",
            column=column,
        )
    if tensor.ndim != 2 or tensor.dense_dim() != 0:
        raise InvalidError(
            f"column {column!r} is a sparse tensor with {tensor.ndim} dimensions, of which "
            f"{tensor.dense_dim()} are dense; it needs two sparse ones: rows and width",
            column=column,
        )
    plain = tensor.detach() if layout == "sparse_csr" else tensor.detach().to_sparse_csr()
    parts = (plain.crow_indices(), plain.col_indices(), plain.values())
    offsets, indices, values = (to_cpu_strided(part, column=column) for part in parts)
    return offsets.numpy(), indices.numpy(), values, int(plain.shape[1])


def bfloat16_from_bits(bits: Any) -> Any:
    """Returns the bfloat16 tensor over the bits in an int16 array."""
    torch = importlib.import_module("torch")
    return torch.from_numpy(bits).view(torch.bfloat16)


def as_int32(tensor: Any) -> Any:
    """Returns a copy of a tensor with elements of int32."""
    return tensor.to(sys.modules["torch"].int32)


def nested_rows(values: Any, offsets: Any) -> Any:
    """Returns the nested tensor, of layout jagged, of rows values[offsets[i]:offsets[i + 1]]."""
    return sys.modules["torch"].nested.nested_tensor_from_jagged(values, offsets)


def expect_sparse_csr() -> None:
    """Lets torch say now, unheard, what it says once in a process: that its csr tensors are beta.

    Whoever asks for them has chosen them, and a warning may be an error there.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sys.modules["torch"].sparse_csr_tensor([0, 0], [], [], (1, 1), check_invariants=False)


def sparse_csr(values: Any, indices: Any, offsets: Any, shape: tuple[int, int]) -> Any:
    """Returns the sparse tensor of these parts, which the core has checked."""
    make = sys.modules["torch"].sparse_csr_tensor
    return make(offsets, indices, values, shape, check_invariants=False)


def sparse_coo(values: Any, indices: Any, shape: tuple[int, int]) -> Any:
    """Returns the sparse tensor of these parts, which the core has checked.

    It is not marked as coalesced, since a row may have its indices in any order, and repeat them.
    """
    make = sys.modules["torch"].sparse_coo_tensor
    return make(indices, values, shape, check_invariants=False)


class WorkerInfo(NamedTuple):
    """Which worker of a DataLoader this process is."""

    id: int
    workers: int
    base_seed: int  # the same for all workers of one iteration of the DataLoader


def worker_info() -> WorkerInfo | None:
    """Returns which worker of a DataLoader this process is, None if it is none."""
    data = sys.modules.get("torch.utils.data")
    info = None if data is None else data.get_worker_info()
    return None if info is None else WorkerInfo(info.id, info.num_workers, info.seed - info.id)


def register_iterable(kind: type) -> bool:
    """Makes `kind` an IterableDataset for torch's DataLoader, once torch is there.

    Returns:
        Whether it was registered now and not before.
    """
    data = sys.modules.get("torch.utils.data")
    iterable = getattr(data, "IterableDataset", None)  # None while torch is being imported
    if iterable is None or issubclass(kind, iterable):
        return False
    iterable.register(kind)
    return True


def collates(caller: FrameType) -> bool:
    """Whether `caller`, which asks for an iterator, is a DataLoader that makes batches of items.

    torch tells an IterableDataset nothing of it, so this looks at the caller's own variable.
    """
    name = caller.f_globals.get("__name__")
    return name == "torch.utils.data._utils.fetch" and bool(caller.f_locals.get("auto_collation"))


def generator(seed: int) -> Any:
    """Returns a torch generator for the CPU. Imports torch, for a caller that wants tensors."""
    require_torch()
    return sys.modules["torch"].Generator().manual_seed(seed)


def process_group_size() -> int:
    """Returns the size of torch's default process group, 1 if there is none."""
    distributed = sys.modules.get("torch.distributed")
    # Another thread may be in the middle of importing it: there is no group yet.
    if distributed is None or not hasattr(distributed, "is_initialized"):
        return 1
    if not distributed.is_available() or not distributed.is_initialized():
        return 1
    size = int(distributed.get_world_size())
    if size < 1:
        raise InvalidError("this process is in no torch process group; pass rank= and world_size=")
    return size


def use_one_thread() -> None:
    """Keeps torch, if it is there, to one thread in this process: others have the other cores."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
