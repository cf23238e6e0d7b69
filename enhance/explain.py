"""Why the optimum is what it is: its first-order conditions, read by stock and by limit.

At an optimum nothing gains by moving: the pulls on each weight of alpha, risk, cost and every limit sum
to zero. With a price on risk, lambda, the pull of risk is -lambda V (w - b), so that the condition is
also a statement about positions, in two ways::

    w - b = V^-1 (sum of the other pulls) / lambda                      the whole portfolio at once
    w_i - b_i = (sum of the other pulls - common risk)_i / (lambda d_i)    one stock, the rest given

The first is the attribution of holdings to constraints of Stubbs and Vandenbussche (2010, "Constraint
Attribution", Journal of Portfolio Management 36(4)), the second answers "why is this stock +1.2%".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from enhance.decision import factor_root
from enhance.problem import Problem

Array = np.ndarray

SHOWN = 1e-4  # of the largest pull: what is smaller is left out of a printed explanation
PRICED = 1e-6  # of the size of pulls: less is what a solver leaves on a risk limit with room
MATERIAL = 0.1  # of the same: below it limits hold the positions, and pull over risk explodes


@dataclass(frozen=True, eq=False)
class Optimality:
    """The first-order conditions at an optimum.

    Attributes
    ----------
    problem
        The aligned inputs.
    weights
        The optimum they hold at ``[N]``, before dust was removed.
    pulls
        By term, its part of the gradient by each weight ``[N]``, in return over the holding period per
        unit of weight: ``alpha``, ``risk`` (the penalty on it) and ``cost`` of the objective, each limit
        under its name (minus its multipliers times the gradient of what it limits), ``pinned`` for
        stocks that cannot move.
    risk_terms
        The terms among them that are multiples of -V (w - b): the penalty and tracking-error limits.
    """

    problem: Problem
    weights: Array
    pulls: Mapping[str, Array]
    risk_terms: tuple[str, ...] = ("risk", "tracking_error")

    @cached_property
    def table(self) -> pd.DataFrame:
        """Pulls, stock x term ``[N, terms]``; each row sums to zero within ``residual``."""
        return pd.DataFrame(dict(self.pulls), index=self.problem.stocks)

    @property
    def residual(self) -> float:
        """The furthest that a stock's pulls are from zero, relative to ``size``."""
        total = sum(self.pulls.values(), np.zeros(len(self.weights)))
        return float(np.abs(total).max()) / self.size

    @cached_property
    def size(self) -> float:
        """What pulls are small or large against: the spread of alpha, or the largest of them all."""
        if "alpha" in self.pulls and np.ptp(self.pulls["alpha"]) > 0.0:
            return float(np.std(self.pulls["alpha"]))
        return max((float(np.abs(pull).max()) for pull in self.pulls.values()), default=1.0) or 1.0

    @cached_property
    def risk_aversion(self) -> float:
        """Lambda: the price of half a unit of annual active variance, penalty and limits together.

        A tracking-error limit with shadow price mu contributes mu / TE. Zero where risk has no price.
        """
        active = self.weights - self.problem.benchmark
        variance = float(active @ times_covariance(self.problem, active))
        return max(-float(active @ self._risk) / variance, 0.0) if variance > 0.0 else 0.0

    def holdings(self) -> pd.DataFrame:
        """Return the active weights that each term accounts for, V^-1 pull / lambda ``[N, terms]``.

        Rows sum to the active weights of the optimum. ``alpha`` is the portfolio that nothing but risk
        would hold back; the others are how far each limit and the cost move it. They say how the
        optimum is composed, not what it would be without a limit.

        Raises
        ------
        ValueError
            Risk has no price.
        """
        risk_aversion = self.priced("attribution of holdings")
        return pd.DataFrame(
            {
                name: inverse_covariance(self.problem, pull) / risk_aversion
                for name, pull in self.pulls.items()
                if name not in self.risk_terms
            },
            index=self.problem.stocks,
        )

    def attribution(self) -> pd.DataFrame:
        """Return one row per term: what its part of the holdings earns and risks.

        ``expected_return`` a'h (sums to the portfolio's), ``risk_share`` h'V(w - b) / TE^2 (sums to one),
        ``tracking_error`` of the part alone and ``one_way``, half the sum of its absolute weights.
        """
        parts = self.holdings()
        active = self.weights - self.problem.benchmark
        marginal = times_covariance(self.problem, active)
        rows = {
            name: {
                "expected_return": float(self.problem.alpha @ part),
                "risk_share": float(part @ marginal) / float(active @ marginal),
                "tracking_error": self.problem.tracking_error(self.problem.benchmark + part),
                "one_way": 0.5 * float(np.abs(part).sum()),
            }
            for name, part in ((str(n), column.to_numpy()) for n, column in parts.items())
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def stock(self, name: str, weight: float) -> Explanation:
        """Explain the final weight of one stock; ``weight`` may differ from the optimum's by dust.

        Raises
        ------
        KeyError
            The stock is not among the candidates.
        """
        p = self.problem
        if name not in p.stocks:
            raise KeyError(
                f"{name} is not among the {len(p.stocks)} stocks of {p.date:%Y-%m-%d}; they look like "
                f"{p.stocks[0]}"
            )
        i = p.stocks.get_loc(name)
        own = self.risk_aversion * float(p.specific_variance[i])
        own_risk = -own * float(self.weights[i] - p.benchmark[i])
        pull = {t: float(v[i]) for t, v in self.pulls.items() if t not in self.risk_terms}
        pull["common_risk"] = float(self._risk[i]) - own_risk
        table = pd.DataFrame({"pull": pull})
        if self._weight_of_risk > MATERIAL:
            table["active"] = table["pull"] / own
            table.loc["dust"] = [0.0, weight - float(self.weights[i])]
            table.loc["own_risk"] = [own_risk, np.nan]
        else:
            table.loc["own_risk"] = [own_risk]
        return Explanation(str(name), p.date, weight, float(p.benchmark[i]), table)

    def priced(self, what: str) -> float:
        """Return ``risk_aversion``, or refuse ``what`` where risk has no price.

        Raises
        ------
        ValueError
            No tracking-error limit binds and the objective does not penalise risk.
        """
        if self._weight_of_risk <= PRICED:
            raise ValueError(
                f"risk has no price on {self.problem.date:%Y-%m-%d} (tracking error "
                f"{self.problem.tracking_error(self.weights):.2%}), so there is no {what}; give a "
                "TrackingError that binds, or MaxAlpha(risk_aversion=...)"
            )
        return self.risk_aversion

    @property
    def _weight_of_risk(self) -> float:
        return float(np.sqrt(np.mean(self._risk**2))) / self.size

    @cached_property
    def _risk(self) -> Array:
        """Pull of risk ``[N]``: -lambda V (w - b)."""
        none = np.zeros(len(self.weights))
        return sum((self.pulls[t] for t in self.risk_terms if t in self.pulls), none)


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why one stock weighs what it weighs.

    Attributes
    ----------
    stock, date, weight, benchmark
        The stock and its final weight, fractions.
    table
        By term: ``pull``, the return over the holding period that a unit of weight gains through it
        (sums to zero), and ``active``, the active weight that this comes to against the stock's own risk,
        pull / (lambda d) (sums to the active weight). ``common_risk`` is what the factors it shares with
        the rest of the portfolio do, ``own_risk`` the balance, ``dust`` what trimming changed. Where
        risk has hardly a price there is no ``active``: nothing but limits holds the position.
    """

    stock: str
    date: pd.Timestamp
    weight: float
    benchmark: float
    table: pd.DataFrame

    @property
    def sentence(self) -> str:
        """The stock and its position in one line."""
        return (
            f"{self.stock} on {self.date:%Y-%m-%d}: active {self.weight - self.benchmark:+.2%} "
            f"(weight {self.weight:.2%}, benchmark {self.benchmark:.2%})"
        )

    def shown(self) -> pd.DataFrame:
        """Return the terms that matter, largest pull first, in basis points and percent, as text."""
        table = self.table
        size = table["pull"].abs()
        terms = table[(size > SHOWN * size.max()) & (table.index != "own_risk")]
        terms = terms.reindex(terms["pull"].abs().sort_values(ascending=False).index)
        terms = pd.concat([terms, table[table.index == "own_risk"]])
        terms.loc["sum"] = table.sum()
        text = pd.DataFrame({"pull, bp": _signed(1e4 * terms["pull"], 2)})
        if "active" in table:
            text["active, %"] = _signed(100.0 * terms["active"], 3)
        return text

    def __repr__(self) -> str:
        return f"{self.sentence}\n{self.shown().to_string()}"

    def _repr_html_(self) -> str:
        return f"<p>{self.sentence}</p>{self.shown().to_html()}"


def _signed(values: pd.Series, digits: int) -> pd.Series:
    """Return numbers as signed text, empty where there is none."""
    rounded = values.round(digits) + 0.0  # minus zero is zero
    return rounded.map(lambda x: "" if np.isnan(x) else f"{x:+.{digits}f}")


def times_covariance(problem: Problem, active: Array) -> Array:
    """Return V (w - b) ``[N]``, annual, without forming V."""
    common = problem.exposures @ (problem.factor_covariance @ (problem.exposures.T @ active))
    return np.asarray(common + problem.specific_variance * active)


def inverse_covariance(problem: Problem, vector: Array) -> Array:
    """Return V^-1 x ``[N]``, by the identity of Woodbury in the K factors."""
    loadings = problem.exposures @ factor_root(problem)
    scaled = loadings / problem.specific_variance[:, None]
    inner = np.eye(loadings.shape[1]) + loadings.T @ scaled
    own = vector / problem.specific_variance
    return np.asarray(own - scaled @ np.linalg.solve(inner, loadings.T @ own))


def transfer_coefficients(problem: Problem, weights: Array) -> dict[str, float]:
    """Return how much of alpha arrives in the active weights a = w - b, three ways; NaN without any.

    ``plain``: correlation of alpha and a over the scored stocks. ``risk_weighted``: correlation of
    alpha / sigma with a sigma, sigma specific (Clarke, de Silva and Thorley 2002, "Portfolio Constraints
    and the Fundamental Law of Active Management", Financial Analysts Journal 58(5)). ``covariance``: the
    expected information ratio over the best one that any self-financing portfolio has,
    alpha'a / (TE sqrt(alpha' V^-1 alpha)), alpha made benchmark neutral (the same authors 2006, "The
    Fundamental Law of Active Portfolio Management", Journal of Investment Management 4(3)).
    """
    active, seen = weights - problem.benchmark, problem.scored
    sigma = np.sqrt(problem.specific_variance)
    ones = inverse_covariance(problem, np.ones(len(active)))
    neutral = problem.alpha - (ones @ problem.alpha) / ones.sum()
    best = np.sqrt(neutral @ inverse_covariance(problem, neutral))
    risk = problem.tracking_error(weights)
    return {
        "plain": _correlation(problem.alpha[seen], active[seen]),
        "risk_weighted": _correlation((problem.alpha / sigma)[seen], (active * sigma)[seen]),
        "covariance": float(neutral @ active / (risk * best)) if risk * best > 0.0 else np.nan,
    }


def _correlation(x: Array, y: Array) -> float:
    if len(x) < 2 or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])
