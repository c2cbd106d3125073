"""Train on sparse rows: what is stored are the nonzeros; the loader makes the dense batches."""

import tempfile

import numpy as np
import scipy.sparse
import torch

import headrace as hr

rng = np.random.default_rng(0)


def train(ds: hr.Dataset, *, classes: int, epochs: int, what: str) -> None:
    """Trains one linear layer on the dense column x, and says how many test rows it has right."""
    train_rows, test_rows = ds.split(0.9, seed=1)
    loader = hr.Loader(train_rows, batch_size=512, shuffle=True, seed=7)
    (width,) = ds.schema["x"].row_shape
    model = torch.nn.Linear(width, classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(epochs):
        for batch in loader:
            loss = torch.nn.functional.cross_entropy(model(batch["x"]), batch["y"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    right = sum(
        int((model(batch["x"]).argmax(1) == batch["y"]).sum())
        for batch in hr.Loader(test_rows, batch_size=512)
    )
    print(f"{what}: {right / len(test_rows):.1%} of {len(test_rows):,} test rows right")


# 1. Lists of features: a row is the numbers of the features that it has, out of 1,024. No collate
#    function: a dense batch of ones and zeros is a layout of the column.
lists = [rng.choice(1024, size=rng.integers(4, 29), replace=False) for _ in range(20_000)]
has_rare = np.array([(row < 48).any() for row in lists], np.int64)
ds = hr.from_arrays(x=hr.csr(lists, columns=1024), y=has_rare)
print(ds)
train(ds.with_layout(x="dense"), classes=2, epochs=5, what="lists of features")

# 2. The same indices, padded with -1, in a file of float64 as tutorials write it: read in place.
padded = np.full((len(lists), 28), -1.0)
for row, found in enumerate(lists):
    padded[row, : len(found)] = found
with tempfile.TemporaryDirectory() as folder:
    padded.tofile(f"{folder}/indices.memmap")
    has_rare.tofile(f"{folder}/targets.memmap")
    x = hr.memmap({"x": f"{folder}/indices.memmap"}, dtype="float64", row_shape=28)
    y = hr.memmap({"y": f"{folder}/targets.memmap"}, dtype="int64")
    same = hr.zip([x, y]).multi_hot("x", columns=1024, pad=-1)
    assert (same[:100]["x"] == ds.with_layout(x="dense")[:100]["x"]).all()
    train(same, classes=2, epochs=5, what="a mapped file of indices")

# 3. Counts of single cells, as adata.X of an AnnData has them (adata.obs["cell_type"] are labels).
#    What is usually done beforehand, to the whole matrix, is done to each batch as it is made:
#    each cell is scaled to 10,000 counts, log1p, and the 300 genes that vary most are kept.
cells, genes, types = 6_000, 3_000, 5
cell_type = rng.integers(0, types, cells)
rates = rng.gamma(0.3, 0.5, (types, genes))
counts = scipy.sparse.csr_matrix(rng.poisson(rates[cell_type]).astype(np.float32))
variable = np.argsort(rates.std(axis=0))[-300:]
ds = hr.from_arrays(x=counts, y=cell_type)
print(ds)
normalised = ds.with_layout(x=hr.Dense(total=1e4, log1p=True, columns=variable))
train(normalised, classes=types, epochs=2, what="cells")

# 4. Sparse all the way: what does not want zeros gets none.
for batch in hr.Loader(ds.with_layout(x="csr"), batch_size=512):
    product = batch["x"] @ torch.ones(genes, 1)  # torch.sparse_csr_tensor
    break
bag = torch.nn.EmbeddingBag(genes, 16, mode="sum", include_last_offset=True)
for batch in hr.Loader(ds.with_layout(x=hr.Jagged(nested=False)), batch_size=512):
    indices, offsets, weights = batch["x"]
    embedded = bag(indices, offsets, per_sample_weights=weights)
    break
print("a csr product of", tuple(product.shape), "and embeddings of", tuple(embedded.shape))
