"""What limits read besides weights and risk, taken from a snapshot: liquidity, size, status, age outside.

Everything is known at the close of the snapshot's date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

import numpy as np
import pandas as pd

from market import DataError, Market, Snapshot

Array = np.ndarray

AMOUNT_SESSIONS = 20  # the average daily value is that of a month
YEAR = (
    260  # sessions that are searched for when a stock left an index or came under special treatment
)
BANDS = (
    300,
    800,
)  # ranks by market value where large ends and where mid ends, as in CSI 300 and 500


def stock_data(
    snapshot: Snapshot,
    stocks: pd.Index,
    benchmark: str,
    needs: Iterable[str],
    given: Mapping[str, pd.DataFrame],
    alpha_error: pd.Series,
) -> pd.DataFrame:
    """Return the columns that are needed, and ``weeks_out``, which every diagnosis likes ``[N, C]``.

    Parameters
    ----------
    snapshot, stocks, benchmark
        Where, for whom, against which index.
    needs
        ``amount`` (average daily traded value of a month, CNY), ``cap_band`` (``large``, ``mid``,
        ``small`` by rank of market value), ``board``, ``st``, ``weeks_st`` and ``weeks_out`` (whole weeks
        since special treatment began, since the stock left the index; NaN where neither), ``alpha_error``,
        or a name in ``given``.
    given
        Frames date x stock of one's own, known at the close of their dates.
    alpha_error
        Standard error of alpha by stock.

    Raises
    ------
    DataError
        A name that is neither, or a frame without the date.
    """
    columns: dict[str, pd.Series | Array] = {}
    for name in dict.fromkeys((*needs, "weeks_out")):
        if name in given:
            columns[name] = _row(name, given[name], snapshot.date).reindex(stocks).to_numpy()
        elif name == "alpha_error":
            columns[name] = alpha_error.loc[stocks].to_numpy()
        elif name in KNOWN:
            at = snapshot.market.stocks.get_indexer(stocks)
            columns[name] = np.asarray(KNOWN[name](snapshot.market, benchmark))[at]
        else:
            raise DataError(
                f"a limit of {snapshot.date:%Y-%m-%d} needs the column {name!r}; the policy knows "
                f"{', '.join([*KNOWN, 'alpha_error', *given])}: add it by with_config(data={{...}})"
            )
    return pd.DataFrame(columns, index=stocks)


def _row(name: str, frame: pd.DataFrame, date: pd.Timestamp) -> pd.Series:
    if date not in frame.index:
        raise DataError(
            f"data {name!r} has no row for {date:%Y-%m-%d}; it has {len(frame)} dates, give every rebalance"
        )
    return frame.iloc[frame.index.get_indexer(pd.Index([date]))[0]]


def _amount(market: Market, benchmark: str) -> Array:
    """Return the average traded value of a month ``[M]``, CNY; days without a trade count as zero."""
    del benchmark
    if market.has("amount"):
        traded = market.values("amount")[-AMOUNT_SESSIONS:]
    else:
        recent = market.between(market.dates[-AMOUNT_SESSIONS:][0], market.dates[-1])
        traded = recent.deal_price().to_numpy() * recent.values("volume")
    return np.nan_to_num(traded.astype(np.float64)).mean(axis=0)


def _cap_band(market: Market, benchmark: str) -> Array:
    """Return ``large``, ``mid`` or ``small`` by rank of market value ``[M]``."""
    del benchmark
    cap = market.values("close_filled")[-1] * market.values("shares")[-1]
    rank = pd.Series(np.asarray(cap, np.float64)).rank(ascending=False, na_option="bottom")
    bands = np.array(["large", "mid", "small"], dtype=object)
    return bands[np.searchsorted(BANDS, rank.to_numpy() - 0.5)]


def _board(market: Market, benchmark: str) -> Array:
    del benchmark
    return market.securities["board"].to_numpy(object)


def _st(market: Market, benchmark: str) -> Array:
    del benchmark
    return market.values("st")[-1].astype(bool)


def _weeks_st(market: Market, benchmark: str) -> Array:
    del benchmark
    treated = market.values("st")[-YEAR:].astype(bool)
    return weeks_since(~treated, treated[-1], market.dates[-YEAR:])


def _weeks_out(market: Market, benchmark: str) -> Array:
    member = market.index(benchmark).member[-YEAR:]
    return weeks_since(member, ~member[-1] & member.any(axis=0), market.dates[-YEAR:])


def weeks_since(state: Array, over: Array, dates: pd.DatetimeIndex) -> Array:
    """Return whole weeks from the first session after ``state`` ended, where it is ``over`` ``[M]``."""
    last = len(state) - 1 - state[::-1].argmax(axis=0)  # of the last session in the state
    first = np.where(state.any(axis=0), last + 1, 0)
    days = (dates[-1] - dates[np.minimum(first, len(dates) - 1)]) // timedelta(days=1)
    return np.where(over, np.asarray(days) // 7, np.nan)


KNOWN: Mapping[str, Callable[[Market, str], Array]] = {
    "amount": _amount,
    "cap_band": _cap_band,
    "board": _board,
    "st": _st,
    "weeks_st": _weeks_st,
    "weeks_out": _weeks_out,
}
