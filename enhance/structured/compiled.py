"""How the kernels of this folder are compiled, and when a stored compilation is stale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

from market.kernels import drop_stale

drop_stale(Path(__file__).parent)

# Sums may be reordered, so that they run over SIMD lanes. Two rules follow. No kernel compiled this way
# asks whether a number is finite: that is asked by those compiled with ``exact``. And no loop in them
# both stores and sums: whether such a loop runs over lanes is decided by where its arrays lie in memory,
# and the last bit of the sum with it.
_SUMS = {"contract", "reassoc", "nsz", "arcp"}
_REORDER = _SUMS | {"nnan"}

fast: Callable[..., Any] = njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
# sums in any order, in which a NaN stays one
summed: Callable[..., Any] = njit(cache=True, nogil=True, error_model="numpy", fastmath=_SUMS)
exact: Callable[..., Any] = njit(cache=True, nogil=True, error_model="numpy")
# a part of its one caller: compiled with it, and so only once
inlined: Callable[..., Any] = njit(
    inline="always", nogil=True, error_model="numpy", fastmath=_REORDER
)
