"""The whole model against skfolio's ``CharacteristicsFactorModel`` on the same data.

    python -m benchmarks.risk_skfolio [--days 750 --stocks 1000] [--data ../shared/data/ashare --start 2017-01-01]

Both get the same returns, market values, industries, fundamentals and estimation universe, a country
factor, industries and the ten styles of the preset as near as skfolio's own descriptors come to them, the
same half-lives, Newey-West lags and regime half-life. skfolio has no eigenfactor adjustment, no structural
model of specific risk and no shrinkage of it, and its covariance is that of the last session: for its
forecasts it is carried on month by month (``partial_fit``), while one fit of ours has every session.

R2 is uncentred and weighted by the square root of market value, over stocks and sessions that both explain.
The bias statistic is that of daily returns over the forecasts of the last month end, for the cap-weighted
market, fifty random active portfolios of a tenth of the stocks, and minimum variance.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"  # before any of these libraries is loaded

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

import market  # noqa: E402
from benchmarks.risk_skfolio_model import panel_of, peer  # noqa: E402
from risk import CNE5, Barra, RiskHistory  # noqa: E402
from risk.inputs import Inputs  # noqa: E402
from risk.regression import regression_weights  # noqa: E402

MONTH = 21
RANDOM = 50
NOTHING = 1e-8  # daily variance: 0.16 % a year


@dataclass(frozen=True, eq=False)
class Comparison:
    """R2 and bias of both models side by side, and CPU seconds, ours and skfolio's.

    ``seconds`` are those of a fit, which gives one covariance a session, and only the last of skfolio;
    ``update`` those of one session more, the median of three.
    """

    table: pd.DataFrame
    seconds: tuple[float, float]
    update: tuple[float, float]


def compare_models(
    days: int = 750, stocks: int = 1000, world: market.Market | None = None, months: int = 6
) -> Comparison:
    """Fit both models to a market (a simulated one by default) and compare them.

    Parameters
    ----------
    days, stocks
        Size of the simulated market; stocks vote after 250 sessions, so take 400 or more.
    world
        Another market, with fundamentals, instead.
    months
        Months at the end over which forecasts are judged; 0 compares R2 and time only.
    """
    world = market.simulate(stocks=stocks, days=days, seed=2) if world is None else world
    inputs = Inputs.read(world)
    panel = panel_of(world, inputs)
    warmup = min(252, max(64, (len(world.dates) - 252) // 2))
    started = process_time()
    history = Barra(CNE5, warmup=warmup).fit(world)
    ours = process_time() - started
    started = process_time()
    model = peer().fit(characteristics=panel).factor_model_
    theirs = process_time() - started
    table = _r2(inputs, history, model)
    months = min(months, (len(history.dates) - 1) // MONTH)
    if months:
        table = pd.concat([table, _bias(world, inputs, panel, history, months)])
    return Comparison(table, (ours, theirs), _updates(world, panel, warmup))


def _updates(world: market.Market, panel: Any, warmup: int) -> tuple[float, float]:
    """Median CPU seconds of carrying each model on by one session, three times."""
    last = len(world.dates) - 4
    history = Barra(CNE5, warmup=warmup).fit(world.until(world.dates[last]))
    model = peer().fit(characteristics=panel[:last])  # the panel begins a session later
    taken: tuple[list[float], list[float]] = ([], [])
    for t in range(last + 1, len(world.dates)):
        longer = world.until(world.dates[t])
        started = process_time()
        history = history.update(longer)
        taken[0].append(process_time() - started)
        started = process_time()
        model.partial_fit(characteristics=panel[t - 1 : t])
        taken[1].append(process_time() - started)
    return float(np.median(taken[0])), float(np.median(taken[1]))


def _r2(inputs: Inputs, history: RiskHistory, model: Any) -> pd.DataFrame:
    """Mean R2 of both over what both explain, and how alike their factor returns are."""
    first = len(inputs.dates) - len(model.idio_returns)
    rows = []
    for t in range(first, len(inputs.dates)):
        u = np.stack([history.record.residuals[t], model.idio_returns[t - first]]).astype(float)
        held = inputs.vote[t] & np.isfinite(u).all(axis=0)
        if held.sum() > 50 and np.isfinite(history.record.r2[t]):
            v, r = (
                regression_weights(inputs.cap[t - 1, held]),
                inputs.returns[t, held].astype(float),
            )
            rows.append([*(1.0 - (u[:, held] ** 2 @ v) / (v @ r**2)), held.sum()])
    ours, theirs, count = np.mean(rows, axis=0)
    factors = pd.DataFrame(model.factor_returns, columns=model.factor_names)
    mine = history.factor_returns.reindex(inputs.dates[first:]).reset_index(drop=True)
    alike = mine.corrwith(factors[[c for c in mine if c in factors]])
    kinds = pd.Series(history.kinds).reindex(alike.index)
    table = {"R2": (ours, theirs), "stocks a day": (count, count)}
    table |= {
        f"corr of {kind} returns": (c, c) for kind, c in alike.groupby(kinds).median().items()
    }
    return pd.DataFrame(table, index=["ours", "skfolio"]).T


def _bias(
    world: market.Market, inputs: Inputs, panel: Any, history: RiskHistory, months: int
) -> pd.DataFrame:
    """Bias statistics of both, with forecasts of the same month ends for the same portfolios."""
    last = len(world.dates) - 1
    ends = np.arange(last - months * MONTH, last, MONTH)
    draw, carried = np.random.default_rng(0), peer()
    outcome: dict[str, list[np.ndarray]] = {"ours": [], "skfolio": []}
    names = ["market", *["random"] * RANDOM, "own minimum variance"]
    start = 0
    for end in ends:
        carried.partial_fit(characteristics=panel[start:end])  # the panel begins a session later
        start = end
        forms = {
            "ours": _ours(history, world.dates[end]),
            "skfolio": _theirs(carried, world.stocks),
        }
        shared = forms["ours"][0].intersection(forms["skfolio"][0])
        at = world.stocks.get_indexer(shared)
        cap = inputs.cap[end, at].astype(float)
        weights = _portfolios(draw, cap / cap.sum())
        r = np.nan_to_num(inputs.returns[end + 1 : end + 1 + MONTH, at].astype(float))
        for name, (held, x, f, d) in forms.items():
            rows = held.get_indexer(shared)
            x, d = x[rows], d[rows]
            w = np.vstack([weights, _minimum(x, f, d)])
            exposure = w @ x
            s = np.sqrt(np.einsum("ik,kl,il->i", exposure, f, exposure) + w**2 @ d)
            outcome[name].append(r @ w.T / s)
    bias = pd.DataFrame(
        {name: np.concatenate(b).std(axis=0, ddof=1) for name, b in outcome.items()}, index=names
    )
    return bias.groupby(level=0, sort=False).mean().rename(index="bias, {}".format)


Factored = tuple[pd.Index, np.ndarray, np.ndarray, np.ndarray]


def _ours(history: RiskHistory, date: pd.Timestamp) -> Factored:
    model = history.at(date)
    parts = (model.exposures, model.factor_covariance, model.specific_variance)
    return (model.stocks, *(part.to_numpy() for part in parts))


def _theirs(carried: Any, stocks: pd.Index) -> Factored:
    model = carried.factor_model_
    x, d = model.loading_matrix, model.idio_covariance
    # NaN: not warmed up; a stock alone in its industry has no residual, so no variance there
    known = np.isfinite(x).all(axis=1) & (d > NOTHING)
    return stocks[known], x[known], model.factor_covariance, d[known]


def _portfolios(draw: np.random.Generator, cap: np.ndarray) -> np.ndarray:
    """Weights ``[1 + 50, n]``: the market, and equal weights of random tenths against the market."""
    made = [cap]
    for _ in range(RANDOM):
        w = np.zeros(len(cap))
        chosen = draw.choice(len(cap), len(cap) // 10, replace=False)
        w[chosen] = 1.0 / len(chosen)
        made.append(w - cap)
    return np.array(made)


def _minimum(x: np.ndarray, f: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Minimum variance weights by Woodbury; F may be singular, so it is never inverted."""
    scaled = x / d[:, None]
    inner = np.eye(len(f)) + f @ (x.T @ scaled)
    w = 1.0 / d - scaled @ np.linalg.solve(inner, f @ (scaled.sum(axis=0)))
    return w / w.sum()


def main() -> None:
    """Read the arguments, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=750)
    parser.add_argument("--stocks", type=int, default=1000)
    parser.add_argument(
        "--data", type=Path, help="real data: members of csi300 and csi500, --days of them"
    )
    parser.add_argument("--start", default="2017-01-01")
    parser.add_argument("--months", type=int, default=6)
    options = parser.parse_args()
    world = None
    if options.data is not None:
        whole = market.open(options.data).between(options.start, "2100-01-01")
        whole = whole.until(whole.dates[options.days - 1])
        member = whole.index("csi300").member | whole.index("csi500").member
        world = whole.select(whole.stocks[member.any(axis=0)])
    found = compare_models(options.days, options.stocks, world, options.months)
    size = options.stocks if world is None else len(world.stocks)
    print(f"{options.days} sessions of {size} stocks, CPU seconds:")
    for work, (ours, theirs) in {"fit": found.seconds, "one session more": found.update}.items():
        print(f"  {work}: ours {ours:.3f}, skfolio {theirs:.3f}")
    print(found.table.round(3).to_string())


if __name__ == "__main__":
    main()
