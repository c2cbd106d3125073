"""The program that is killed: trains one epoch with headrace, saves its state, resumes from it.

Prints `batch <number> <hash>` for each batch, before training on it; at the end
`done <hash of the weights>`.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch

import headrace as hr
from checks import batch_digest
from models import TORCH_THREADS, build_model, build_optimizer, train_step, weights_digest
from shards import read_catalog
from situations import open_training_rows


def save_durably(state: dict[str, object], path: Path) -> None:
    """Replaces the file by a complete one, or not at all, also if killed in between."""
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def main() -> None:
    """Trains from the saved state, or from the start, to the end of the epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--save-every", type=int, required=True)
    parser.add_argument("--pause", type=float, required=True, help="seconds after each batch")
    args = parser.parse_args()
    torch.set_num_threads(TORCH_THREADS)

    catalog = read_catalog(args.corpus)
    model = build_model(len(catalog.kind_names), seed=args.seed)
    optimizer = build_optimizer(model)
    dataset = open_training_rows(catalog.folder)
    with hr.Loader(dataset, batch_size=args.batch_size, shuffle=True, seed=args.seed) as loader:
        number = 0
        if args.state.exists():
            state = torch.load(args.state, weights_only=True)
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            loader.load_state_dict(state["loader"])
            number = state["number"]
        for batch in loader:
            print("batch", number, batch_digest(batch["x"], batch["y"]), flush=True)
            train_step(model, optimizer, batch["x"], batch["y"])
            time.sleep(args.pause)
            number += 1
            if number % args.save_every == 0:
                state = {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "loader": loader.state_dict(),
                    "number": number,
                }
                save_durably(state, args.state)
    print("done", weights_digest(model), flush=True)


if __name__ == "__main__":
    main()
