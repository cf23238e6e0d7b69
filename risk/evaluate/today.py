"""The close of one session as a portfolio set may see it, and what the set answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from risk.arrays import Bools, Codes, Floats
from risk.model import RiskModel


@dataclass(frozen=True, eq=False)
class Today:
    """What is known after the close of ``model.date``; there is nothing of the future in it.

    Attributes
    ----------
    model
        The risk model of the day.
    x, f, d
        Its arrays: exposures ``[n, K]``, factor covariance ``[K, K]``, specific variance ``[n]``, daily.
    held
        Positions of its stocks ``[n]`` on the grid of the market.
    width
        Stocks of the market.
    cap
        Market value ``[n]``, CNY; 0 where unknown.
    traded
        Traded on the day ``[n]``.
    indexes
        Index name to weights at the close ``[n]``, summing to one over the stocks that have a model.
    """

    model: RiskModel
    x: Floats
    f: Floats
    d: Floats
    held: Codes
    width: int
    cap: Floats
    traded: Bools
    indexes: Mapping[str, Floats]

    @property
    def date(self) -> pd.Timestamp:
        """Session after whose close all this is known."""
        return self.model.date

    def market_weights(self) -> Floats:
        """Cap weights of the traded stocks ``[n]``, summing to one."""
        value = np.where(self.traded, self.cap, 0.0)
        return value / value.sum()


@dataclass(frozen=True, eq=False)
class Portfolios:
    """Weights of some named portfolios.

    ``weights`` is ``[P, n]`` on the stocks of the model or ``[P, K]`` on its factors; ``"specific"`` stands
    for the specific return of each stock by itself and takes no weights.
    """

    names: tuple[str, ...]
    on: Literal["stocks", "factors", "specific"]
    weights: Floats | None = None


class PortfolioSet(Protocol):
    """A family of portfolios, formed anew each day from what is known at its close."""

    @property
    def name(self) -> str:
        """What the tables call it."""
        ...

    def __call__(self, today: Today) -> Portfolios:
        """Return the portfolios of the day; a name means the same portfolio on every day."""
        ...
