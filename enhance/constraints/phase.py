"""Forced trades in equal steps: how much of a position may stay, by the weeks since it had to go."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def fraction_left(elapsed: Array, weeks: int) -> Array:
    """Return the part of the present excess that may stay after this rebalance ``[N]``.

    ``elapsed`` counts whole weeks since the stock had to go, NaN where it need not. Of what is held
    now, (left - 1) / left stays with ``left`` rebalances to go: of 4% over four weeks 3%, 2%, 1%, 0
    stay, whatever the price does in between, and a week that was missed is made up for in the rest.
    """
    left = weeks - elapsed
    return np.where(left > 1.0, (left - 1.0) / np.where(left > 1.0, left, 1.0), 0.0)
