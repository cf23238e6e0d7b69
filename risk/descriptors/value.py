"""Value, yield and leverage: accounting amounts against market value and against each other.

Arrays ``[size, N]`` in CNY, each known at the close of its row.
"""

from __future__ import annotations

import numpy as np

from risk.arrays import Floats


def log_cap(cap: Floats) -> Floats:
    """Natural logarithm of market value (LNCAP)."""
    return np.log(cap)


def ratio(amount: Floats, base: Floats) -> Floats:
    """Amount over a positive base (BTOP, ETOP, CETOP, DTOP, DPIBS, EPFWD, ATO, ROA and others)."""
    return np.divide(amount, base, out=np.full(amount.shape, np.nan), where=base > 0.0)


def enterprise_yield(ebit: Floats, cap: Floats, debt: Floats, cash: Floats) -> Floats:
    """Operating profit over enterprise value ``cap + debt - cash``, where that is positive (EM)."""
    return ratio(ebit, cap + debt - cash)


def market_leverage(cap: Floats, preferred: Floats, long_debt: Floats) -> Floats:
    """``(cap + preferred equity + long-term debt) / cap`` (MLEV)."""
    return ratio(cap + preferred + long_debt, cap)


def debt_share(long_debt: Floats, current: Floats, assets: Floats) -> Floats:
    """Long-term debt and current liabilities over total assets (DTOA)."""
    return ratio(long_debt + current, assets)


def book_leverage(book: Floats, preferred: Floats, long_debt: Floats) -> Floats:
    """``(book + preferred equity + long-term debt) / book``; NaN where book is not positive (BLEV)."""
    return ratio(book + preferred + long_debt, book)


def where_known(first: Floats, second: Floats) -> Floats:
    """Take the first definition where it is known, the second elsewhere."""
    return np.where(np.isfinite(first), first, second)
