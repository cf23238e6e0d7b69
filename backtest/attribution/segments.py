"""Active return by industry: which ones were held, and which stocks in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtest.attribution.book import Book, book
from backtest.attribution.linking import EXCESS, RESIDUAL, SUM, Attribution, linked
from backtest.result import Result
from market import Market

Array = np.ndarray

CASH = "cash"
UNPLACED = "no industry"
EFFECTS = ("allocation", "selection", "interaction")


@dataclass(frozen=True, eq=False, repr=False)
class BrinsonAttribution(Attribution):
    """Active return by effect; see ``brinson``.

    Attributes
    ----------
    allocation, selection, interaction
        Session x segment: industries, ``no industry``, ``cash``.
    weights, benchmark_weights
        Of the segments at the close before each session.
    """

    allocation: pd.DataFrame
    selection: pd.DataFrame
    interaction: pd.DataFrame
    weights: pd.DataFrame
    benchmark_weights: pd.DataFrame

    def by_segment(self) -> pd.DataFrame:
        """Return a row a segment: mean weights, and the effects over the whole run.

        Returns
        -------
        DataFrame
            ``weight``, ``benchmark_weight``, ``allocation``, ``selection``, ``interaction`` and their
            ``total``, linked as in ``total``; the lines beside the segments, ``sum``, ``excess`` and
            ``residual`` below.
        """
        whole = self.total()["total"]
        logs = linked(self.daily, self.portfolio, self.benchmark).sum().sum()
        scale = whole[SUM] / logs if logs != 0.0 else 1.0
        effects = {
            name: scale * linked(getattr(self, name), self.portfolio, self.benchmark).sum()
            for name in EFFECTS
        }
        means = {"weight": self.weights, "benchmark_weight": self.benchmark_weights}
        table = pd.DataFrame({**{k: v.mean() for k, v in means.items()}, **effects})
        table["total"] = table[list(EFFECTS)].sum(axis=1)
        beside = whole.drop([*EFFECTS, SUM, EXCESS, RESIDUAL])
        table = pd.concat([table, beside.to_frame("total")])
        table.loc[SUM] = table.sum()
        table.loc[EXCESS, "total"] = whole[EXCESS]
        table.loc[RESIDUAL, "total"] = whole[EXCESS] - table.at[SUM, "total"]
        return table.rename_axis(index="segment")


def brinson(result: Result, market: Market) -> BrinsonAttribution:
    """Take the active return of a run apart by industry (Brinson and Fachler 1985).

    On each session, with W and w the weights of a segment in portfolio and benchmark at the close
    before, R and r its returns in either, and b the return of the benchmark's weights,

        allocation (W - w)(r - b),    selection w (R - r),    interaction (W - w)(R - r)

    Cash is a segment of its own, with return zero. Where the benchmark holds nothing of a segment r is
    taken as R, so that all of it is allocation; where the portfolio holds nothing R is r. Trades within
    the session, charges, and the benchmark's level against its weights are lines of their own.

    Parameters
    ----------
    result
        A run with a benchmark.
    market
        The market it was run on; its industries of each close are used.

    Raises
    ------
    DataError
        The market has no industries, or as ``book``.

    Notes
    -----
    Brinson and Fachler (1985), "Measuring Non-US Equity Portfolio Performance", Journal of Portfolio
    Management 11(3).
    """
    days = book(result, market)
    labels = (*market.categories("industry"), UNPLACED, CASH)
    place = _segments(days, market, len(labels) - 2)
    own, ours = _by_segment(days.weights, days.returns, place, len(labels))
    base, theirs = _by_segment(days.benchmark_weights, days.returns, place, len(labels))
    whole = days.index_return[:, None]
    r = np.where(base > 0.0, _over(theirs, base), _over(ours, own))
    R = np.where(own > 0.0, _over(ours, own), r)
    effects = {
        "allocation": (own - base) * (r - whole),
        "selection": base * (R - r),
        "interaction": (own - base) * (R - r),
    }
    return _attribution(days, labels, own, base, effects)


def _segments(days: Book, market: Market, unplaced: int) -> Array:
    """Return the segment of each stock at the close before each session ``[S, n]``."""
    rows = market.dates.get_indexer(days.before)
    columns = market.stocks.get_indexer(days.stocks)
    code = market.values("industry")[np.ix_(rows, columns)].astype(np.int64)
    return np.where(code < 0, unplaced, code)


def _by_segment(weights: Array, returns: Array, place: Array, count: int) -> tuple[Array, Array]:
    """Return weights and weights times returns by segment ``[S, count]``; the last one is cash."""
    sessions = len(weights)
    flat = (np.arange(sessions)[:, None] * count + place).ravel()
    total, earned = (
        np.bincount(flat, values.ravel(), sessions * count).reshape(sessions, count)
        for values in (weights, weights * returns)
    )
    total[:, -1] = 1.0 - weights.sum(axis=1)
    return total, earned


def _over(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0.0)


def _attribution(
    days: Book, labels: tuple[str, ...], own: Array, base: Array, effects: dict[str, Array]
) -> BrinsonAttribution:
    """Lay out the effects of all segments that ever had a weight."""
    used = np.flatnonzero((own != 0.0).any(axis=0) | (base != 0.0).any(axis=0))

    def frame(values: Array) -> pd.DataFrame:
        return pd.DataFrame(values[:, used], index=days.dates, columns=[labels[k] for k in used])

    daily = pd.DataFrame({k: v.sum(axis=1) for k, v in effects.items()}, index=days.dates)
    return BrinsonAttribution(
        daily=daily.join(days.beside),
        portfolio=days.portfolio,
        benchmark=days.benchmark,
        weights=frame(own),
        benchmark_weights=frame(base),
        **{name: frame(values) for name, values in effects.items()},
    )
