"""The units in which the kernels work, and what they take for nothing."""

from __future__ import annotations

import numpy as np

from enhance.structured.compiled import summed
from enhance.structured.form import Form

WEIGHT = 100.0  # weights are worked on in percent
FROZEN_WIDTH = 1e-9  # bounds closer than this leave nothing to decide
THIN = 1e-9  # least distance between a row's limits


@summed
def value_scale(form: Form) -> float:
    """Return the size of the slopes that decide: the spread of alpha, costs, or what risk weighs."""
    n = len(form.alpha)
    mean, square, risk = 0.0, 0.0, 0.0
    for i in range(n):
        a = form.alpha[i]
        mean += a / n
        square += a * a / n
        risk += form.specific[i] / n
    spread = np.sqrt(max(square - mean * mean, 0.0))
    scale = max(spread, 0.1 * (form.buy + form.sell), 1e-3 * form.aversion * risk)
    return scale if scale > 0.0 else 1.0
