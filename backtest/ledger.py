"""What happened, laid out as frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtest.account import Path
from backtest.charges import KINDS
from backtest.fills import COMPLETE
from backtest.tape import DELISTED, REASONS

Array = np.ndarray

_SIDES = ("delisted", "sell", "buy")


@dataclass(frozen=True, eq=False)
class Ledger:
    """The log of a run (entries of ``account.ORDER``) and its path, with their grid."""

    dates: pd.DatetimeIndex
    stocks: pd.Index
    log: Array
    path: Path

    def trades(self) -> pd.DataFrame:
        """One row a fill: ``date``, ``stock``, ``side``, ``shares``, ``price``, ``value`` (CNY)."""
        at = np.flatnonzero(self.log["done"])
        done, factor = self.log["done"][at], self.log["factor"][at]
        side = np.where(self.log["reason"][at] == DELISTED, 0, np.where(done < 0.0, 1, 2))
        shares, price = np.abs(done) * factor, self.log["price"][at] / factor
        return self._long(at, {
            "side": _words(_SIDES, side), "shares": shares, "price": price, "value": shares * price,
        })  # fmt: skip

    def refusals(self) -> pd.DataFrame:
        """One row an order that was not filled in full: ``wanted`` and ``done`` in shares."""
        asked, got = self.log["wanted"], self.log["done"]
        at = np.flatnonzero(np.abs(asked - got) > COMPLETE * np.abs(asked))
        asked, got, factor = asked[at], got[at], self.log["factor"][at]
        return self._long(at, {
            "side": _words(_SIDES, np.where(asked > 0.0, 2, 1)),
            "wanted": np.abs(asked) * factor, "done": np.abs(got) * factor,
            "reason": _words(REASONS, self.log["reason"][at]),
        })  # fmt: skip

    def costs(self, first: int, kinds: list[int]) -> pd.DataFrame:
        """Charges by kind ``[sessions from first, kinds]``, CNY, zero on days without trades."""
        charges, names = self.path.charges[first:, kinds], [KINDS[kind] for kind in kinds]
        return pd.DataFrame(charges, index=self.dates[first:], columns=names)

    def turnover(self, decided: Array) -> pd.Series:
        """One-way turnover by decision date: half the value traded until the next one over NAV."""
        traded = np.add.reduceat(self.path.traded, decided + 1)
        share = traded / 2.0 / self.path.nav[decided]
        return pd.Series(share, index=self.dates[decided], name="turnover")

    def weights(self) -> pd.DataFrame:
        """Weights at the close of each session with orders, for stocks that were ever held then."""
        count = int(self.path.fills[0])
        return self.wide(self.path.rows[:count], self.path.weights[:count])

    def wide(self, rows: Array, table: Array) -> pd.DataFrame:
        """Return weights ``[F, N]`` by date, for stocks that ever had one."""
        used = np.flatnonzero(table.any(axis=0))
        held = table if len(used) == table.shape[1] else table[:, used]
        return pd.DataFrame(held, index=self.dates[rows], columns=self.stocks[used])

    def _long(self, at: Array, columns: dict[str, object]) -> pd.DataFrame:
        """Return a frame of the log's entries ``at``: their date and stock, then ``columns``."""
        date = self.dates.take(self.log["row"][at])
        stock = self.stocks.astype("str").take(self.log["stock"][at])
        return pd.DataFrame({"date": date, "stock": stock.array, **columns}, copy=False)


def _words(words: tuple[str, ...], codes: Array) -> object:
    return pd.Index(words, dtype="str").take(codes).array
