"""Liquidity: how much of its shares a stock turns over.

``turned`` ``[M, N]`` is the share of the float traded on a session, NaN where none was. Averages run over
the sessions that traded, so a suspension does not make a stock look illiquid.
"""

from __future__ import annotations

import numpy as np

from risk.arrays import Floats
from risk.descriptors.returns import MONTH, YEAR
from risk.descriptors.volatility import DFQ_YEAR, market_model
from risk.windows import trailing_mean


def turnover(turned: Floats, months: int, size: int) -> Floats:
    """Logarithm of a month's turnover, averaged over ``months`` (1: STOM, 3: STOQ, 12: STOA)."""
    mean = trailing_mean(turned, months * MONTH, size)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(mean > 0.0, np.log(MONTH * mean), np.nan)


def annual_turnover(turned: Floats, size: int) -> Floats:
    """252 times the mean turnover of 252 sessions, half-life 63 (ATVR)."""
    return YEAR * trailing_mean(turned, YEAR, size, half_life=63)


def log_turnover(turned: Floats, size: int) -> Floats:
    """Mean logarithm of turnover over 243 sessions (TO)."""
    return trailing_mean(_logs(turned), DFQ_YEAR, size)


def liquidity_beta(turned: Floats, whole: Floats, size: int) -> Floats:
    """Slope of log turnover on the log turnover of the market ``[M]`` over 243 sessions (LIQBETA)."""
    return market_model(_logs(turned), _logs(whole), size, DFQ_YEAR, np.inf).beta


def _logs(turned: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(turned > 0.0, np.log(turned), np.nan)
