"""Complete panels of returns: which stocks have enough history, and what their gaps become."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market import DataError
from risk.arrays import Bools, Floats


@dataclass(frozen=True, eq=False)
class Panel:
    """Returns without gaps, and what it took.

    Attributes
    ----------
    returns
        ``[T, n]``, no NaN.
    filled
        Sessions filled, by stock; only stocks with gaps.
    left_out
        Sessions observed, by stock; those with too few to be in ``returns``.
    """

    returns: pd.DataFrame
    filled: pd.Series
    left_out: pd.Series


def complete(returns: pd.DataFrame, allowed: float = 0.1) -> Panel:
    """Leave out stocks with more than a share of gaps, and fill the gaps of the others.

    A session that a stock missed takes what the market explains of it, ``a + b m_t``: m the mean return
    of the kept stocks, a and b by least squares on the sessions observed. As that has no specific part,
    the stock's deviations are then stretched to the variance of its observed sessions. Zero, the return
    of a price carried forward, would make a suspended stock look safe.

    Parameters
    ----------
    returns
        ``[T, N]`` simple returns, NaN where not traded.
    allowed
        Largest share of sessions that a stock may miss; 0 keeps complete stocks only.

    Raises
    ------
    DataError
        No stock is complete enough, or a session on which none of the kept stocks traded.
    ValueError
        ``allowed`` outside [0, 0.5].
    """
    if not 0.0 <= allowed <= 0.5:
        raise ValueError(f"allowed is {allowed}; use a share of sessions between 0 and 0.5")
    seen = np.isfinite(returns.to_numpy())
    observed = pd.Series(seen.sum(axis=0), returns.columns, name="observed")
    kept = (observed >= (1.0 - allowed) * len(returns)).to_numpy() & (observed > 1).to_numpy()
    if not kept.any():
        raise DataError(
            f"none of {len(kept)} stocks traded on {1.0 - allowed:.0%} of the {len(returns)} sessions; "
            f"the fullest has {observed.max() if len(kept) else 0}: allow more gaps or use a longer history"
        )
    x = np.array(returns.loc[:, kept], dtype=np.float64)
    _require_traded(seen[:, kept], returns.index)
    gaps = ~seen[:, kept]
    thin = gaps.any(axis=0)
    x[:, thin] = _filled(x[:, thin], gaps[:, thin], np.nanmean(x, axis=1))
    frame = pd.DataFrame(x, returns.index, returns.columns[kept])
    filled = pd.Series(gaps[:, thin].sum(axis=0), frame.columns[thin], name="filled")
    return Panel(frame, filled, observed[~kept])


def _filled(x: Floats, gaps: Bools, market: Floats) -> Floats:
    """Fill the gaps of returns ``[T, n]`` with the market model, then restore each stock's variance."""
    there = ~gaps
    count = there.sum(axis=0)
    known = np.where(there, x, 0.0)
    m = np.where(there, market[:, None], 0.0)
    mean_x, mean_m = known.sum(axis=0) / count, m.sum(axis=0) / count
    spread_x = np.where(there, x - mean_x, 0.0)
    spread_m = np.where(there, market[:, None] - mean_m, 0.0)
    slope = (spread_x * spread_m).sum(axis=0) / np.maximum((spread_m**2).sum(axis=0), 1e-300)
    deviation = np.where(there, spread_x, slope * (market[:, None] - mean_m))
    deviation -= deviation.mean(axis=0)
    before = (spread_x**2).sum(axis=0) / count
    after = (deviation**2).mean(axis=0)
    stretch = np.sqrt(np.divide(before, after, out=np.ones_like(after), where=after > 0.0))
    return mean_x + deviation * stretch


def _require_traded(seen: Bools, sessions: pd.Index) -> None:
    idle = np.asarray(~seen.any(axis=1))
    if idle.any():
        raise DataError(
            f"{int(idle.sum())} sessions have no return of any kept stock, first {sessions[idle][0]}; "
            "leave those rows out (the first session of a market has no return)"
        )
