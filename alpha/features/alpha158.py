"""Columns of Alpha158, the daily price-volume features of the qlib handler of that name.

O, H, L, C are adjusted prices, V adjusted volume; d a window in sessions; R(x, d) the value d days ago.
Two departures from the original: a day without volume is missing rather than zero, and the "constant
window" test is relative to the level of the series (the original's absolute 2e-5 deletes RSQR and CORR
of heavily adjusted cheap stocks).

Adding a feature is one line in :data:`FORMULAS`.
"""

from collections.abc import Mapping
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alpha.features.bars import Bars
from alpha.features.feature_set import FeatureSet, Formula
from alpha.features.rolling import corr, highest, lag, lowest, mean, moments, std, trend

WINDOWS = (5, 10, 20, 30, 60)
EPS = 1e-12  # of the original: keeps 0 / 0 at 0

Array = NDArray[np.float32]


def _rsv(b: Bars, d: int) -> Array:
    low = lowest(b.low, d)
    return (b.close - low) / (highest(b.high, d) - low + np.float32(EPS))


def _change_volume_corr(b: Bars, d: int) -> Array:
    change = b.close / lag(b.close, 1)
    return corr(change, np.log(b.volume / lag(b.volume, 1) + 1), d)


def _weighted_volatility(b: Bars, d: int) -> Array:
    centre, spread = moments(np.abs(b.close / lag(b.close, 1) - 1) * b.volume, d)
    return spread / (centre + np.float32(EPS))


class _Windowed(Protocol):
    def __call__(self, b: Bars, d: int) -> Array: ...


def _each(name: str, formula: _Windowed) -> dict[str, Formula]:
    """Return the five windows of one operator: ``ROC`` -> ``ROC5`` .. ``ROC60``."""
    return {f"{name}{d}": partial(formula, d=d) for d in WINDOWS}


FORMULAS: Mapping[str, Formula] = {
    "KMID": lambda b: (b.close - b.open) / b.open,
    "KLEN": lambda b: (b.high - b.low) / b.open,
    "KUP": lambda b: (b.high - np.maximum(b.open, b.close)) / b.open,
    "KLOW": lambda b: (np.minimum(b.open, b.close) - b.low) / b.open,
    "KSFT": lambda b: (2 * b.close - b.high - b.low) / b.open,
    **_each("ROC", lambda b, d: lag(b.close, d) / b.close),
    **_each("MA", lambda b, d: mean(b.close, d) / b.close),
    **_each("STD", lambda b, d: std(b.close, d) / b.close),
    **_each("BETA", lambda b, d: trend(b.close, d)[0] / b.close),
    **_each("RSQR", lambda b, d: trend(b.close, d)[1]),
    **_each("RESI", lambda b, d: trend(b.close, d)[2] / b.close),
    **_each("MAX", lambda b, d: highest(b.high, d) / b.close),
    **_each("MIN", lambda b, d: lowest(b.low, d) / b.close),
    **_each("RSV", _rsv),
    **_each("CORR", lambda b, d: corr(b.close, np.log(b.volume + 1), d)),
    **_each("CORD", _change_volume_corr),
    **_each("VMA", lambda b, d: mean(b.volume, d) / (b.volume + np.float32(EPS))),
    **_each("VSTD", lambda b, d: std(b.volume, d) / (b.volume + np.float32(EPS))),
    **_each("WVMA", _weighted_volatility),
}


def alpha158(name: str, columns: str) -> FeatureSet:
    """Return the set of the space-separated ``columns`` of :data:`FORMULAS`."""
    unknown = [c for c in columns.split() if c not in FORMULAS]
    if unknown:
        raise ValueError(f"feature set {name}: no formula for {unknown}; have {list(FORMULAS)}")
    return FeatureSet(name, {c: FORMULAS[c] for c in columns.split()})


_TWENTY = (
    "RESI5 WVMA5 RSQR5 KLEN RSQR10 CORR5 CORD5 CORR10 ROC60 RESI10 "
    "VSTD5 RSQR60 CORR60 WVMA60 STD5 RSQR20 CORD60 CORD10 CORR20 KLOW"
)
# The subset that qlib feeds to recurrent models.
ALPHA158_20 = alpha158("alpha158_20", _TWENTY)
# The twenty describe shape; these ten add the level of returns, volatility and turnover.
ALPHA158_30 = alpha158(
    "alpha158_30", _TWENTY + " ROC5 ROC10 ROC20 MA5 MA20 STD20 STD60 VMA20 RSV20 KMID"
)
