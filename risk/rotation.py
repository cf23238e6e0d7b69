"""Learned factors that keep their meaning from one estimate to the next.

A learned basis is arbitrary in sign, order and turn, though the space it spans may be the same. So a new
basis is rotated onto the old one (Schoenemann, "A generalized solution of the orthogonal Procrustes
problem", 1966)::

    R = argmin |Z_new R - Z_old|  over orthogonal R = U V',   Z_new' Z_old = U S V'
"""

from __future__ import annotations

import numpy as np

from risk.arrays import Floats


def rotation(new: Floats, old: Floats) -> Floats:
    """Orthogonal ``[K, K]`` that brings ``new`` ``[..., K]`` nearest to ``old``, where both are known.

    The identity where nothing is.
    """
    known = np.isfinite(new).all(axis=-1) & np.isfinite(old).all(axis=-1)
    left, _, right = np.linalg.svd(new[known].T @ old[known])
    turn: Floats = left @ right
    return turn
