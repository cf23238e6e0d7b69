"""A portfolio in whole lots, and what it loses against its target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from enhance.check import Check
from enhance.lots.account import Account

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class LotPlan:
    """Whole lots that passed the check, and what they lose against the target.

    Attributes
    ----------
    date, capital
        Rebalance date and net asset value, CNY.
    shares, orders
        Final counts and signed orders ``[N]``, whole numbers of shares.
    weights, target
        Final and wanted weights ``[N]``, fractions.
    cash, charges
        CNY left after all orders, and what these cost.
    check
        The independent check on ``weights``, against the limits with their ``room``.
    alpha_lost
        Expected return over the holding period that the target has and the lots have not.
    objective_lost
        What the objective loses to lots alone: against the best the account could do if it traded
        fractions and paid its charges.
    tracking_error
        Predicted, annual, of the lots.
    dropped
        Stocks of the target of which not one lot is held.
    room
        By which fraction limits that are not hard were loosened: 0 or ``eps``.
    method
        ``"greedy"`` or ``"program"``; ``proved`` where the program found nothing better within its gap.
    seconds
        Wall time.
    """

    date: pd.Timestamp
    capital: float
    shares: pd.Series
    orders: pd.Series
    weights: pd.Series
    target: pd.Series
    cash: float
    charges: float
    check: Check
    alpha_lost: float
    objective_lost: float
    tracking_error: float
    dropped: pd.Index
    room: float
    method: str
    proved: bool
    seconds: float

    @classmethod
    def of(
        cls, account: Account, chosen: Array, method: str, proved: bool, room: float, seconds: float
    ) -> LotPlan:
        """Write down the options ``chosen`` of an account."""
        p, grid, terms = account.problem, account.grid, account.grid.terms
        weights, counts = grid.weights(chosen), grid.shares(chosen)
        ideal = account.goal.value(grid.wanted, p)
        return cls(
            date=p.date,
            capital=terms.capital,
            shares=pd.Series(counts, index=p.stocks, name="shares"),
            orders=pd.Series(counts - terms.held, index=p.stocks, name="orders"),
            weights=pd.Series(weights, index=p.stocks, name="weight"),
            target=pd.Series(account.wanted, index=p.stocks, name="target"),
            cash=terms.capital * account.cash(chosen),
            charges=terms.capital * float(grid.cost[chosen].sum()),
            check=account.check(chosen),
            alpha_lost=float(p.alpha @ (account.wanted - weights)),
            objective_lost=ideal - account.value(chosen),
            tracking_error=p.tracking_error(weights),
            dropped=p.stocks[(account.wanted > 0.0) & (counts == 0)],
            room=room,
            method=method,
            proved=proved,
            seconds=seconds,
        )

    def summary(self) -> pd.Series:
        """Return the plan in numbers."""
        return pd.Series(
            {
                "capital": self.capital,
                "names": int((self.shares > 0).sum()),
                "dropped": len(self.dropped),
                "alpha_lost": self.alpha_lost,
                "objective_lost": self.objective_lost,
                "tracking_error": self.tracking_error,
                "distance": 0.5 * float((self.weights - self.target).abs().sum()),
                "cash": self.cash,
                "charges": self.charges,
                "room": self.room,
                "method": self.method,
                "seconds": self.seconds,
            },
            name=self.date,
        )

    def __repr__(self) -> str:
        return (
            f"LotPlan({self.date:%Y-%m-%d}, {self.capital:,.0f} CNY: {(self.shares > 0).sum()} names, "
            f"{len(self.dropped)} dropped, {(self.orders != 0).sum()} orders, cash {self.cash:,.0f} CNY, "
            f"alpha lost {1e4 * self.alpha_lost:.2f} bp, tracking error {self.tracking_error:.2%})"
        )
