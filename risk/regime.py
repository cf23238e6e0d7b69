"""Volatility regime adjustment: by how much risk has lately been above or below what was forecast.

    B_t^2 = sum_k w_k min((x_kt / s_k,t-1)^2, 25),    lambda_t^2 = g lambda_{t-1}^2 + (1 - g) B_t^2

with s_k,t-1 the forecast made the day before and not yet adjusted: measured against adjusted forecasts the
level would feed back on itself, against those of the same day it would see itself. For factors w is equal, for
stocks market value over the estimation universe. Public USE4 notes (2011).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from risk.arrays import Floats

OUTLIER = 25.0  # (x / s)^2 at which one surprise is clipped: five standard deviations


@dataclass(frozen=True, eq=False)
class Regime:
    """The level of volatility, and the forecasts that the next day will be held against.

    ``square`` is lambda^2; it starts at one, no adjustment. ``forecast`` ``[n]`` holds the last forecast
    volatilities before this adjustment, NaN where there is none.
    """

    half_life: float
    forecast: Floats
    square: float = 1.0

    @property
    def level(self) -> float:
        """Factor lambda on all volatilities."""
        return float(np.sqrt(self.square))

    def learn(self, outcome: Floats, weight: Floats | None = None) -> tuple[Regime, int]:
        """Hold a day's returns ``[n]`` against the forecasts; also count the surprises clipped.

        ``weight`` ``[n]`` is equal by default. What has no return, no forecast or no weight is left out; a day without
        anything changes nothing.

        Examples
        --------
        >>> calm = Regime(half_life=1.0, forecast=np.array([0.01, 0.02]))
        >>> calm.learn(np.array([0.02, 0.02]))[0].square  # B^2 = (4 + 1) / 2
        1.75
        """
        share = np.ones(len(outcome)) if weight is None else weight
        with np.errstate(invalid="ignore"):
            surprise = (outcome / self.forecast) ** 2
            seen = np.isfinite(surprise) & (share > 0.0)
        if not seen.any():
            return self, 0
        fade = 0.5 ** (1.0 / self.half_life)
        bounded = np.minimum(surprise[seen], OUTLIER)
        bias = np.sum(share[seen] * bounded) / np.sum(share[seen])
        clipped = int(np.sum(surprise[seen] > OUTLIER))
        return replace(self, square=float(fade * self.square + (1.0 - fade) * bias)), clipped
