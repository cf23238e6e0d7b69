"""What a run leaves behind: frames that answer questions about themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest import metrics
from backtest.significance import intervals

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# keys that a policy's log may carry and the summary reads
PREDICTED = "tracking_error"  # predicted annual tracking error of the target
RELAXED = "relaxations"  # which limits gave way and how far; empty when none did
EXPOSURE = "active."  # with the name of a factor: active exposure of the target
STATUS = "status"  # "held" when the policy kept what it had because no portfolio met its limits


@dataclass(frozen=True, eq=False)
class Result:
    """One backtest.

    Attributes
    ----------
    nav
        Net asset value by session, 1 at the first decision; times ``config["capital"]`` in CNY.
    cash
        Cash at the close as a fraction of net asset value.
    benchmark
        Index level by session, 1 at the first decision; None for a run without one.
    targets
        Weights the policy asked for, decision date x stock.
    weights
        Weights that were reached, at the close of each session with fills, session x stock.
    trades
        One row a fill: ``date``, ``stock``, ``side`` (``buy``, ``sell``, or ``delisted`` for shares
        turned into cash), ``shares`` and ``price`` (CNY) as on the exchange, ``value`` (CNY).
    refusals
        One row an order that was not filled in full: ``date``, ``stock``, ``side``, ``wanted`` and
        ``done`` (shares), ``reason`` (``suspended``, ``limit up``, ``limit down``, ``not listed``,
        ``no price``, ``participation`` beyond its share of the volume, or ``cash`` where money was short
        and all purchases were scaled, or a sale cost more than it brought).
    costs
        Charges by session and kind, CNY; with columns ``impact`` and ``dividend_tax`` where the run
        charged them.
    turnover
        One-way turnover of each rebalance, by decision date, not a year's: half of all that was traded
        until the next decision, orders sent again included, over the net asset value at the decision.
        The first one builds the portfolio.
    solver
        The policy's log, a row a decision.
    notes
        What is approximate in the data and the run.
    config
        Settings, data fingerprint and versions.
    """

    nav: pd.Series
    cash: pd.Series
    benchmark: pd.Series | None
    targets: pd.DataFrame
    weights: pd.DataFrame
    trades: pd.DataFrame
    refusals: pd.DataFrame
    costs: pd.DataFrame
    turnover: pd.Series
    solver: pd.DataFrame
    notes: tuple[str, ...]
    config: Mapping[str, Any]

    @property
    def excess(self) -> pd.DataFrame:
        """Excess levels ``geometric`` (the headline) and ``arithmetic``; see ``metrics.excess``."""
        return metrics.excess(self.nav, self._level())

    @property
    def active(self) -> pd.Series:
        """Daily return less the benchmark's, from the session after the first decision.

        On that first session the benchmark moves from close to close, and the account, which is in cash
        until its fills, from their prices to the close.
        """
        return metrics.active(self.nav, self._level()).rename("active")

    @property
    def exposures(self) -> pd.DataFrame:
        """Active exposures of the target by decision date, factor by column, where the policy logs them."""
        names = [name for name in map(str, self.solver.columns) if name.startswith(EXPOSURE)]
        frame = self.solver[names].astype(np.float64)
        return frame.rename(columns=lambda name: str(name).removeprefix(EXPOSURE))

    def confidence(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return intervals of annual excess and information ratio; see ``significance.intervals``."""
        return intervals(self.active, confidence)

    def summary(self) -> pd.Series:
        """Return the headline numbers; fractions a year unless the name says otherwise.

        Turnover is one-way and the mean of a rebalance, not a year's; it leaves out the first, which
        builds the portfolio. Cost is the mean charge a session over the net asset value before it, times
        the sessions of a year.
        """
        daily = metrics.returns(self.nav)
        rows: dict[str, object] = {
            "annual_return": metrics.annual_return(self.nav),
            "volatility": metrics.volatility(daily),
            "drawdown": metrics.max_drawdown(self.nav).depth,
            "calmar": metrics.calmar(self.nav),
        }
        if self.benchmark is not None:
            rows.update(self._against(self.benchmark))
        rows.update(
            turnover=float(self.turnover.iloc[1:].mean()) if len(self.turnover) > 1 else np.nan,
            annual_cost=metrics.mean_annual_return(self.cost_rate()),
            refused_orders=int((self.refusals["reason"] != "cash").sum()),
            orders_cut_for_cash=int((self.refusals["reason"] == "cash").sum()),
            relaxed_rebalances=int(self.relaxed().sum()),
            held_rebalances=self._held(),
            rebalances=len(self.targets),
            sessions=len(daily),
        )
        return pd.Series(rows, dtype=object, name="value")

    def _against(self, benchmark: pd.Series) -> dict[str, object]:
        ratio = self.excess["geometric"]
        active = self.active
        fall = metrics.max_drawdown(ratio)
        realised, predicted = metrics.volatility(active), self._predicted()
        return {
            "benchmark_return": metrics.annual_return(benchmark),
            "annual_excess": metrics.annual_return(ratio),
            "annual_excess_arithmetic": metrics.mean_annual_return(active),
            "tracking_error": realised,
            "predicted_tracking_error": predicted,
            "realised_over_predicted": realised / predicted,
            "information_ratio": metrics.information_ratio(self.nav, benchmark),
            "excess_t": metrics.newey_west_t(active),
            "weekly_win_rate": metrics.weekly_win_rate(self.nav, benchmark),
            "monthly_hit_rate": metrics.monthly_hit_rate(self.nav, benchmark),
            "beta": metrics.beta(self.nav, benchmark),
            "up_capture": metrics.capture(self.nav, benchmark, "up"),
            "down_capture": metrics.capture(self.nav, benchmark, "down"),
            "excess_drawdown": fall.depth,
            "excess_drawdown_peak": fall.peak,
            "excess_drawdown_trough": fall.trough,
        }

    def yearly(self) -> pd.DataFrame:
        """Return a row a calendar year with return, excess and risk; see ``metrics.yearly``."""
        return metrics.yearly(self.nav, self.benchmark)

    def monthly(self) -> pd.DataFrame:
        """Return the excess of each month, year x month; the return where there is no benchmark."""
        level = self.nav if self.benchmark is None else self.excess["geometric"]
        return metrics.monthly_table(level)

    def cost_rate(self) -> pd.Series:
        """Return the charges of each session over the net asset value before it."""
        before = (self.nav * float(self.config["capital"])).shift().iloc[1:]
        return (self.costs.sum(axis=1).iloc[1:] / before).rename("cost")

    def relaxed(self) -> pd.Series:
        """Tell by decision date whether the policy had to relax a limit, as far as it logs that."""
        if RELAXED not in self.solver:
            return pd.Series(False, index=self.solver.index, name=RELAXED)
        given = [bool(value) and value == value for value in self.solver[RELAXED]]  # NaN is none
        return pd.Series(given, index=self.solver.index, name=RELAXED)

    def plot(self, language: str = "en") -> Figure:
        """Return one page of figures, ``en`` or ``zh``; see ``plots.plot_result``. Needs [plot]."""
        plots = _plots()
        figure: Figure = plots.plot_result(self, language)
        return figure

    def report(self, path: str | Path, **options: Any) -> dict[str, pd.DataFrame]:
        """Write an HTML page about the run and return its tables; see ``backtest.report``."""
        from backtest.report import report  # pages are made of results, hence not at the top

        return report(self, path, **options)

    def save(self, path: str | Path) -> Path:
        """Write the result into a folder, whole or not at all; see ``storage.save``."""
        from backtest.storage import save  # storage builds results, hence not at the top

        return save(self, Path(path))

    def _level(self) -> pd.Series:
        if self.benchmark is None:
            raise ValueError(
                "this run has no benchmark, so no excess; run it again with benchmark='csi300' or "
                "another name of market.indexes"
            )
        return self.benchmark

    def _predicted(self) -> float:
        if PREDICTED not in self.solver:
            return float("nan")
        return float(pd.to_numeric(self.solver[PREDICTED], errors="coerce").mean())

    def _held(self) -> int:
        return int((self.solver[STATUS] == "held").sum()) if STATUS in self.solver else 0

    def __repr__(self) -> str:
        """Five lines that fit a notebook."""
        s, dates = self.summary(), self.nav.index
        line = f"return {s['annual_return']:.2%} a year, drawdown {s['drawdown']:.2%}"
        if self.benchmark is not None:
            line = (
                f"excess {s['annual_excess']:.2%} a year over {self.config['benchmark']}, "
                f"tracking error {s['tracking_error']:.2%}, "
                f"information ratio {s['information_ratio']:.2f}"
            )
        return "\n".join(
            [
                f"Result of {len(dates)} sessions, {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}",
                f"  {line}",
                f"  {s['rebalances']} rebalances, one-way turnover {s['turnover']:.1%} a rebalance, "
                f"cost {s['annual_cost']:.2%} a year",
                f"  {s['refused_orders']} orders refused, {s['orders_cut_for_cash']} cut for cash, "
                f"{s['relaxed_rebalances']} rebalances relaxed",
                f"  {len(self.notes)} notes on the data: see .notes",
            ]
        )


def _plots() -> Any:
    """Import the figures when they are asked for: a run without them needs no matplotlib."""
    try:
        from backtest import plots
    except ImportError as missing:
        raise ImportError(
            "figures need matplotlib, which is not installed; install the [plot] extra of this package"
        ) from missing
    return plots
