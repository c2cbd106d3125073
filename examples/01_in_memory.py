"""Train on arrays that fit in memory: the loader in the place of TensorDataset and DataLoader."""

import numpy as np
import torch

import headrace as hr

rng = np.random.default_rng(0)
features = rng.standard_normal((100_000, 64), dtype=np.float32)
targets = (features[:, 0] > 0).astype(np.int64)

train, test = hr.from_arrays(x=features, y=targets).split(0.9, seed=1)
loader = hr.Loader(train, batch_size=1024, shuffle=True, seed=7)
model = torch.nn.Linear(64, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(3):
    for batch in loader:
        loss = torch.nn.functional.cross_entropy(model(batch["x"]), batch["y"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = sum((model(b["x"]).argmax(1) == b["y"]).sum() for b in hr.Loader(test, batch_size=1024))
    print(f"epoch {epoch}: {right / len(test):.1%} of {len(test):,} test rows right")
