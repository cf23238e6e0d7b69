"""Small made rebalances for the tests of this folder."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

import enhance
from risk import RiskModel

STYLES = ("size", "beta", "momentum", "value")


def names(n):
    return pd.Index([f"SH{600000 + i}" for i in range(n)], name="stock")


def risk_model(n, rng, industries=4, styles=STYLES, date="2020-01-03"):
    """X one-hot plus standard styles, F with correlations, d around 2% a day."""
    labels = [f"industry_{i}" for i in range(industries)]
    X = np.hstack(
        [
            np.ones((n, 1)),
            np.eye(industries)[np.arange(n) % industries],
            rng.standard_normal((n, len(styles))),
        ]
    )
    size = np.r_[0.012, np.full(industries, 0.006), np.full(len(styles), 0.003)]
    A = 0.2 * rng.standard_normal((len(size), len(size)))
    F = np.outer(size, size) * (np.eye(len(size)) + A @ A.T)
    factors = ["country", *labels, *styles]
    return RiskModel(
        date=pd.Timestamp(date),
        exposures=pd.DataFrame(X, index=names(n), columns=factors),
        factor_covariance=pd.DataFrame(F, index=factors, columns=factors),
        specific_variance=pd.Series(rng.uniform(0.012, 0.03, n) ** 2, index=names(n)),
        kinds={
            "country": "country",
            **dict.fromkeys(labels, "industry"),
            **dict.fromkeys(styles, "style"),
        },
    )


STANDARD = (
    enhance.Budget(),
    enhance.LongOnly(),
    enhance.NoBuy(),
    enhance.NoSell(),
    enhance.ActiveWeight(0.03),
    enhance.StyleExposure(0.3),
    enhance.IndustryExposure(0.03),
    enhance.TrackingError(0.04),
    enhance.ConstituentShare(0.80),
    enhance.Turnover(0.20),
)


@dataclass
class Case:
    """Inputs of one rebalance, changed by ``dataclasses.replace`` or by item assignment."""

    alpha: pd.Series
    risk: RiskModel
    benchmark: pd.Series
    holdings: pd.Series
    constraints: tuple = STANDARD
    costs: tuple = (0.001, 0.002)
    can_buy: pd.Series | None = None
    can_sell: pd.Series | None = None
    options: dict = field(default_factory=dict)

    def solve(self, **options):
        return enhance.optimize(
            self.alpha,
            self.risk,
            self.benchmark,
            self.holdings,
            self.constraints,
            costs=self.costs,
            can_buy=self.can_buy,
            can_sell=self.can_sell,
            **{**self.options, **options},
        )

    def problem(self):
        return enhance.Problem.align(
            self.alpha,
            self.risk,
            self.benchmark,
            self.holdings,
            self.costs,
            self.can_buy,
            self.can_sell,
        )


def case(n=60, members=30, seed=0, **kwargs):
    """A rebalance that starts near the benchmark and can be solved under ``STANDARD``."""
    rng = np.random.default_rng(seed)
    risk = risk_model(n, rng)
    b = rng.uniform(0.5, 1.5, members)
    benchmark = pd.Series(b / b.sum(), index=names(n)[:members])
    drift = np.exp(0.05 * rng.standard_normal(members))
    holdings = benchmark * drift
    z = rng.standard_normal(n)
    alpha = 0.05 * np.sqrt(5 * risk.specific_variance) * z
    return Case(
        alpha=alpha.rename("alpha"),
        risk=risk,
        benchmark=benchmark,
        holdings=holdings / holdings.sum(),
        **kwargs,
    )


def without(constraints, *dropped):
    return tuple(c for c in constraints if c.name not in dropped)


def swap(constraints, *new):
    """Replace the constraints that share a name with one of ``new``."""
    by_name = {c.name: c for c in new}
    return tuple(by_name.get(c.name, c) for c in constraints)
