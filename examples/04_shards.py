"""Write a dataset as shards, add to it, and train on it: shard by shard, some shards, or all."""

import tempfile

import numpy as np
import torch

import headrace as hr

rng = np.random.default_rng(0)
model = torch.nn.Linear(32, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def train(batch: dict[str, torch.Tensor]) -> None:
    """Takes one step."""
    loss = torch.nn.functional.cross_entropy(model(batch["x"]), batch["y"])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


with tempfile.TemporaryDirectory() as folder:
    # Each writer adds to what is there. Nothing of it shows until the block ends, and then all.
    for _day in range(3):
        with hr.Writer(folder, shard_bytes="1MB") as writer:
            for _ in range(4):
                x = rng.standard_normal((5_000, 32), dtype=np.float32)
                writer.write(x=x, y=(x.sum(axis=1) > 0).astype(np.int64))

    ds = hr.open(folder)
    sids = ds.shard_ids
    print(f"{len(ds):,} rows in {len(sids)} shards, such as {sids[0]}.arrow")

    # Shards that are held out, whole: no row of them is in training.
    training, test = ds.select_shards(sids[:-2]), ds.select_shards(sids[-2:])

    # Shard by shard, each in an order of its own.
    for sid in training.shard_ids:
        for batch in hr.Loader(training.shard(sid), batch_size=256, shuffle=True, seed=7):
            train(batch)

    # All of them in one order: better for training, and the shards need not fit into memory.
    for batch in hr.Loader(training, batch_size=256, shuffle=hr.BlockShuffle(), seed=7):
        train(batch)

    rows = test.chunks(4_096)
    right = sum((model(torch.tensor(b["x"])).argmax(1).numpy() == b["y"]).sum() for b in rows)
    print(f"{right / len(test):.1%} of {len(test):,} test rows right")
