"""The independent verdict on an answer: how far it breaks the rows, how far it can be from the optimum.

Lagrangian duality gives the second number without any solver. At given multipliers the Lagrangian is
separable in the stocks, so that its least value over the bounds is found stock by stock in closed form;
what an answer loses against it, plus what its slack rows leave unpaid, bounds its distance from the
optimum. With the objective left out the same bound proves that a problem has no answer.
"""

from __future__ import annotations

import numpy as np

from enhance.structured.compiled import exact, summed
from enhance.structured.form import Form, Multipliers

Array = np.ndarray


@summed
def exposures(form: Form, active: Array) -> Array:
    """Return X'v ``[M]`` of a number per stock."""
    out = np.zeros(len(form.low))
    if form.industries > 0:
        for i in range(len(active)):
            out[form.industry[i]] += active[i]
    for a in range(len(form.dense)):
        row, total = form.dense[a], 0.0
        for i in range(len(active)):
            total += row[i] * active[i]
        out[form.industries + a] = total
    return out


@summed
def variance(form: Form, w: Array, y: Array) -> float:
    """Return the annual active variance."""
    total = 0.0
    for j in range(len(y)):
        for i in range(len(y)):
            total += y[j] * form.covariance[j, i] * y[i]
    for i in range(len(w)):
        active = w[i] - form.benchmark[i]
        total += form.specific[i] * active * active
    return total


@summed
def one_way(form: Form, w: Array) -> float:
    """Return one-way turnover."""
    total = 0.0
    for i in range(len(w)):
        total += abs(w[i] - form.held[i])
    return 0.5 * total


@exact
def violation(form: Form, w: Array) -> tuple[float, float]:
    """Return the worst breach of bounds, budget, exposures and turnover, and of risk (relative)."""
    worst = 0.0
    for i in range(len(w)):
        breach = max(form.lower[i] - w[i], w[i] - form.upper[i])
        if not breach <= worst:  # a weight that is no number is a breach
            worst = breach if breach == breach else np.inf
    y = exposures(form, w - form.benchmark)
    for j in range(len(y)):
        worst = max(worst, max(form.low[j] - y[j], y[j] - form.high[j]))
    if form.total < np.inf:
        worst = max(worst, abs(w.sum() - form.total))
    worst = max(worst, one_way(form, w) - form.turnover)
    excess = 0.0
    if form.tracking_error < np.inf:
        excess = max(np.sqrt(variance(form, w, y)) / form.tracking_error - 1.0, 0.0)
    return worst, excess


@exact
def objective(form: Form, w: Array) -> float:
    """Return what is maximised: alpha net of cost and of the penalty on risk."""
    total = 0.0
    for i in range(len(w)):
        trade = w[i] - form.held[i]
        total += form.alpha[i] * (w[i] - form.benchmark[i])
        total -= form.buy * trade if trade > 0.0 else -form.sell * trade
    if form.aversion > 0.0:
        y = exposures(form, w - form.benchmark)
        total -= 0.5 * form.aversion * variance(form, w, y)
    return total


@exact
def curvature(form: Form, prices: Multipliers) -> float:
    """Return the weight of half the variance in the Lagrangian."""
    if form.tracking_error < np.inf:
        return form.aversion + prices.risk / (form.tracking_error * form.tracking_error)
    return form.aversion


@exact
def stock_slopes(form: Form, prices: Multipliers) -> Array:
    """Return the slope of the Lagrangian in each weight, without trading and specific risk ``[N]``."""
    omega = curvature(form, prices)
    by_row = prices.exposure.copy()
    if omega > 0.0:
        for j in range(len(by_row)):
            for i in range(len(by_row)):
                by_row[j] += omega * form.covariance[j, i] * prices.factor[i]
    out = np.empty(len(form.alpha))
    for i in range(len(out)):
        out[i] = prices.budget - form.alpha[i]
        if form.industries > 0:
            out[i] += by_row[form.industry[i]]
    for a in range(len(form.dense)):
        row, price = form.dense[a], by_row[form.industries + a]
        for i in range(len(out)):
            out[i] += price * row[i]
    return out


@exact
def _branch(
    slope: float, bend: float, centre: float, start: float, least: float, greatest: float
) -> float:
    """Return the least of slope (x - start) + bend/2 (x - centre)^2 between two points."""
    if bend > 0.0:
        x = min(max(centre - slope / bend, least), greatest)
    else:
        x = least if slope > 0.0 else greatest
    return slope * (x - start) + 0.5 * bend * (x - centre) * (x - centre)


@exact
def stock_loss(
    slope: float,
    bend: float,
    benchmark: float,
    held: float,
    lower: float,
    upper: float,
    bought: float,
    sold: float,
    w: float,
) -> float:
    """Return what a stock at w costs the Lagrangian above its least value between the bounds."""
    trade = w - held
    own = slope * trade + (bought * trade if trade > 0.0 else -sold * trade)
    own += 0.5 * bend * (w - benchmark) * (w - benchmark)
    best = np.inf
    if upper > held or held <= lower:
        least = max(held, lower)
        best = _branch(slope + bought, bend, benchmark, held, least, upper)
    if lower < held or held >= upper:
        greatest = min(held, upper)
        best = min(best, _branch(slope - sold, bend, benchmark, held, lower, greatest))
    return own - best


@exact
def gap(form: Form, w: Array, prices: Multipliers) -> float:
    """Return the most by which w can fall short of the optimum, in units of the objective.

    ``prices.factor`` must be the exposures of w, so that the least value over the exposures is attained
    at them.
    """
    slopes, omega = stock_slopes(form, prices), curvature(form, prices)
    bought, sold = form.buy + 0.5 * prices.turnover, form.sell + 0.5 * prices.turnover
    total = 0.0
    for i in range(len(w)):
        bend = omega * form.specific[i]
        if w[i] == form.lower[i]:  # most stocks: at a bound from which the Lagrangian only rises
            rise = slopes[i] + bend * (w[i] - form.benchmark[i])
            if rise + (bought if form.held[i] <= w[i] else -sold) >= 0.0:
                continue
        total += stock_loss(
            slopes[i], bend, form.benchmark[i], form.held[i],
            form.lower[i], form.upper[i], bought, sold, w[i],
        )  # fmt: skip
    y = prices.factor
    for j in range(len(y)):
        price = prices.exposure[j]
        if price > 0.0:
            total += price * (form.high[j] - y[j])
        elif price < 0.0:
            total += price * (form.low[j] - y[j])
    if form.total < np.inf:
        total += prices.budget * (form.total - w.sum())
    if form.turnover < np.inf:
        total += prices.turnover * (form.turnover - one_way(form, w))
    if form.tracking_error < np.inf:
        square = form.tracking_error * form.tracking_error
        total += 0.5 * prices.risk * (1.0 - variance(form, w, y) / square)
    return total


@exact
def judge(form: Form, w: Array, prices: Multipliers) -> tuple[Multipliers, float, float, float]:
    """Measure an answer: its prices with its own exposures, worst breach, gap and objective.

    The breach is in units of weight, exposure or annual volatility.
    """
    prices = Multipliers(
        prices.exposure,
        exposures(form, w - form.benchmark),
        prices.budget,
        prices.turnover,
        prices.risk,
    )
    worst, excess = violation(form, w)
    if excess > 0.0:
        worst = max(worst, excess * form.tracking_error)
    return prices, worst, gap(form, w, prices), objective(form, w)
