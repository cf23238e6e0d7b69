"""What happened, written down as it happens and laid out as frames at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from backtest.exchange import REASONS, Fill
from backtest.plain import plain

Array = np.ndarray

_SHARE = 1e-12  # a fill that misses its order by less than this fraction of it is complete


class Ledger:
    """Collects fills, delistings and decisions of a run over given sessions and stocks."""

    def __init__(self, dates: pd.DatetimeIndex, stocks: pd.Index) -> None:
        self._dates = dates
        self._stocks = stocks
        self._trades: list[tuple[int, str, Array, Array, Array]] = []
        self._refusals: list[tuple[int, Array, Array, Array, Array]] = []
        self._charges: dict[int, dict[str, float]] = {}
        self._turnover: list[float] = []
        self._decided: list[int] = []
        self._targets: list[Array] = []
        self._logs: list[dict[str, Any]] = []
        self._held_on: list[int] = []
        self._held: list[Array] = []

    def decision(self, row: int, weights: Array, log: Mapping[str, Any]) -> None:
        """Note a policy's answer ``[N]`` at the close of ``row``."""
        self._decided.append(row)
        self._targets.append(weights)
        self._logs.append({str(key): plain(value) for key, value in log.items()})

    def fill(self, row: int, fill: Fill, factor: Array, nav: float) -> None:
        """Note the orders of session ``row``; ``factor`` ``[k]`` turns units into shares."""
        self._charges[row] = fill.charges
        self._turnover.append(fill.traded / 2.0 / nav)
        price = fill.price / factor
        shares = fill.done * factor
        for side, sign in (("sell", -1.0), ("buy", 1.0)):
            hit = fill.done * sign > 0.0
            if hit.any():
                self._trades.append(
                    (row, side, fill.positions[hit], sign * shares[hit], price[hit])
                )
        short = np.abs(fill.wanted - fill.done) > _SHARE * np.abs(fill.wanted)
        if short.any():
            wanted = fill.wanted * factor
            self._refusals.append(
                (row, fill.positions[short], wanted[short], shares[short], fill.reason[short])
            )

    def delisting(self, row: int, positions: Array, shares: Array, price: Array) -> None:
        """Note shares turned into cash at ``price``, CNY, because the stock has left the exchange."""
        self._trades.append((row, "delisted", positions, shares, price))

    def holding(self, row: int, weights: Array) -> None:
        """Note the weights ``[N]`` at the close of a session with fills."""
        self._held_on.append(row)
        self._held.append(weights)

    # --- frames -----------------------------------------------------------------------------------

    def trades(self) -> pd.DataFrame:
        """One row a fill: ``date``, ``stock``, ``side``, ``shares``, ``price``, ``value`` (CNY)."""
        entries = self._trades
        frame = self._long([(row, positions) for row, _, positions, _, _ in entries])
        frame["side"] = pd.Series(
            np.repeat([e[1] for e in entries], [len(e[2]) for e in entries]), dtype="str"
        )
        frame["shares"] = _joined([e[3] for e in entries])
        frame["price"] = _joined([e[4] for e in entries])
        frame["value"] = frame["shares"] * frame["price"]
        return frame

    def refusals(self) -> pd.DataFrame:
        """One row an order that was not filled in full: ``wanted`` and ``done`` in shares."""
        entries = self._refusals
        frame = self._long([(row, positions) for row, positions, _, _, _ in entries])
        wanted = _joined([e[2] for e in entries])
        frame["side"] = pd.Series(np.where(wanted > 0.0, "buy", "sell"), dtype="str")
        frame["wanted"] = np.abs(wanted)
        frame["done"] = np.abs(_joined([e[3] for e in entries]))
        codes = _joined([e[4] for e in entries]).astype(np.int64)
        frame["reason"] = pd.Series(np.array(REASONS)[codes], dtype="str")
        return frame

    def costs(self, first: int) -> pd.DataFrame:
        """Charges by kind ``[sessions from first, kinds]``, CNY, zero on days without trades."""
        frame = pd.DataFrame.from_dict(self._charges, orient="index", dtype=np.float64)
        frame = frame.reindex(range(first, len(self._dates)), fill_value=0.0)
        frame.index = self._dates[first:]
        return frame

    def turnover(self) -> pd.Series:
        """One-way turnover by decision date: half the traded value over NAV at the decision."""
        return pd.Series(self._turnover, index=self._dates[self._decided], name="turnover")

    def targets(self) -> pd.DataFrame:
        """Target weights by decision date, for stocks that ever had one."""
        return self._wide(self._decided, self._targets)

    def weights(self) -> pd.DataFrame:
        """Weights at the close of each session with fills, for stocks that were ever held then."""
        return self._wide(self._held_on, self._held)

    def solver(self) -> pd.DataFrame:
        """What the policy logged, a row a decision, a column a key."""
        return pd.DataFrame(self._logs, index=self._dates[self._decided])

    def _long(self, entries: list[tuple[int, Array]]) -> pd.DataFrame:
        rows = np.repeat([row for row, _ in entries], [len(p) for _, p in entries]).astype(np.int64)
        positions = _joined([p for _, p in entries]).astype(np.int64)
        return pd.DataFrame(
            {"date": self._dates[rows], "stock": self._stocks[positions].astype("str")}
        )

    def _wide(self, rows: list[int], entries: list[Array]) -> pd.DataFrame:
        table = np.stack(entries)
        used = np.flatnonzero(table.any(axis=0))
        return pd.DataFrame(table[:, used], index=self._dates[rows], columns=self._stocks[used])


def _joined(parts: list[Array]) -> Array:
    return np.concatenate(parts) if parts else np.zeros(0)
