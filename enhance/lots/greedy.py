"""Rounding one stock at a time towards the target, in the metric of risk."""

from __future__ import annotations

import numpy as np

from enhance.explain import times_covariance
from enhance.lots.account import ROUNDING, Account

Array = np.ndarray


def greedy(account: Account) -> Array:
    """Return options ``[M]`` that no single step to a neighbouring count brings nearer to the target.

    It starts below the target, so that nothing is owed, and takes the step that most lowers
    (w - w*)'V(w - w*) among those that leave cash and break no limit further than it is broken: near
    the target every limit is nearly met. The answer still has to pass the check.
    """
    grid, problem = account.grid, account.problem
    chosen = _below(account)
    weights, cash = grid.weights(chosen), account.cash(chosen)
    gradient = times_covariance(problem, weights - grid.wanted)
    broken = account.violation(weights)
    own = _variances(account)
    refused: set[tuple[int, int]] = set()
    moves = 0  # accepted since a step was last refused for good
    while True:
        step, slot = _best_step(account, chosen, gradient, own, cash, refused)
        if step < 0:
            if not (refused and moves):
                return chosen
            refused, moves = set(), 0  # what was refused may fit beside the steps taken since
            continue
        old, i = int(chosen[slot]), grid.owner[step]
        moved = np.zeros(len(weights))
        moved[i] = grid.weight[step] - grid.weight[old]
        worse = account.violation(weights + moved)
        if worse > broken:
            refused.add((old, step))
            continue
        weights, broken, moves = weights + moved, worse, moves + 1
        cash -= moved[i] + grid.cost[step] - grid.cost[old]
        gradient = gradient + times_covariance(problem, moved)
        chosen[slot] = step


def _below(account: Account) -> Array:
    """Return for each stock the largest count not above its target, or the smallest there is."""
    grid = account.grid
    _, first = np.unique(grid.owner, return_index=True)
    above = grid.weight > grid.wanted[grid.owner] + ROUNDING
    under = np.add.reduceat(~above, first) if len(first) else first
    return np.asarray(first + np.maximum(under - 1, 0))


def _variances(account: Account) -> Array:
    """Return the diagonal of V for the owner of each option ``[V]``."""
    p = account.problem
    loaded = p.exposures @ p.factor_covariance
    own = p.specific_variance + np.asarray(p.exposures.multiply(loaded).sum(axis=1)).ravel()
    return np.asarray(own[account.grid.owner])


def _best_step(
    account: Account,
    chosen: Array,
    gradient: Array,
    own: Array,
    cash: float,
    refused: set[tuple[int, int]],
) -> tuple[int, int]:
    """Return the option to step to and the slot of its stock, -1 where no step helps."""
    grid = account.grid
    best, answer = -1e-16, (-1, -1)  # of variance: less is rounding
    for way in (1, -1):
        to = np.clip(chosen + way, 0, len(grid.owner) - 1)
        open_ = grid.owner[to] == grid.owner[chosen]
        moved = grid.weight[to] - grid.weight[chosen]
        left = cash - moved - grid.cost[to] + grid.cost[chosen]
        gain = 2.0 * moved * gradient[grid.owner[chosen]] + own[chosen] * moved**2
        usable = open_ & (left >= account.least_cash - ROUNDING) & (moved != 0.0)
        gain = np.where(usable, gain, np.inf)
        for slot in np.argsort(gain):
            if gain[slot] >= best:
                break
            if (int(chosen[slot]), int(to[slot])) not in refused:
                best, answer = float(gain[slot]), (int(to[slot]), int(slot))
                break
    return answer
