"""Which stocks a rebalance decides about, and what is done with those it cannot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market import DataError
from risk import RiskModel

Array = np.ndarray

# A rescaled benchmark stands in for the true one. Beyond a tenth of its weight it is another index.
MOST_UNCOVERED = 0.10


@dataclass(frozen=True, eq=False)
class Universe:
    """Members, holdings and scored stocks that the risk model covers, and the rest, accounted for.

    Attributes
    ----------
    stocks
        Candidates, in the market's order: covered, and either scored, held or in the benchmark.
    score
        Score by candidate ``[N]``, NaN where there is none.
    benchmark
        Benchmark weights of the covered members, rescaled to one: the others are taken to move as the
        rest of the index does.
    holdings
        Held weights of the candidates.
    uncovered_benchmark
        Benchmark weight of the members the risk model does not cover.
    kept
        Held weights that are not covered and cannot be sold: they stay, out of the budget.
    sold
        Held weights that are not covered: they are sold, outside the turnover limit.
    uncovered
        How many members, held or scored stocks the risk model does not cover.
    """

    stocks: pd.Index
    score: pd.Series
    benchmark: pd.Series
    holdings: pd.Series
    uncovered_benchmark: float
    kept: pd.Series
    sold: pd.Series
    uncovered: int

    @classmethod
    def of(
        cls,
        order: pd.Index,
        score: pd.Series,
        benchmark: pd.Series,
        holdings: pd.Series,
        can_sell: pd.Series,
        risk: RiskModel,
    ) -> Universe:
        """Gather the candidates of one date.

        ``order`` are all stocks of the market ``[M]``; ``score`` lists scored stocks only.

        Raises
        ------
        DataError
            The risk model misses more than a tenth of the benchmark's weight, or a weight is of a stock
            that is not in ``order``.
        """
        covered = _among(order, risk.exposures.index)
        wanted = _among(order, score.index, benchmark.index, holdings.index)
        stocks = order[wanted & covered]
        inside = covered[_positions("the benchmark", order, benchmark.index, risk.date)]
        missing = float(benchmark[~inside].sum())
        if missing > MOST_UNCOVERED:
            absent = benchmark.index[~inside]
            raise DataError(
                f"the risk model of {risk.date:%Y-%m-%d} misses {len(absent)} members with {missing:.1%} "
                f"of the benchmark, first {absent[0]}; at most {MOST_UNCOVERED:.0%} can be stood in for: "
                "give the risk model a longer history"
            )
        modelled = covered[_positions("the holdings", order, holdings.index, risk.date)]
        outside = holdings[~modelled]
        sellable = can_sell.loc[outside.index].to_numpy(bool)
        return cls(
            stocks=stocks,
            score=score.reindex(stocks),  # the scored stocks are a subset: gaps are "no score"
            benchmark=benchmark[inside] / (1.0 - missing),
            holdings=holdings[modelled],
            uncovered_benchmark=missing,
            kept=outside[~sellable],
            sold=outside[sellable],
            uncovered=int((wanted & ~covered).sum()),
        )

    def alpha(self, risk: RiskModel, ic: float, holding_days: int) -> pd.Series:
        """Return ic sigma z: the return a z-score promises over the holding period ``[N]``.

        sigma is the specific volatility over ``holding_days`` (Grinold 1994, "Alpha is Volatility
        Times IC Times Score"). A z of 2 on a stock of 2% a day, ic 0.05, five days: 0.45%.
        """
        return self.alpha_error(risk, ic, holding_days) * self.score

    def alpha_error(self, risk: RiskModel, ic: float, holding_days: int) -> pd.Series:
        """Return ic sigma: how far alpha is off when a score is off by one, its own spread ``[N]``."""
        variance = risk.specific_variance.loc[self.stocks]
        return ic * np.sqrt(holding_days * variance)


def _positions(what: str, order: pd.Index, stocks: pd.Index, date: pd.Timestamp) -> Array:
    at = order.get_indexer(stocks)
    if (at < 0).any():
        raise DataError(
            f"{what} of {date:%Y-%m-%d} has {(at < 0).sum()} stocks that the market lacks, first "
            f"{stocks[at < 0][0]}; select the market so that it keeps them"
        )
    return at


def _among(order: pd.Index, *groups: pd.Index) -> Array:
    """Return which stocks of ``order`` are in any group ``[M]``, bool; faster than ``isin`` on text."""
    mask = np.zeros(len(order), dtype=bool)
    for group in groups:
        at = order.get_indexer(group)
        mask[at[at >= 0]] = True
    return mask
