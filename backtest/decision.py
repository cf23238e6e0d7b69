"""One decision of an audited policy: what it is shown, what it answers, and whether it looked at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from backtest.exchange import forecast
from backtest.orders import Orders, aligned, opened, placed_orders
from backtest.perturbation import with_all_replaced
from market import Costs, Market, Snapshot, Target

Array = np.ndarray
Policy = Callable[[Snapshot], pd.Series | Target | Orders]
MakePolicy = Callable[[Market], Policy]
Layers = Mapping[str, Array | pd.Series | pd.DataFrame]

TOLERANCE = 1e-12  # weights: below this a change is the order of a sum


class Control:
    """Markets that are noise in every session, and the policies made from them.

    What does not move with them was computed from something else: a policy that nothing can catch. A
    choice among few stocks may fall on the same ones by chance, hence more than one draw.
    """

    DRAWS = 4

    def __init__(self, make_policy: MakePolicy, market: Market, seed: int) -> None:
        self.make_policy, self.market, self.seed = make_policy, market, seed
        self._made: dict[int, tuple[Market, Policy | None]] = {}

    def moves(self, shown: Snapshot, before: Array, layers: Layers) -> bool:
        """Tell whether weights ``before`` ``[N]`` or layers change; account and tradability do not."""
        return any(self._moves(draw, shown, before, layers) for draw in range(self.DRAWS))

    def _moves(self, draw: int, shown: Snapshot, before: Array, layers: Layers) -> bool:
        market, policy = self._drawn(draw)
        if policy is None:  # it could not be made of noise, so it read the noise
            return True
        seen = replace(shown, market=market.until(shown.date))
        try:
            if bool(np.abs(answered(policy, seen) - before).max() > TOLERANCE):
                return True
            return bool(first_change(layers, layers_at(self.make_policy, market, shown.date)))
        except Exception:  # noqa: BLE001  noise may break a policy in any way: it was read
            return True

    def _drawn(self, draw: int) -> tuple[Market, Policy | None]:
        """Return one draw, made when first asked for: most policies move with the first."""
        if draw not in self._made:
            other = with_all_replaced(self.market, np.random.default_rng([self.seed, draw]))
            try:
                self._made[draw] = other, self.make_policy(other)
            except Exception:  # noqa: BLE001  as above
                self._made[draw] = other, None
        return self._made[draw]


def benchmark_of(policy: Policy, given: str | None) -> str | None:
    """Return the index that is held before a decision, None for cash."""
    return given if given is not None else getattr(policy, "benchmark", None)


def shown_at(market: Market, row: int, name: str | None) -> Snapshot:
    """Return the snapshot of the close of ``row`` for an account that holds the index ``name``."""
    date = market.dates[row]
    held = pd.Series(dtype=np.float64, index=market.stocks[:0], name="weight")
    if name is not None:
        held = market.index(name).weights_on(date)
    can_buy, can_sell = forecast(market, row)
    return Snapshot(
        date=date,
        market=market.until(date),
        holdings=held,
        cash=1.0 - float(held.sum()),
        capital=1e8,
        can_buy=can_buy,
        can_sell=can_sell,
        costs=Costs.cn(),
        benchmark=name,
    )


def answered(policy: Policy, snapshot: Snapshot) -> Array:
    """Return the answer ``[N]``: weights, or of orders the share of cash spent and -1 for a sale."""
    answer, stocks, date = policy(snapshot), snapshot.market.stocks, snapshot.date
    if isinstance(answer, Orders):
        units = snapshot.holdings.reindex(stocks, fill_value=0.0).to_numpy(dtype=np.float64)
        marks = snapshot.market.values("close_filled")[-1]
        sold, numbers = placed_orders(answer, units, marks, stocks, date)
        numbers[sold] = -1.0
        return numbers
    return aligned(opened(answer)[0], stocks, date)


def layers_at(make_policy: MakePolicy, market: Market, date: pd.Timestamp) -> Layers:
    """Return the layers that a maker of policies offers, none when it offers none."""
    offered = getattr(make_policy, "layers", None)
    return {} if offered is None else offered(market, date)


def first_change(before: Layers, after: Layers) -> str:
    """Return the name of the first layer that differs anywhere; missing values equal each other."""
    for name, values in before.items():
        old, new = np.asarray(values), np.asarray(after[name])
        if old.shape != new.shape or not np.array_equal(old, new, equal_nan=old.dtype.kind == "f"):
            return name
    return ""
