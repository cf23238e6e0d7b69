"""The alphabet of the formulas.

By stock and date: ``+ - * / **``, comparisons, ``a if c else b``, ``abs log sign sqrt``, ``max(a, b)``,
``min(a, b)``, ``signedpower(a, b)`` = sign(a) |a|^b.

Through time, with a window d in sessions: ``lag(x, d)``, ``delta(x, d)`` = x - lag(x, d), ``sum mean std``,
``slope rsquare residual`` (line on calendar positions; the residual is today's), ``corr cov`` of two series,
``ts_max ts_min``, ``ts_argmax ts_argmin`` (1 the oldest day, d today; the oldest of equals), ``ts_rank``
(percentile of today in its window), ``quantile(x, d, q)``, ``decay_linear`` (weights d .. 1, newest heaviest).

Across the stocks of a day: ``rank`` (percentile in (0, 1], ties average), ``scale`` (x / sum |x|).

A missing value stays missing by stock and date; through time it is skipped.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alpha.ranks import row_ranks

Panel = NDArray[np.float32]

# Python's names of the symbols -> ours
SYMBOLS: Mapping[str, str] = {
    "Add": "add", "Sub": "subtract", "Mult": "multiply", "Div": "divide", "Pow": "power",
    "Gt": "greater", "Lt": "less", "GtE": "greater_equal", "LtE": "less_equal",
}  # fmt: skip


@dataclass(frozen=True)
class Pointwise:
    """A function of ``nin`` float64 arrays of one shape."""

    nin: int
    function: Callable[..., Any]


def _compare(ufunc: np.ufunc) -> Callable[..., Any]:
    """1 or 0, and missing where either side is."""

    def compared(a: Any, b: Any) -> Any:
        return np.where(np.isnan(a) | np.isnan(b), np.nan, ufunc(a, b))

    return compared


def _where(condition: Any, a: Any, b: Any) -> Any:
    return np.where(np.isnan(condition), np.nan, np.where(condition > 0, a, b))


def _signedpower(a: Any, b: Any) -> Any:
    return np.sign(a) * np.abs(a) ** b


POINTWISE: Mapping[str, Pointwise] = {
    **{n: Pointwise(2, getattr(np, n)) for n in ("add", "subtract", "multiply", "divide", "power")},
    **{
        n: Pointwise(2, _compare(getattr(np, n)))
        for n in ("greater", "less", "greater_equal", "less_equal")
    },
    **{n: Pointwise(1, getattr(np, n)) for n in ("negative", "abs", "log", "sign", "sqrt")},
    "max": Pointwise(2, np.maximum),
    "min": Pointwise(2, np.minimum),
    "where": Pointwise(3, _where),
    "signedpower": Pointwise(2, _signedpower),
}


@dataclass(frozen=True)
class Rolling:
    """An operator through time; those of one ``family`` on the same series share a pass."""

    family: str
    series: int = 1


ROLLING: Mapping[str, Rolling] = {
    "sum": Rolling("total"), "mean": Rolling("mean"), "std": Rolling("spread"),
    "slope": Rolling("line"), "rsquare": Rolling("line"), "residual": Rolling("line"),
    "corr": Rolling("corr", 2), "cov": Rolling("cov", 2), "decay_linear": Rolling("decay"),
    "ts_max": Rolling("peak"), "ts_argmax": Rolling("peak"),
    "ts_min": Rolling("trough"), "ts_argmin": Rolling("trough"),
    "ts_rank": Rolling("rank"), "quantile": Rolling("quantile"),
}  # fmt: skip


def rank(panel: Panel) -> Panel:
    """Percentile rank of each stock among those of its day, in (0, 1]; ties share their average."""
    ranks = row_ranks(panel, np.isfinite(panel))
    count = np.maximum(np.isfinite(ranks).sum(axis=1, keepdims=True), 1)
    return (ranks / count).astype(np.float32)


def scale(panel: Panel) -> Panel:
    """``x / sum |x|`` over the stocks of each day; missing on a day of zeros."""
    size = np.nansum(np.abs(panel), axis=1, keepdims=True, dtype=np.float64)
    return (panel / np.where(size > 0, size, np.nan)).astype(np.float32)


ACROSS: Mapping[str, Callable[[Panel], Panel]] = {"rank": rank, "scale": scale}
