"""The league table: several models, on one label, in several universes, year by year."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alpha.evaluate.correlations import rank_ic
from alpha.evaluate.holding import GroupTest, groups
from alpha.evaluate.performance import performance
from alpha.evaluate.tables import by_year
from alpha.labels import Label
from market import Index, Market
from market.calendar import Schedule

ALL = "all"  # every scored stock
GROUPS_ALL, GROUPS_INDEX = 20, 5  # as the tables of the ASTGNN report


def within(scores: pd.DataFrame, index: Index) -> pd.DataFrame:
    """Keep the scores of stocks that are members of ``index`` on their date; NaN elsewhere.

    Raises
    ------
    ValueError
        A date or stock of the scores that the index's market does not have.
    """
    rows = index.dates.get_indexer(pd.DatetimeIndex(scores.index))
    columns = index.stocks.get_indexer(scores.columns)
    for what, where, names in (("dates", rows, scores.index), ("stocks", columns, scores.columns)):
        if (where < 0).any():
            raise ValueError(
                f"evaluate: {int((where < 0).sum())} of {len(where)} {what} of the scores are not in the "
                f"market of {index.name}, first {names[where < 0][0]}; use the market they were made on"
            )
    return scores.where(index.member[np.ix_(rows, columns)])


@dataclass(frozen=True, eq=False)
class Judged:
    """One model in one universe."""

    model: str
    universe: str
    scores: pd.DataFrame  # NaN outside the universe
    daily: pd.Series  # RankIC of each date
    every: int  # dates from one sample to the next
    groups: GroupTest

    @property
    def rank_ic(self) -> pd.Series:
        """RankIC of the sampled dates."""
        return self.daily.iloc[:: self.every]

    def table(self) -> pd.DataFrame:
        """One row a calendar year and ``all``; see :func:`league`."""
        daily, sampled = by_year(self.daily), by_year(self.rank_ic)
        table = sampled.reindex(daily.index).drop(columns="std").rename(columns={"mean": "rank_ic"})
        table["days"] = table["days"].fillna(0.0)  # a year too short to hold a sampled date
        table["rank_ic_daily"] = daily["mean"]
        excess, turnover = self.groups.excess()[1], self.groups.turnover[1]
        named = self.scores.notna().sum(axis=1)
        for period in table.index:
            top = performance(_in_period(excess, period)).drop("days").rename({"annual": "excess"})
            table.loc[period, top.index] = top
            table.loc[period, "turnover"] = _in_period(turnover, period).mean()
            table.loc[period, "stocks"] = _in_period(named, period).mean()
        return table


def judge(
    models: Mapping[str, pd.DataFrame],
    market: Market,
    label: Label,
    indexes: Sequence[str] | None = None,
    *,
    every: int | None = None,
    schedule: Schedule = "weekly",
    price: str = "close",
) -> Iterator[Judged]:
    """Measure each model in each universe, all scored stocks first; see :func:`league`."""
    names = _by_size(market.indexes) if indexes is None else list(indexes)
    if ALL in names:
        raise ValueError(
            f"evaluate: an index is named {ALL!r}, which stands for every scored stock; leave it out of "
            f"indexes={names}, or give it another name"
        )
    world = touched(models, market, label.horizon)
    outcome, returns = label.values(world), _deal_returns(world, price)
    step = label.horizon - label.entry if every is None else every
    for universe in (ALL, *names):
        count = GROUPS_ALL if universe == ALL else GROUPS_INDEX
        for model, scores in models.items():
            inside = scores if universe == ALL else within(scores, world.index(universe))
            test = groups(inside, returns, count, schedule)
            yield Judged(model, universe, inside, rank_ic(inside, outcome), step, test)


def league(
    models: Mapping[str, pd.DataFrame],
    market: Market,
    label: Label,
    indexes: Sequence[str] | None = None,
    *,
    every: int | None = None,
    schedule: Schedule = "weekly",
    price: str = "close",
) -> pd.DataFrame:
    """Measure several models in several universes, by year.

    Parameters
    ----------
    models
        Name to scores, date x stock, on sessions and stocks of the market.
    market
        Reaches further than the scores by the horizon of the label, or the last dates are not judged.
    label
        What the RankIC is taken against.
    indexes
        Universes besides ``all``, which is every scored stock; by default all of the market.
    every
        RankIC on each ``every``-th date of the scores; the sessions between entry and exit of the label
        by default, so that outcomes do not overlap.
    schedule, price
        Rebalances and deal price of the group test: 20 groups of all stocks, 5 in an index, traded on the
        session after the rebalance, no costs.

    Returns
    -------
    DataFrame
        Rows (``universe``, ``model``, ``period``), period a year or ``all``; columns ``rank_ic``, ``icir``,
        ``positive`` (share), ``days`` measured; ``rank_ic_daily``, the mean over every date, whose outcomes
        overlap but do not depend on which date the sampling begins with; of the top group's excess over the equal-weight universe the
        annual ``excess``, ``volatility``, ``ratio`` and ``drawdown``; its mean one-way ``turnover`` a rebalance;
        mean number of scored ``stocks``. Fractions.

    Raises
    ------
    DataError
        An unknown index or price.
    ValueError
        Scores outside the market.
    """
    found = judge(models, market, label, indexes, every=every, schedule=schedule, price=price)
    return table_of(list(found))


def table_of(judged: Sequence[Judged]) -> pd.DataFrame:
    """Stack the tables of what :func:`judge` gave."""
    tables = {(j.universe, j.model): j.table() for j in judged}
    table = pd.concat(tables, names=["universe", "model", "period"])
    # levels in the order of the rows, which pandas then takes for sorted: a slice needs no search
    values = [table.index.get_level_values(k) for k in range(3)]
    levels = [list(values[0].unique()), list(values[1].unique()), sorted(values[2].unique())]
    codes = [list(pd.Index(levels[k]).get_indexer(values[k])) for k in range(3)]
    return table.set_axis(pd.MultiIndex(levels, codes, names=table.index.names))


def _by_size(names: Sequence[str]) -> list[str]:
    """``csi300, csi500, csi1000`` in the order of their numbers."""
    return sorted(names, key=lambda name: (len(name), name))


def _in_period(series: pd.Series, period: str) -> pd.Series:
    return series if period == "all" else series[pd.DatetimeIndex(series.index).year == int(period)]


def touched(models: Mapping[str, pd.DataFrame], market: Market, horizon: int) -> Market:
    """Cut out the part of the market that the scores touch, and ``horizon`` sessions after them.

    Raises
    ------
    DataError
        A score on a date that is no session.
    ValueError
        No models, or stocks that the market does not have.
    """
    if not models:
        raise ValueError("evaluate: no models to judge; give {name: scores}")
    first = min(market.row(scores.index[0]) for scores in models.values())
    last = max(market.row(scores.index[-1]) for scores in models.values()) + horizon
    stocks = pd.Index(np.unique(np.concatenate([s.columns for s in models.values()])))
    unknown = stocks.difference(market.stocks)
    if len(unknown):
        raise ValueError(
            f"evaluate: {len(unknown)} of {len(stocks)} scored stocks are not in the market, first "
            f"{list(unknown[:3])}; use the market that the scores were made on"
        )
    last = min(last, len(market.dates) - 1)
    return market.between(market.dates[first], market.dates[last]).select(stocks)


def _deal_returns(market: Market, price: str) -> pd.DataFrame:
    """Simple returns from deal price to deal price, ``[T, N]``; the whole gap after a suspension."""
    if price == "close":
        return market.returns()
    values = market.deal_price(price) * market.values("factor")
    values = values.where((market.values("volume") > 0) & (values > 0))
    return (values / values.ffill().shift(1) - 1.0).where(values.notna())
