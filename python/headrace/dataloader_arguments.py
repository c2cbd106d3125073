"""What to do instead: answers to arguments of torch's DataLoader that the Loader does not have."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping

from headrace.errors import HeadraceError, InvalidError, UnsupportedError

_ANSWERS = {
    "num_workers": "headrace uses threads; drop it or use num_threads",
    "collate_fn": "batches are gathered as a whole; drop it, and change them with transform=; "
    "sparse and ragged columns are expanded by ds.with_layout, indices by ds.multi_hot",
    "sampler": "use shuffle= for the order, ds.subset(indices) for chosen rows, batch_sampler= for "
    "batches of your own, rank= and world_size= for many processes",
    "pin_memory": "batches are in plain memory; drop it, or call .pin_memory() on a batch",
    "pin_memory_device": "batches are in plain memory; drop it",
    "timeout": "threads are not waited for with a limit; drop it",
    "worker_init_fn": "there are no worker processes; drop it",
    "persistent_workers": "threads live as long as the loader; drop it",
    "prefetch_factor": "use prefetch=, which counts batches ahead in all",
    "generator": "use seed=; every order follows from (seed, epoch)",
    "multiprocessing_context": "there are no worker processes; drop it",
    "in_order": "batches always come in order; drop it",
}


def refuse(arguments: Mapping[str, object], loader: type) -> None:
    """Raises the fitting error for the first of `arguments`, which `loader` does not take."""
    for name, value in arguments.items():
        parameters = inspect.signature(loader).parameters.values()
        known = [x.name for x in parameters if x.kind is inspect.Parameter.KEYWORD_ONLY]
        raise _error(name, value, known)


def _error(name: str, value: object, known: list[str]) -> HeadraceError:
    if name in _ANSWERS:
        return UnsupportedError(f"{name}={value!r}: {_ANSWERS[name]}")
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}=?" if close else f"the arguments are {', '.join(known)}"
    return InvalidError(f"Loader has no argument {name}=; {hint}")
