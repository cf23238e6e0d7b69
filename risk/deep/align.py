"""Factors that keep their meaning when a new network takes over.

A learned basis is arbitrary: the third factor of one network has nothing to do with the third of the next,
though both may span the same space. A covariance estimated through the change would mix them. So the new
exposures are rotated onto the old ones (``risk.rotation``), by the dates before the change on which both are
known. The space spanned, and with it the R2, is untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from risk.arrays import Floats
from risk.deep.folder import FoldExposures
from risk.rotation import rotation


def joined(folds: Sequence[FoldExposures]) -> tuple[pd.DatetimeIndex, pd.Index, Floats]:
    """Return dates, stocks and aligned exposures ``[D, N, K]`` float32 of consecutive folds."""
    turned = [
        fold.values[fold.overlap :].astype(np.float32) @ turn
        for fold, turn in zip(folds, rotations(folds), strict=True)
    ]
    dates = np.concatenate([fold.dates[fold.overlap :].to_numpy() for fold in folds])
    return pd.DatetimeIndex(dates, name="date"), folds[0].stocks, np.concatenate(turned)


def rotations(folds: Sequence[FoldExposures]) -> list[Floats]:
    """Orthogonal ``[K, K]`` float32 of each fold that brings it onto the first, one after the other."""
    turns: list[Floats] = [np.eye(folds[0].values.shape[2], dtype=np.float32)]
    for before, fold in pairwise(folds):
        shared = fold.dates[: fold.overlap].intersection(before.dates[before.overlap :])
        new = fold.values[fold.dates.get_indexer(shared)].astype(np.float64)
        old = before.values[before.dates.get_indexer(shared)].astype(np.float64) @ turns[-1]
        turns.append(rotation(new, old).astype(np.float32))
    return turns
