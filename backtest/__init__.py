"""Backtests: orders decided at one close and filled on the next session under the exchange's rules.

``run`` plays a policy, any callable from a ``Snapshot`` to target weights, and returns a ``Result``.
``audit`` changes everything dated after a decision and checks that the decision stays the same;
``restated`` compares two vintages of the data, whose past should be the same too.
``compare`` lays results side by side, and ``attribution`` says where their excess came from.
``report`` writes a page about a result or several, ``sweep_report`` one about the cells of a sweep.
"""

from backtest import attribution
from backtest.audit import AuditReport, audit
from backtest.comparison import compare, compare_years, sweep_table, sweep_years
from backtest.engine import run
from backtest.orders import Orders
from backtest.overfitting import active_returns, overfitting
from backtest.policies import BenchmarkPolicy, BuyAndHold, FixedWeights, TopN
from backtest.report import report
from backtest.report_sweep import sweep_report
from backtest.result import Result
from backtest.storage import load
from backtest.sweep import marginal, sweep
from backtest.topk import TopkDropout
from backtest.vintages import restated

__all__ = [
    "AuditReport",
    "BenchmarkPolicy",
    "BuyAndHold",
    "FixedWeights",
    "Orders",
    "Result",
    "TopN",
    "TopkDropout",
    "active_returns",
    "attribution",
    "audit",
    "compare",
    "compare_years",
    "load",
    "marginal",
    "overfitting",
    "report",
    "restated",
    "run",
    "sweep",
    "sweep_report",
    "sweep_table",
    "sweep_years",
]
