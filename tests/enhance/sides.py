"""Four stocks by hand: both sides of a limit without a solver, and the two views of it compared."""

import numpy as np
import pandas as pd
import pytest

import enhance
from enhance.decision import Decision
from risk import RiskModel
from tests.enhance.cases import names

# Two industries, one style, one latent factor. The benchmark holds the first three.
STOCKS = names(4)
BENCHMARK = np.array([0.5, 0.3, 0.2, 0.0])
HOLDINGS = np.array([0.4, 0.3, 0.2, 0.1])
FACTORS = {
    "country": "country",
    "banks": "industry",
    "steel": "industry",
    "size": "style",
    "deep_0": "latent",
}
X = np.array(
    [[1, 1, 0, 1.0, 0.2], [1, 1, 0, -1.0, 0.4], [1, 0, 1, 0.5, -0.6], [1, 0, 1, -2.0, 1.2]]
)


def four_stocks(can_buy=(True,) * 4, can_sell=(True,) * 4, data=None, capital=None):
    factors = list(FACTORS)
    risk = RiskModel(
        date=pd.Timestamp("2020-01-03"),
        exposures=pd.DataFrame(X, STOCKS, factors),
        factor_covariance=pd.DataFrame(np.diag([1e-4, 4e-5, 4e-5, 1e-5, 0.0]), factors, factors),
        specific_variance=pd.Series(4e-4, STOCKS),
        kinds=FACTORS,
    )
    return enhance.Problem.align(
        pd.Series([0.01, 0.0, -0.01, 0.02], STOCKS),
        risk,
        pd.Series(BENCHMARK[:3], STOCKS[:3]),
        pd.Series(HOLDINGS, STOCKS),
        can_buy=pd.Series(can_buy, STOCKS),
        can_sell=pd.Series(can_sell, STOCKS),
        data=None if data is None else pd.DataFrame(data, index=STOCKS),
        capital=capital,
    )


def worst(constraint, weights, **world):
    """The excess in numpy, after checking that the solver's expression says the same."""
    problem, w = four_stocks(**world), np.array(weights, float)
    excess = float(np.max(constraint.excess(w, problem)))
    x = valued(problem, w)
    expression = constraint.expression(x)
    if expression is not None and not isinstance(constraint, enhance.Budget):
        share = np.asarray(constraint.share(problem))
        if share.ndim and constraint.entries(x) is not None:
            share = share[constraint.entries(x)]
        value = np.asarray(expression.value)
        allowed = np.full_like(value, constraint.limit) * share
        distance = allowed - value if constraint.floor else value - allowed
        measured = excess if share.ndim else constraint.breach(w, problem)
        assert measured == pytest.approx(np.max(distance), abs=1e-12)
    if isinstance(constraint, enhance.RowLimit):
        assert (excess > 1e-12) == outside_rows(constraint, w, problem)
    return excess


def valued(problem, w):
    """A decision whose variables hold the values that go with the weights."""
    x = Decision(problem, np.full(len(w), np.nan))
    x.weights.value = w
    x.buys.value = np.maximum(w - problem.holdings, 0.0)
    x.factor.value = problem.active_exposures(w)
    return x


def outside_rows(constraint, w, problem):
    """Whether A w leaves the interval that a limit states by rows."""
    value = constraint.combinations(problem) @ w
    low, high = constraint.interval(problem)
    return bool(((value < low - 1e-12) | (value > high + 1e-12)).any())
