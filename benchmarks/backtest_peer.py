"""The other side of ``benchmarks/backtest.py``: pyqlib or vectorbt, each in its own environment.

One call, one job: ``python backtest_peer.py WORK FOLDER`` reads ``FOLDER/panel.npz`` and prints one JSON
line with its CPU seconds and the account it arrives at. Imports nothing of ours.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from pathlib import Path
from statistics import median
from time import process_time

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[threads] = "1"  # before any of these libraries is loaded

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

warnings.filterwarnings("ignore")


def topk(folder: Path) -> dict:
    """Daily TopkDropout with the settings of its own workflows, prices from ``folder/bins``."""
    import qlib
    from qlib.contrib.evaluate import backtest_daily
    from qlib.contrib.strategy import TopkDropoutStrategy

    saved = np.load(folder / "panel.npz")
    dates, codes = pd.to_datetime(saved["dates"]), [str(code) for code in saved["codes"]]
    index = pd.MultiIndex.from_product([dates, codes], names=["datetime", "instrument"])
    signal = pd.Series(saved["scores"].ravel(), index).dropna()
    qlib.init(
        provider_uri=str(folder / "bins"), region="cn", kernels=1, logging_level=logging.ERROR
    )
    began = process_time()
    report, _ = backtest_daily(
        start_time=dates[0], end_time=dates[-1], account=1e8, benchmark=pd.Series(0.0, dates),
        strategy=TopkDropoutStrategy(
            signal=signal, topk=int(saved["topk"]), n_drop=int(saved["n_drop"]),
            forbid_all_trade_at_limit=bool(saved["two_sided"]),
        ),
        exchange_kwargs={
            "codes": codes, "limit_threshold": 0.095, "deal_price": "close", "open_cost": 0.0005,
            "close_cost": 0.0015, "min_cost": 5,
        },
    )  # fmt: skip
    took = process_time() - began
    account = [float(value) for value in report["account"]]
    return {"name": f"pyqlib {qlib.__version__}", "cpu": took, "account": account}


def weekly(folder: Path) -> dict:
    """Weekly target percentages on closes."""
    import vectorbt

    saved = np.load(folder / "weekly.npz")
    dates = pd.to_datetime(saved["dates"])
    close, size = pd.DataFrame(saved["close"], dates), pd.DataFrame(saved["targets"], dates)

    def play() -> pd.Series:
        return vectorbt.Portfolio.from_orders(
            close, size, size_type="targetpercent", group_by=True, cash_sharing=True,
            call_seq="auto", fees=0.0005, init_cash=1e8, freq="1D",
        ).value()  # fmt: skip

    value, taken = play(), []
    for _ in range(5):
        began = process_time()
        play()
        taken.append(process_time() - began)
    return {
        "name": f"vectorbt {vectorbt.__version__}", "cpu": median(taken), "account": value.tolist(),
    }  # fmt: skip


if __name__ == "__main__":
    answer = {"topk": topk, "weekly": weekly}[sys.argv[1]](Path(sys.argv[2]))
    sys.stdout.write(json.dumps(answer) + "\n")
