"""hr.convert in the workers of a real Dask cluster on this machine."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

distributed = pytest.importorskip("distributed")


@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_gives_the_rows_that_one_thread_gives(tmp_path: Path) -> None:
    # Local: functions of a test module do not exist in the cluster's processes.
    def rows_of(k: int) -> dict[str, Any]:
        time.sleep(0.01 * (k % 3))
        return {"x": 10 * k + np.arange(k % 5 + 1), "pid": np.full(k % 5 + 1, os.getpid())}

    here = hr.convert(range(60), tmp_path / "a", transform=rows_of, version="1", progress=False)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor() as executor,
    ):
        there = hr.convert(
            range(60),
            tmp_path / "b",
            transform=rows_of,
            executor=executor,
            version="1",
            progress=False,
        )
        assert there["x"][:].tolist() == here["x"][:].tolist()
        assert os.getpid() not in there["pid"][:].tolist()
        with pytest.raises(hr.TransformError, match="ZeroDivisionError for item 59"):
            hr.convert(
                [*range(1, 60), 0],
                tmp_path / "c",
                transform=lambda k: {"x": np.arange(60 // k)},
                executor=executor,
                version="1",
                progress=False,
            )
