"""Score groups held as portfolios between rebalances: returns and turnover with drifted weights."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.evaluate.correlations import require
from alpha.evaluate.kernel import MIN_NAMES
from alpha.evaluate.performance import Mode, performance
from market.calendar import Schedule, rebalance_dates

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class GroupTest:
    """Daily returns of equal-weight score groups without costs; group 1 holds the highest scores."""

    returns: pd.DataFrame  # date x group 1..G
    universe: pd.Series  # by date: all scored stocks, equal weight, held the same way
    turnover: pd.DataFrame  # rebalance x group: one-way, against drifted weights; NaN on the first

    def excess(self) -> pd.DataFrame:
        """Daily return of each group less that of the universe."""
        return self.returns.sub(self.universe, axis=0)

    def long_short(self) -> pd.Series:
        """Daily return of the first group less that of the last."""
        return (self.returns.iloc[:, 0] - self.returns.iloc[:, -1]).rename("long_short")

    def summary(self, mode: Mode = "compound") -> pd.DataFrame:
        """One row a group, and ``long_short``.

        Returns
        -------
        DataFrame
            ``annual`` return of the group itself; ``excess``, ``volatility``, ``ratio`` and ``drawdown`` of
            its daily excess over the universe (of itself for ``long_short``); mean ``turnover`` a rebalance.
        """
        excess, rows = self.excess(), {}
        for group in self.returns.columns:
            own = performance(self.returns[group], mode)["annual"]
            over = performance(excess[group], mode).rename({"annual": "excess"}).drop("days")
            mean = self.turnover[group].mean()
            rows[group] = pd.concat(
                [pd.Series({"annual": own}), over, pd.Series({"turnover": mean})]
            )
        table = pd.DataFrame(rows).T
        table.loc["long_short"] = performance(self.long_short(), mode).drop("days")
        return table.rename_axis("group")


def groups(
    scores: pd.DataFrame,
    returns: pd.DataFrame,
    count: int = 5,
    schedule: Schedule = "weekly",
    delay: int = 1,
) -> GroupTest:
    """Hold equal-weight score groups from one rebalance to the next.

    Scores known at the close of a rebalance date t are traded at the price of session t + ``delay``, and
    held to that of the next rebalance; in between weights drift with returns. The groups differ by at
    most one stock in size, ties are split by column order. Stocks without a return on the entry session
    (suspended) are left out of the groups; a holding without a return stays at its last price.

    Parameters
    ----------
    scores
        Date x stock; the first and last date bound the test.
    returns
        Date x stock, simple returns from the deal price of one session to that of the next: close to
        close for deals at the close.
    count
        Number of groups.
    schedule
        Rebalance dates among those of the scores; see ``market.calendar.rebalance_dates``.
    delay
        Sessions from signal to trade, 1 at least.

    Returns
    -------
    GroupTest
        NaN from a rebalance with fewer than 10 stocks, or fewer than groups, to the next.

    Raises
    ------
    ValueError
        Fewer than two groups, no delay, scores outside the returns, or too short a test to hold a day.

    Examples
    --------
    Two stocks in a group, one doubles: weights drift to 2/3 and 1/3, and to hold them equally again takes
    a one-way turnover of 1/6.
    """
    if count < 2 or delay < 1:
        raise ValueError(
            f"evaluate: groups need count >= 2 (is {count}) and delay >= 1 (is {delay}): what the close "
            "of t tells cannot be traded at that close"
        )
    require(scores.index, returns.index, "dates", "returns")
    require(scores.columns, returns.columns, "stocks", "returns")
    test = _Test(scores, returns, count)
    decided = rebalance_dates(pd.DatetimeIndex(scores.index), schedule)
    enter = returns.index.get_indexer(decided) + delay
    last = int(returns.index.get_indexer(scores.index[-1:])[0])
    decided, enter = decided[enter < last], enter[enter < last]
    if not len(decided):
        raise ValueError(
            f"evaluate: no rebalance between {scores.index[0]:%Y-%m-%d} and {scores.index[-1]:%Y-%m-%d} "
            f"leaves a day to hold after {delay} sessions; use more dates or another schedule"
        )
    return test.run(decided, enter, last)


@dataclass(frozen=True, eq=False)
class _Book:
    """Who is in which group."""

    group: Whole  # [N], -1 in none
    order: Whole  # columns of the members, group after group
    starts: Whole  # [G] where each group begins in ``order``
    sizes: Whole  # [G]


class _Test:
    def __init__(self, scores: pd.DataFrame, returns: pd.DataFrame, count: int) -> None:
        self.scores, self.count = scores, count
        self.dates = returns.index
        same = returns.columns.equals(scores.columns)
        self.returns = (returns if same else returns[scores.columns]).to_numpy()

    def run(self, decided: pd.DatetimeIndex, enter: Whole, last: int) -> GroupTest:
        """Go from rebalance to rebalance."""
        wanted = self.scores.loc[decided].to_numpy(np.float64)
        leave = np.append(enter[1:], last)
        first = int(enter[0])
        daily = np.full((last - first, self.count + 1), np.nan)
        turnover = np.full((len(decided), self.count), np.nan)
        held: tuple[Whole, Floats] | None = None  # groups and drifted weights before the trade
        for k, (begin, end) in enumerate(zip(enter, leave, strict=True)):
            book = self._book(wanted[k], begin)
            if book is None:
                held = None
                continue
            if held is not None:
                turnover[k] = _turnover(*held, book)
            growth = np.cumprod(
                1.0 + np.nan_to_num(self.returns[begin + 1 : end + 1, book.order]), axis=0
            )
            daily[begin - first : end - first] = _returns(growth, book)
            held = book.group, _drifted(growth[-1], book)
        columns = range(1, self.count + 1)
        index = self.dates[first + 1 : last + 1]
        return GroupTest(
            pd.DataFrame(daily[:, 1:], index, columns),
            pd.Series(daily[:, 0], index, name="universe"),
            pd.DataFrame(turnover, decided, columns),
        )

    def _book(self, scores: Floats, enter: int) -> _Book | None:
        """Sort the stocks that have a score and trade on the entry session into groups."""
        columns = np.flatnonzero(np.isfinite(scores) & np.isfinite(self.returns[enter]))
        if len(columns) < max(self.count, MIN_NAMES):
            return None
        order = columns[np.argsort(-scores[columns], kind="stable")]
        small, larger = divmod(len(order), self.count)
        sizes = np.full(self.count, small)
        sizes[:larger] += 1
        group = np.full(len(scores), -1)
        group[order] = np.repeat(np.arange(self.count), sizes)
        return _Book(group, order, np.cumsum(sizes) - sizes, sizes)


def _returns(growth: Floats, book: _Book) -> Floats:
    """Daily returns ``[D, 1 + G]`` of the universe and the groups from growth ``[D, M]`` since entry."""
    value = np.add.reduceat(growth, book.starts, axis=1)
    both = np.column_stack([value.sum(axis=1) / book.sizes.sum(), value / book.sizes])
    return both / np.vstack([np.ones(both.shape[1]), both[:-1]]) - 1.0


def _drifted(growth: Floats, book: _Book) -> Floats:
    """Weight of each stock in its group ``[N]`` after ``growth [M]``."""
    weights = np.zeros(len(book.group))
    weights[book.order] = growth / np.repeat(np.add.reduceat(growth, book.starts), book.sizes)
    return weights


def _turnover(old: Whole, weights: Floats, book: _Book) -> Floats:
    """``0.5 sum |new - drifted|`` of each group ``[G]``; old groups and weights are ``[N]``."""
    count, new = len(book.sizes), book.group
    target = np.where(new >= 0, 1.0 / book.sizes[new], 0.0)
    stays = (old == new) & (new >= 0)
    total = np.zeros(count)
    for who, amount, where in (
        (stays, np.abs(target - weights), new),
        ((new >= 0) & ~stays, target, new),
        ((old >= 0) & ~stays, weights, old),
    ):
        total += np.bincount(where[who], amount[who], count)
    return 0.5 * total
