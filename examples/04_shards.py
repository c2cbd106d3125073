"""Train on more than a disk holds: shards in an object store, behind a cache of bounded size."""

import itertools
import logging
import os
import tempfile
import threading

import boto3
import numpy as np
import torch
from moto.server import ThreadedMotoServer

import headrace as hr

# S3 on this machine, for the example. Credentials of a real bucket are in the environment, too.
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
os.environ |= {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
os.environ |= {"AWS_ACCESS_KEY_ID": "anyone", "AWS_SECRET_ACCESS_KEY": "anything"}
boto3.client("s3").create_bucket(Bucket="bucket")

ROWS = 20_480  # of a day
rng = np.random.default_rng(0)
model = torch.nn.Linear(32, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def write_a_day() -> None:
    """Adds rows. Others see nothing of them until the block ends, and then all."""
    with hr.Writer("s3://bucket/corpus", shard_bytes="1MB") as writer:
        x = rng.standard_normal((ROWS, 32), dtype=np.float32)
        writer.write(x=x, y=(x.sum(axis=1) > 0).astype(np.int64))


def train(batch: dict[str, torch.Tensor]) -> None:
    """Takes one step."""
    loss = torch.nn.functional.cross_entropy(model(batch["x"]), batch["y"])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


with tempfile.TemporaryDirectory() as cache:
    for _ in range(3):
        write_a_day()
    ds = hr.open("s3://bucket/corpus", cache=cache, cache_bytes="6MB")
    print(f"{len(ds):,} rows in {len(ds.shard_ids)} shards; none is here yet")
    training, test = ds.select_shards(ds.shard_ids[:-2]), ds.select_shards(ds.shard_ids[-2:])

    # Shard by shard: while one is trained on, the next is fetched.
    for shard in training.shards():
        for batch in hr.Loader(shard, batch_size=256, shuffle=True):
            train(batch)

    # All in one order, which mixes better; stopped, and resumed as if nothing had been.
    shuffle = hr.ShardShuffle(window=3)
    with hr.Loader(training, batch_size=256, shuffle=shuffle, seed=7) as loader:
        for batch in itertools.islice(loader, 100):
            train(batch)
        state = loader.state_dict()  # a small dict, for json or torch.save
    with hr.Loader(training, batch_size=256, shuffle=shuffle, seed=7) as resumed:
        resumed.load_state_dict(state)
        for batch in resumed:
            train(batch)
        print(f"went on at row {state['position']:,}; {resumed.stats()['shard_fetches']} downloads")
    batches = hr.Loader(test, batch_size=4_096)
    right = sum((model(b["x"]).argmax(1) == b["y"]).sum() for b in batches)
    print(f"{right / len(test):.1%} of {len(test):,} test rows right")

    # For ever: days are trained on as they are committed; their writers may be any machines.
    for _ in range(2):
        threading.Thread(target=write_a_day).start()
    follow = hr.Follow(stage_rows=ROWS, poll_s=0.1)
    with hr.Loader(ds, batch_size=256, shuffle=shuffle, follow=follow) as stream:
        for batch in itertools.islice(stream, 5 * ROWS // 256):
            train(batch)
        print(f"followed to row {stream.epoch * ROWS + stream.state_dict()['position']:,}")
