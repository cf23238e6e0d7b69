"""The TopkDropout rule, compiled: which holdings go and which stocks come in."""

from __future__ import annotations

import numpy as np
from numba import njit

from backtest.account import NO_TROUBLE, Account, Path
from backtest.session import play
from backtest.tape import Tape, Terms

Array = np.ndarray


@njit(cache=True)
def top(scores: Array, taken: Array, k: int) -> Array:
    """Return the positions of the ``k`` best scores that are not ``taken``, best first.

    Missing scores are left out; equal ones rank in the order of the columns.
    """
    best = np.empty(max(k, 0), np.int64)
    count = 0
    for j in range(len(scores)):
        if taken[j] or np.isnan(scores[j]) or k <= 0:
            continue
        if count == k and not scores[j] > scores[best[k - 1]]:
            continue
        at = count if count < k else k - 1
        count = min(count + 1, k)
        while at > 0 and scores[j] > scores[best[at - 1]]:
            best[at] = best[at - 1]
            at -= 1
        best[at] = j
    return best[:count]


@njit(cache=True)
def bottom(scores: Array, among: Array, k: int) -> Array:
    """Return the positions of the ``k`` worst of ``among``, worst first; no score is the worst."""
    worst = np.empty(max(k, 0), np.int64)
    count = 0
    for j in range(len(scores) - 1, -1, -1):
        if not among[j] or k <= 0:
            continue
        if count == k and not _below(scores, j, worst[k - 1]):
            continue
        at = count if count < k else k - 1
        count = min(count + 1, k)
        while at > 0 and _below(scores, j, worst[at - 1]):
            worst[at] = worst[at - 1]
            at -= 1
        worst[at] = j
    return worst[:count]


@njit(cache=True)
def _below(scores: Array, i: int, j: int) -> bool:
    if np.isnan(scores[i]):
        return not np.isnan(scores[j])
    return scores[i] < scores[j]


@njit(cache=True)
def priced(row: int, scores: Array, tape: Tape) -> Array:
    """Return the scores of the stocks that have a price at the close, NaN for the others ``[N]``."""
    known, close, factor = scores.copy(), tape.close[row], tape.factor[row]
    for j in range(len(known)):
        if not np.isfinite(np.float64(close[j]) * np.float64(factor[j])):
            known[j] = np.nan
    return known


@njit(cache=True)
def choose(
    row: int, scores: Array, topk: int, n_drop: int, hold: int, invest: float, account: Account
) -> None:
    """Place the orders of one close: whole positions to sell, shares of the cash to spend.

    With scores for nobody there is no order.
    """
    account.wanted[:] = 0.0
    account.spend[:] = 0.0
    account.open[0] = True
    if np.isnan(scores).all():
        return
    units, wanted, spend, since = account.units, account.wanted, account.spend, account.since
    held = units > 0.0
    size = held.sum()
    today = top(scores, held, n_drop + topk - size)
    among = held.copy()
    for j in today:
        among[j] = True
    sales = 0
    for j in bottom(scores, among, n_drop):
        if held[j]:
            sales += 1
            if row + 1 - since[j] >= hold:
                wanted[j] = -units[j]
    buys = min(len(today), max(sales + topk - size, 0))
    for j in today[:buys]:
        spend[j] = invest / buys


@njit(cache=True)
def intended(row: int, tape: Tape, account: Account, path: Path, out: Array) -> None:
    """Write the weights ``[N]`` that the orders lead to at the prices of the decision."""
    nav, cash, units = path.nav[row], account.cash[0], account.units
    close, factor, wanted, spend = tape.close[row], tape.factor[row], account.wanted, account.spend
    for j in range(len(out)):
        out[j] = 0.0
        if units[j] > 0.0:
            worth = units[j] * (np.float64(close[j]) * np.float64(factor[j]))
            if wanted[j] < 0.0:
                cash += worth
            else:
                out[j] = worth / nav
    for j in range(len(out)):
        if spend[j] > 0.0:
            out[j] = spend[j] * cash / nav


@njit(cache=True)
def play_dropout(
    scores: Array, rule: tuple[int, int, int, float], decide_on: Array, stop: int, tape: Tape,
    terms: Terms, account: Account, path: Path, log: Array, targets: Array,
) -> tuple[Array, int]:  # fmt: skip
    """Play the rule on ``scores`` ``[D, N]`` of the rows ``decide_on`` ``[D]``, on to ``stop``.

    ``rule`` is topk, n_drop, hold and the share of the cash to invest; ``targets`` ``[D, N]`` takes the
    intended weights.
    """
    n = 0
    topk, n_drop, hold, invest = rule
    for d in range(len(decide_on)):
        row = decide_on[d]
        until = decide_on[d + 1] + 1 if d + 1 < len(decide_on) else stop
        choose(row, priced(row, scores[d], tape), topk, n_drop, hold, invest, account)
        intended(row, tape, account, path, targets[d])
        log, n = play(row + 1, until, tape, terms, account, path, log, n)
        if path.trouble[0] != NO_TROUBLE:
            break
    return log, n
