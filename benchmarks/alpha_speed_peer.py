"""The other side of ``benchmarks/alpha_speed.py``: pyqlib in its own environment, timed by itself.

Reads one JSON request a line, answers with one JSON line: ``{"work": name, ...}`` -> CPU seconds. Imports
nothing of ours, so that any interpreter with pyqlib and torch can run it.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from time import process_time

import numpy as np
import pandas as pd
import qlib
from qlib.contrib.data.loader import Alpha158DL, Alpha360DL
from qlib.contrib.eva.alpha import calc_ic
from qlib.data import D
from qlib.data.cache import H

warnings.filterwarnings("ignore")
HANDLERS = {
    "alpha158": Alpha158DL.get_feature_config(
        {
            "kbar": {},
            "price": {"windows": [0], "feature": ["OPEN", "HIGH", "LOW", "VWAP"]},
            "rolling": {},
        }
    ),
    "alpha360": Alpha360DL.get_feature_config(),
}


def features(request: dict) -> dict:
    """Compute a handler's columns on all instruments; keep the values when asked."""
    expressions, names = HANDLERS[request["handler"]]
    H.clear()
    began = process_time()
    frame = D.features(D.instruments("all"), expressions, request["start"], request["end"])
    took = process_time() - began
    if request.get("save"):
        frame.columns = names
        days = frame.index.get_level_values("datetime").unique().sort_values()
        codes = frame.index.get_level_values("instrument").unique()
        cube = np.full((len(days), len(codes), len(names)), np.nan, np.float32)
        t = days.searchsorted(frame.index.get_level_values("datetime"))
        cube[t, codes.get_indexer(frame.index.get_level_values("instrument"))] = frame.to_numpy()
        stamps = days.strftime("%Y-%m-%d").to_numpy("U10")
        np.savez(request["save"], cube=cube, names=names, days=stamps, codes=np.array(codes, "U8"))
    return {"cpu": took}


def measures(request: dict) -> dict:
    """IC and RankIC of saved scores and labels."""
    with np.load(request["file"]) as saved:
        scores, label = saved["scores"], saved["label"]
    index = pd.MultiIndex.from_product(
        [
            pd.bdate_range("2012-01-02", periods=len(scores)),
            [f"S{k:05d}" for k in range(scores.shape[1])],
        ],
        names=["datetime", "instrument"],
    )
    series = pd.Series(scores.ravel(), index), pd.Series(label.ravel(), index)
    began = process_time()
    ic, rank_ic = calc_ic(*series)
    took = process_time() - began
    return {"cpu": took, "ic": ic.tolist(), "rank_ic": rank_ic.tolist()}


def batches(request: dict) -> dict:
    """Day batches of the time series sampler: CPU a day, the sampler being built."""
    import torch
    from qlib.contrib.model.pytorch_gats_ts import DailyBatchSampler
    from qlib.data.dataset import TSDataSampler

    torch.set_num_threads(1)
    days, stocks, columns = request["shape"]
    values = np.random.default_rng(0).standard_normal((days * stocks, columns), dtype=np.float32)
    index = pd.MultiIndex.from_product(
        [pd.bdate_range("2018-01-02", periods=days), [f"SH6{k:05d}" for k in range(stocks)]],
        names=["datetime", "instrument"],
    )
    frame = pd.DataFrame(values, index)
    sampler = TSDataSampler(frame, *index.levels[0][[0, -1]], request["steps"], fillna_type="ffill")
    rows = list(DailyBatchSampler(sampler))[-request["count"] :]
    began = process_time()
    for row in rows:
        sampler[row]
    return {"cpu": (process_time() - began) / len(rows)}


def main() -> None:
    """Answer requests from standard input until it ends."""
    folder = sys.argv[1]
    qlib.init(provider_uri=folder, region="cn", kernels=1, logging_level=logging.ERROR)
    answers = {"features": features, "measures": measures, "batches": batches}
    sys.stdout.write(json.dumps({"version": qlib.__version__}) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        request = json.loads(line)
        sys.stdout.write(json.dumps(answers[request["work"]](request)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
