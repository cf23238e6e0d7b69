"""Growth, variability and quality of a company, from its statements of several fiscal years.

Fiscal-year items come as stacks ``[years, ...]``, the newest year first, each as known at the close of
its row. They are company totals; where share counts by year exist the caller divides by them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from risk.arrays import Floats
from risk.descriptors.value import ratio

LEAST_YEARS = 3


def growth(years: Floats) -> Floats:
    """Slope of the least-squares line through up to five years over the mean absolute value.

    EGRO of earnings, SGRO of sales; with a minus AGRO of assets, IGRO of shares, CXGRO of investment. A
    signed mean would turn the sign of loss makers round. Three years are needed.

    Examples
    --------
    >>> growth(np.array([[5.0], [4.0], [3.0], [2.0], [1.0]]))  # one a year on a mean of three
    array([0.33333333])
    """
    known = np.isfinite(years)
    value = np.where(known, years, 0.0)
    when = -np.arange(len(years), dtype=np.float64).reshape(-1, *[1] * (years.ndim - 1))
    count = known.sum(axis=0)
    centre = np.sum(known * when, axis=0) / np.maximum(count, 1)
    gap = np.where(known, when - centre, 0.0)
    slope = ratio(np.sum(gap * value, axis=0), np.sum(gap * gap, axis=0))
    level = np.sum(np.abs(value), axis=0) / np.maximum(count, 1)
    return np.where(count >= LEAST_YEARS, ratio(slope, level), np.nan)


def variability(years: Floats) -> Floats:
    """Standard deviation over absolute mean of up to five years (VSAL, VERN, VFLO); three are needed."""
    known = np.isfinite(years)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.sum(np.where(known, years, 0.0), axis=0) / count
    gap = np.where(known, years - mean, 0.0)
    spread = np.sqrt(np.sum(gap * gap, axis=0) / count)
    return np.where(known.sum(axis=0) >= LEAST_YEARS, ratio(spread, np.abs(mean)), np.nan)


def compound(years: Floats) -> Floats:
    """Yearly growth over three years ``(x1 / x4)^(1/3) - 1`` of what was positive (SALES3Y, NA3Y)."""
    times = ratio(years[0], years[3])
    return np.where(times > 0.0, np.cbrt(np.where(times > 0.0, times, 1.0)) - 1.0, np.nan)


def return_change(income: Floats, book: Floats) -> Floats:
    """Mean yearly change of the return on equity over three years (DROE)."""
    return (ratio(income[0], book[0]) - ratio(income[3], book[3])) / 3.0


def balance_accruals(
    assets: Floats, cash: Floats, liabilities: Floats, debt: Floats, depreciation: Floats
) -> Floats:
    """Minus the accruals of the balance sheet over assets (ABS).

    ``-(dNOA - depreciation) / assets`` with net operating assets ``(assets - cash) - (liabilities -
    debt)`` and d the change over the last fiscal year. Stacks of two years; depreciation of one.
    """
    operating = (assets - cash) - (liabilities - debt)
    return -ratio(operating[0] - operating[1] - depreciation, assets[0])


def flow_accruals(
    income: Floats, operating: Floats, investing: Floats, depreciation: Floats, assets: Floats
) -> Floats:
    """Minus the accruals of the cash flow: ``-(income - (operating + investing) + depreciation) / assets``.

    (ACF.)
    """
    return -ratio(income - (operating + investing) + depreciation, assets)


def when_new(describe: Callable[[Floats], Floats], years: Sequence[Floats]) -> Floats:
    """Describe stacks only where a year's figure changed from one row to the next; carry it down.

    ``years`` are arrays ``[size, N]``, newest first. Figures change once a year, so this saves nearly
    everything; the values are those of describing every cell.
    """
    shape = years[0].shape
    fresh = np.zeros(shape, dtype=bool)
    fresh[0] = True
    for x in years:
        both_unknown = np.isnan(x[1:]) & np.isnan(x[:-1])
        fresh[1:] |= (x[1:] != x[:-1]) & ~both_unknown
    values = np.full(shape, np.nan)
    values[fresh] = describe(np.stack([x[fresh] for x in years]).astype(np.float64))
    row = np.where(fresh, np.arange(shape[0])[:, None], 0)
    return np.take_along_axis(values, np.maximum.accumulate(row, axis=0), axis=0)
