"""The reads of a device that random sparse rows of shards want, for fio to replay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.sparse_cold import CsrShards

_PAGE = 4096


@dataclass(frozen=True)
class Extents:
    """Where the arrays of one record batch begin in its file, in bytes."""

    path: Path
    rows: int
    offsets: int
    indices: int
    values: int
    starts: NDArray[np.int64]


def extents_of(path: Path) -> list[Extents]:
    """Returns where the record batches of a shard have the arrays of their one column."""
    found = []
    with pa.memory_map(str(path)) as file:
        base = file.read_buffer(1).address  # of nothing it would be null
        reader = pa.ipc.open_file(file)
        for number in range(reader.num_record_batches):
            rows = reader.get_batch(number).column(0)
            offsets = np.frombuffer(rows.buffers()[1], np.int64, len(rows) + 1)
            indices, values = (rows.values.field(place).buffers()[1] for place in range(2))
            found.append(
                Extents(
                    path,
                    len(rows),
                    offsets=rows.buffers()[1].address - base,
                    indices=indices.address - base,
                    values=values.address - base,
                    starts=offsets.copy(),
                )
            )
    return found


@dataclass(frozen=True)
class Reads:
    """Reads that deliver rows in random order, as a list that fio replays."""

    rows: int
    count: int
    log: str


def random_reads(data: CsrShards, most_rows: int) -> Reads:
    """Returns the reads of up to so many random rows: whole pages, each once.

    A row wants the pages of its offsets, of its indices and of its values. Those that lie side by
    side in a file and are wanted by the same array of a row are one read.
    """
    batches = [batch for path in data.row_files() for batch in extents_of(path)]
    ends = np.cumsum([batch.rows for batch in batches])
    rows = np.random.default_rng(data.seed).permutation(int(ends[-1]))[:most_rows]
    number = np.searchsorted(ends, rows, side="right")
    # Pages of all files in one line of numbers.
    sizes = [-(-path.stat().st_size // _PAGE) for path in data.row_files()]
    bases = dict(zip(data.row_files(), np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
    wanted = np.empty((len(rows), 3, 2), np.int64)
    for place, batch in enumerate(batches):
        chosen = np.flatnonzero(number == place)
        local = rows[chosen] - (ends[place] - batch.rows)
        starts, stops = 4 * batch.starts[local], 4 * batch.starts[local + 1]
        for part, (first, last) in enumerate(
            (
                (batch.offsets + 8 * local, batch.offsets + 8 * local + 16),
                (batch.indices + starts, batch.indices + stops),
                (batch.values + starts, batch.values + stops),
            )
        ):
            wanted[chosen, part, 0] = bases[batch.path] + first // _PAGE
            wanted[chosen, part, 1] = bases[batch.path] + (last - 1) // _PAGE
    return Reads(len(rows), *_as_log(wanted.reshape(-1, 2), bases))


def _as_log(wanted: NDArray[np.int64], bases: dict[Path, int]) -> tuple[int, str]:
    """Returns reads of pages from first to last, less those that were read before, and a log."""
    assert (wanted[:, 1] - wanted[:, 0] <= 1).all()
    pages, first_seen = np.unique(wanted.ravel(), return_index=True)
    order = np.argsort(first_seen)
    pages, seen = pages[order], first_seen[order]
    # A second page goes along with the first one of the same pair.
    joined = np.zeros(len(pages), bool)
    joined[1:] = (seen[1:] == seen[:-1] + 1) & (seen[1:] % 2 == 1) & (pages[1:] == pages[:-1] + 1)
    starts = np.flatnonzero(~joined)
    lengths = np.diff([*starts, len(pages)])
    paths, firsts = list(bases), np.array(list(bases.values()))
    files = np.searchsorted(firsts, pages[starts], side="right") - 1
    lines = ["fio version 2 iolog"]
    lines += [f"{path} {action}" for action in ("add", "open") for path in paths]
    lines += [
        f"{paths[file]} read {offset * _PAGE} {length * _PAGE}"
        for file, offset, length in zip(
            files.tolist(), (pages[starts] - firsts[files]).tolist(), lengths.tolist(), strict=True
        )
    ]
    lines += [f"{path} close" for path in paths]
    return len(starts), "\n".join(lines) + "\n"
