"""What a run is told beside the data, the policy and the dates."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from numbers import Real
from typing import Protocol

import numpy as np

from backtest.tape import Terms
from market import Costs


class WithEta(Protocol):
    """A square-root law of impact: ``market.costs.SquareRootImpact`` or the optimiser's ``Impact``."""

    @property
    def eta(self) -> float: ...


@dataclass(frozen=True)
class Settings:
    """What a run is told beside the data and the policy; see ``backtest.run``."""

    benchmark: str | None
    costs: Costs
    deal: str
    capital: float
    delisting_haircut: float
    lots: bool = False
    participation: float | None = None
    impact: WithEta | None = None
    retry: str = "next"

    def __post_init__(self) -> None:
        self._check_kinds()
        if not (self.capital > 0.0 and isfinite(self.capital)):
            raise ValueError(f"capital is {self.capital} CNY; a run needs money to start with")
        if not 0.0 <= self.delisting_haircut <= 1.0:
            raise ValueError(
                f"delisting_haircut is {self.delisting_haircut}; it is a fraction from 0 to 1"
            )
        if self.participation is not None and not 0.0 < self.participation <= 1.0:
            raise ValueError(
                f"participation is {self.participation}; give a share of the session's volume above "
                "0 and up to 1, such as 0.1, or None for no cap"
            )
        if self.retry not in ("next", "daily"):
            raise ValueError(f"retry is {self.retry!r}; use 'next' (rebalance) or 'daily'")

    def _check_kinds(self) -> None:
        """Raise a ``TypeError`` that names the setting that is of the wrong kind."""
        if not isinstance(self.costs, Costs):
            raise TypeError(
                f"costs is {self.costs!r}; give Costs, such as Costs.cn() or Costs.flat(0.001, 0.001)"
            )
        if self.impact is not None and not _number(getattr(self.impact, "eta", None)):
            raise TypeError(
                f"impact is {self.impact!r}; give a law with an eta, such as SquareRootImpact(1.0)"
            )
        for name in ("capital", "delisting_haircut", "participation"):
            value = getattr(self, name)
            if not _number(value) and not (name == "participation" and value is None):
                raise TypeError(f"{name} is {value!r}; give a number")

    def terms(self, two_sided: bool) -> Terms:
        """Return the numbers that the compiled session reads."""
        costs, cap = self.costs, self.participation
        return Terms(
            float(costs.commission_buy), float(costs.commission_sell), float(costs.minimum),
            float(self.delisting_haircut), np.inf if cap is None else float(cap), bool(self.lots),
            self.retry == "daily", self.impact is not None, two_sided,
            *map(float, costs.dividend_tax),
        )  # fmt: skip


def _number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
