"""A session, compiled: delistings, fills, marks. Everything that is played passes through here.

On each session, in this order: what has left the exchange becomes cash, the orders of the close before
are filled and charged, and the account is marked at the close.
"""

from __future__ import annotations

from pathlib import Path as Folder

import numpy as np
from numba import njit

from backtest.account import NO_MARK, NO_PRICE, NO_TROUBLE, Account, Path
from backtest.dividends import begin
from backtest.fills import COMPLETE, DUST, buy, sell
from backtest.tape import DELISTED, NOT_LISTED, Tape, Terms
from market.kernels import drop_stale

Array = np.ndarray

drop_stale(Folder(__file__).parent)  # the session is inlined from several files


@njit(cache=True)
def with_room(log: Array, n: int, more: int) -> Array:
    """Return ``log`` with space for ``more`` entries after the first ``n``."""
    if n + more <= len(log):
        return log
    larger = np.empty(2 * (n + more), log.dtype)
    larger[:n] = log[:n]
    return larger


@njit(cache=True, inline="always")
def retire(row: int, tape: Tape, terms: Terms, account: Account, log: Array, n: int) -> int:
    """Turn what has left the exchange since the last session into cash at its last price."""
    kept, listed = 1.0 - terms.haircut, tape.listed[row]
    gone = 0
    for j in account.places[: account.size[0]]:
        gone += not listed[j]
    if not gone:
        return n
    for j in account.places[: account.size[0]]:
        if not listed[j]:
            entry = log[n]
            entry.row, entry.stock, entry.reason = row, j, DELISTED
            entry.factor = np.float64(tape.factor[row - 1, j])
            entry.price = np.float64(tape.close[row - 1, j]) * kept * entry.factor
            entry.wanted = entry.done = -account.units[j]
            account.cash[0] += account.units[j] * entry.price
            account.units[j] = 0.0
            account.lots[j] = 0.0
            n += 1
    note_holdings(account)
    return n


@njit(cache=True, inline="always")
def note_holdings(account: Account) -> None:
    """Bring the list of positions up to date: most sessions read it and none of the other stocks."""
    size, units, places = 0, account.units, account.places
    for j in range(len(units)):
        if units[j] > 0.0:
            places[size] = j
            size += 1
    account.size[0] = size


@njit(cache=True, inline="always")
def renew(again: bool, account: Account, entries: Array) -> None:
    """Clear the orders; keep what of them is to be tried again."""
    account.wanted[:] = 0.0
    account.spend[:] = 0.0
    account.open[0] = False
    if not again:
        return
    wanted = account.wanted
    for i in range(len(entries)):
        entry = entries[i]
        rest = entry.wanted - entry.done
        if abs(rest) > COMPLETE * abs(entry.wanted) and entry.reason != NOT_LISTED:
            wanted[entry.stock] = rest
            account.open[0] = True


@njit(cache=True, inline="always")
def note_marks(row: int, filled: bool, tape: Tape, account: Account, path: Path) -> bool:
    """Mark the account at the close; false where a held stock has no price."""
    nav, held, units = account.cash[0], account.places[: account.size[0]], account.units
    close, factor = tape.close[row], tape.factor[row]
    for j in held:
        nav += units[j] * (np.float64(close[j]) * np.float64(factor[j]))
    path.nav[row], path.cash[row] = nav, account.cash[0]
    if filled:
        f = path.fills[0]
        path.rows[f] = row
        path.fills[0] += 1
        weights = path.weights[f]
        weights[:] = 0.0
        for j in held:
            weights[j] = units[j] * (np.float64(close[j]) * np.float64(factor[j])) / nav
    return np.isfinite(nav)


@njit(cache=True)
def play(
    first: int, stop: int, tape: Tape, terms: Terms, account: Account, path: Path, log: Array,
    n: int,
) -> tuple[Array, int]:  # fmt: skip
    """Play the sessions from ``first`` up to ``stop``; return the log and where it ends."""
    for row in range(first, stop):
        log = with_room(log, n, 2 * len(account.units))
        begin(row, account)
        n = retire(row, tape, terms, account, log, n)
        filled = account.open[0]
        if filled:
            began = n
            n = sell(row, tape, terms, account, path, log, n)
            n = buy(row, tape, terms, account, path, log, n)
            renew(terms.again, account, log[began:n])
            note_holdings(account)
        if not note_marks(row, filled, tape, account, path):
            path.trouble[:] = (NO_MARK, row)
            break
    return log, n


@njit(cache=True)
def aim(row: int, weights: Array, tape: Tape, account: Account, path: Path) -> bool:
    """Order what leads from the holdings to ``weights`` ``[N]``; false where a price is missing.

    Sizes are fixed at the close: ``weight * nav / mark - units``. The price of the fill moves the
    weight that is reached, as it would on the exchange.
    """
    nav, wanted, units = path.nav[row], account.wanted, account.units
    close, factor = tape.close[row], tape.factor[row]
    account.spend[:] = 0.0
    account.open[0] = True
    for j in range(len(weights)):
        wanted[j] = 0.0
        if weights[j] > 0.0 or units[j] > 0.0:
            price = np.float64(close[j]) * np.float64(factor[j])
            if not np.isfinite(price):
                path.trouble[:] = (NO_PRICE, row)
                return False
            difference = weights[j] * nav / price - units[j]
            if abs(difference) * price > DUST * nav:
                wanted[j] = difference
    return True


@njit(cache=True)
def play_targets(
    targets: Array, decide_on: Array, stop: int, tape: Tape, terms: Terms, account: Account,
    path: Path, log: Array,
) -> tuple[Array, int]:  # fmt: skip
    """Decide on each row of ``decide_on`` ``[D]`` for ``targets`` ``[D, N]``, and play on to ``stop``.

    The account stands marked at the close of the first decision.
    """
    n = 0
    for d in range(len(decide_on)):
        row = decide_on[d]
        until = decide_on[d + 1] + 1 if d + 1 < len(decide_on) else stop
        if not aim(row, targets[d], tape, account, path):
            break
        log, n = play(row + 1, until, tape, terms, account, path, log, n)
        if path.trouble[0] != NO_TROUBLE:
            break
    return log, n
