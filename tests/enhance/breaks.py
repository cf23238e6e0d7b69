"""Ways to break the inputs of a rebalance, and a measure of answers that knows nothing of the package."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd

import enhance
from tests.enhance.cases import case, swap


def loose(risk):
    """A risk model without its own checks, as another library's would come."""
    return SimpleNamespace(
        date=risk.date,
        exposures=risk.exposures.copy(),
        factor_covariance=risk.factor_covariance.copy(),
        specific_variance=risk.specific_variance.copy(),
        kinds=dict(risk.kinds),
    )


def broken(seed=0, n=40, members=20):
    c = case(n, members, seed=seed)
    c.risk = loose(c.risk)
    c.can_buy = pd.Series(True, c.alpha.index)
    c.can_sell = pd.Series(True, c.alpha.index)
    return c


def put(series, at, value):
    changed = series.astype(object) if isinstance(value, str) else series.copy()
    changed.iloc[at] = value
    return changed


def some(rng, c):
    return int(rng.integers(len(c.alpha)))


# each takes a case and a generator, and breaks something, or merely changes it
def nan_scores(c, rng):
    c.alpha = c.alpha.where(rng.random(len(c.alpha)) > 0.3)


def infinite_score(c, rng):
    c.alpha = put(c.alpha, some(rng, c), np.inf)


def no_score(c, rng):
    c.alpha = c.alpha * np.nan


def text_score(c, rng):
    c.alpha = put(c.alpha, some(rng, c), "high")


def repeated_score(c, rng):
    c.alpha = pd.concat([c.alpha, c.alpha.iloc[[some(rng, c)]]])


def scores_as_list(c, rng):
    c.alpha = list(c.alpha)


def huge_scores(c, rng):
    c.alpha = c.alpha * 10.0 ** rng.integers(4, 30)


def tiny_scores(c, rng):
    c.alpha = c.alpha * 10.0 ** -rng.integers(4, 30)


def equal_scores(c, rng):
    c.alpha = 0.0 * c.alpha + rng.choice([0.0, 0.01, -0.01])


def fewer_candidates(c, rng):
    c.alpha = c.alpha.iloc[: rng.integers(0, len(c.alpha))]


def indefinite_covariance(c, rng):
    k = rng.integers(len(c.risk.factor_covariance))
    c.risk.factor_covariance.iloc[k, k] *= -1.0


def gap_in_covariance(c, rng):
    c.risk.factor_covariance.iloc[1, 2] = np.nan


def lopsided_covariance(c, rng):
    c.risk.factor_covariance.iloc[1, 2] += 1e-4


def missing_factor(c, rng):
    c.risk.factor_covariance = c.risk.factor_covariance.iloc[:-1, :-1]


def huge_covariance(c, rng):
    c.risk.factor_covariance *= 10.0 ** rng.integers(2, 12)


def singular_covariance(c, rng):
    c.risk.factor_covariance *= 0.0


def missing_exposures(c, rng):
    c.risk.exposures = c.risk.exposures.drop(index=c.alpha.index[some(rng, c)])


def gap_in_exposures(c, rng):
    c.risk.exposures.iloc[some(rng, c), -1] = np.nan


def repeated_exposures(c, rng):
    c.risk.exposures = pd.concat([c.risk.exposures, c.risk.exposures.iloc[:1]])


def shuffled_exposures(c, rng):
    c.risk.exposures = c.risk.exposures.sample(frac=1.0, random_state=int(rng.integers(99)))


def shuffled_covariance(c, rng):
    order = rng.permutation(len(c.risk.factor_covariance))
    c.risk.factor_covariance = c.risk.factor_covariance.iloc[order, order]


def negative_specific(c, rng):
    c.risk.specific_variance.iloc[some(rng, c)] *= -1.0


def no_specific(c, rng):
    c.risk.specific_variance.iloc[some(rng, c)] = rng.choice([0.0, np.nan, np.inf])


def missing_specific(c, rng):
    c.risk.specific_variance = c.risk.specific_variance.drop(index=c.alpha.index[0])


def shuffled_specific(c, rng):
    c.risk.specific_variance = c.risk.specific_variance.sample(frac=1.0, random_state=1)


def missing_kind(c, rng):
    del c.risk.kinds["size"]


def no_date(c, rng):
    c.risk.date = pd.NaT


def short_benchmark(c, rng):
    c.benchmark = rng.uniform(0.5, 1.5) * c.benchmark


def odd_benchmark(c, rng):
    c.benchmark = put(c.benchmark, 0, rng.choice([np.nan, -0.1, np.inf]))


def strange_benchmark(c, rng):
    c.benchmark = c.benchmark.rename({c.benchmark.index[0]: "SZ000001"})


def odd_holdings(c, rng):
    c.holdings = put(c.holdings, 0, rng.choice([np.nan, -0.1, np.inf]))


def strange_holdings(c, rng):
    c.holdings = c.holdings.rename({c.holdings.index[0]: "SZ000001"})


def much_held(c, rng):
    c.holdings = rng.uniform(0.5, 1.5) * c.holdings


def nothing_held(c, rng):
    c.holdings = c.holdings.iloc[:0]


def concentrated(c, rng):
    c.holdings = pd.Series([1.0], [c.alpha.index[-1] if len(c.alpha) else "SH600000"])


def blocked(c, rng):
    c.can_buy, c.can_sell = (m & (rng.random(len(m)) > 0.3) for m in (c.can_buy, c.can_sell))


def odd_mask(c, rng):
    c.can_buy = put(c.can_buy.astype(object), 0, rng.choice([None, 1.0, "yes"]))


def short_mask(c, rng):
    c.can_sell = c.can_sell.iloc[1:]


def repeated_mask(c, rng):
    c.can_sell = pd.concat([c.can_sell, c.can_sell.iloc[:1]])


def odd_costs(c, rng):
    c.costs = [(-0.1, 0.0), (np.nan, 0.0), (np.inf, 0.0), ("a", 0.0), (0.1,), None][rng.integers(6)]


def crossed_limits(c, rng):
    c.constraints = (*c.constraints, enhance.Bounds(rng.uniform(0.0, 0.05)))


def absurd_limits(c, rng):
    limit = [
        enhance.TrackingError(0.0),
        enhance.Turnover(0.0),
        enhance.ActiveWeight(0.0),
        enhance.StyleExposure(0.0),
        enhance.ConstituentShare(1.5),
        enhance.Budget(1.0),
        enhance.IndustryExposure(0.0),
    ][rng.integers(7)]
    c.constraints = swap(c.constraints, limit)


def fewer_limits(c, rng):
    c.constraints = tuple(k for k in c.constraints if rng.random() > 0.3)


def two_of_a_name(c, rng):
    c.constraints = (*c.constraints, c.constraints[-1])


def no_limit(c, rng):
    c.constraints = (*c.constraints, 0.2)


def misspelt_style(c, rng):
    c.constraints = (*c.constraints, enhance.StyleExposure(0.1, name="x", styles=("sise",)))


def missing_data(c, rng):
    c.constraints = (*c.constraints, enhance.Participation(0.1))


def contradicting_rows(c, rng):
    rows = pd.DataFrame(rng.standard_normal((len(c.alpha), 2)), pd.Index(c.alpha.index))
    low, high = np.sort(rng.uniform(-1.0, 1.0, 2)) * rng.choice([-1.0, 1.0])
    c.constraints = (*c.constraints, enhance.Linear(rows, low, high))


BREAKS = [
    nan_scores, infinite_score, no_score, text_score, repeated_score, scores_as_list, huge_scores,
    tiny_scores, equal_scores, fewer_candidates, indefinite_covariance, gap_in_covariance,
    lopsided_covariance, missing_factor, huge_covariance, singular_covariance, missing_exposures,
    gap_in_exposures, repeated_exposures, shuffled_exposures, shuffled_covariance,
    negative_specific, no_specific, missing_specific, shuffled_specific, missing_kind, no_date,
    short_benchmark, odd_benchmark, strange_benchmark, odd_holdings, strange_holdings, much_held,
    nothing_held, concentrated, blocked, odd_mask, short_mask, repeated_mask, odd_costs,
    crossed_limits, absurd_limits, fewer_limits, two_of_a_name, no_limit, misspelt_style,
    missing_data, contradicting_rows,
]  # fmt: skip

# what must be refused at the door, with the word that the message has to say
REFUSED = {
    infinite_score: "alpha is infinite for 1 stocks",
    no_score: "none of the 40 stocks has a score",
    text_score: "alpha is object.*not all numbers",
    repeated_score: "alpha has repeated entries",
    scores_as_list: "alpha is list.*give a Series",
    indefinite_covariance: "eigenvalue",
    gap_in_covariance: "gaps or is not symmetric",
    lopsided_covariance: "not symmetric",
    missing_factor: "has no covariance for 1 of 9 factors, first value",
    missing_exposures: "no exposures for 1 stocks",
    gap_in_exposures: "exposure value is missing",
    repeated_exposures: "exposures of 2020-01-03 repeat a stock",
    negative_specific: "specific variance is not positive for 1 stocks",
    no_specific: "specific variance is not positive",
    missing_specific: "no specific variance for 1 stocks",
    missing_kind: "has no kind for 1 of 9 factors, first size",
    no_date: "the risk model has no date",
    short_benchmark: "the benchmark sums to",
    odd_benchmark: "benchmark is negative or missing",
    strange_benchmark: "benchmark has weight that alpha lacks for 1 stocks.*SZ000001",
    odd_holdings: "holdings is negative or missing",
    strange_holdings: "holdings has weight that alpha lacks",
    odd_mask: "can_buy is object",
    short_mask: "can_sell is missing for 1 stocks",
    repeated_mask: "can_sell has repeated entries",
    odd_costs: "costs are",
    two_of_a_name: "two limits are called 'turnover'",
    no_limit: "0.2 is no limit",
    misspelt_style: "no style factor is called 'sise'",
    missing_data: "participation needs the capital",
}


@dataclass
class Measured:
    """A portfolio beside the raw inputs it came from."""

    c: object
    w: pd.Series
    b: pd.Series
    h: pd.Series
    free: np.ndarray  # not listed as forced

    @classmethod
    def of(cls, c, solution):
        w = solution.weights
        b, h = (s.reindex(w.index).fillna(0.0) for s in (c.benchmark, c.holdings))
        return cls(c, w, b, h, ~w.index.isin(set(solution.forced["stock"])))

    def exposures(self, kind):
        columns = [name for name, k in self.c.risk.kinds.items() if k == kind]
        return self.c.risk.exposures.loc[self.w.index, columns].T @ (self.w - self.b)

    @property
    def tracking_error(self):
        X, x = self.c.risk.exposures.loc[self.w.index], self.w - self.b
        F = self.c.risk.factor_covariance.loc[X.columns, X.columns]
        d = self.c.risk.specific_variance.loc[self.w.index]
        return np.sqrt(252.0 * (x @ X @ F @ (X.T @ x) + (d * x**2).sum()))

    @property
    def shut(self):
        unscored = self.c.alpha.isna() & (self.b == 0.0)
        return ~self.c.can_buy.loc[self.w.index] | unscored

    @property
    def stuck(self):
        return ~self.c.can_sell.loc[self.w.index] & (self.h > 0.0)


def most(series):
    return series.max() if len(series) else -np.inf


# by class of limit, what may be at most the limit (as used) plus a tolerance
VALUES = {
    enhance.LongOnly: lambda m: most(-m.w),
    enhance.NoBuy: lambda m: most((m.w - m.h)[m.shut]),
    enhance.NoSell: lambda m: most((m.h - m.w)[m.stuck]),
    enhance.Bounds: lambda m: most(m.w[m.free]),
    enhance.ActiveWeight: lambda m: most((m.w - m.b)[m.free].abs()),
    enhance.StyleExposure: lambda m: most(m.exposures("style").abs()),
    enhance.IndustryExposure: lambda m: most(m.exposures("industry").abs()),
    enhance.TrackingError: lambda m: m.tracking_error,
    enhance.Turnover: lambda m: 0.5 * (m.w - m.h).abs().sum(),
    enhance.ConstituentShare: lambda m: -m.w[m.b > 0.0].sum(),
}


def assert_right(c, solution):
    """Measure a portfolio from the raw inputs, with nothing of the package."""
    m = Measured.of(c, solution)
    assert m.w.index.equals(c.alpha.index)
    assert np.isfinite(m.w).all()
    used = {name: pair[1] for name, pair in solution.relaxations.items()}
    for limit in c.constraints:
        number = used.get(limit.name, limit.limit)
        if isinstance(limit, enhance.Budget):
            cash = 1.0 - m.w.sum()
            assert min(number, limit.limit) - 1e-6 <= cash <= max(number, limit.limit) + 1e-6
        elif isinstance(limit, enhance.Linear):
            value = limit.frame.loc[m.w.index].T @ m.w
            assert (value <= limit.upper + number + 1e-5).all()
            assert (value >= limit.lower - number - 1e-5).all()
        elif type(limit) in VALUES:
            sign = -1.0 if limit.floor else 1.0
            tolerance = 1e-5 + 2e-4 * number
            assert VALUES[type(limit)](m) <= sign * number + tolerance, limit.name
