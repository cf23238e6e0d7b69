"""Backtests: orders decided at one close and filled on the next session under the exchange's rules.

``run`` plays a policy, any callable from a ``Snapshot`` to target weights, and returns a ``Result``.
``audit`` changes everything dated after a decision and checks that the decision stays the same.
"""

from backtest.audit import AuditReport, audit
from backtest.engine import run
from backtest.policies import BenchmarkPolicy, FixedWeights, TopN
from backtest.result import Result
from backtest.storage import load
from backtest.sweep import marginal, sweep

__all__ = [
    "AuditReport",
    "BenchmarkPolicy",
    "FixedWeights",
    "Result",
    "TopN",
    "audit",
    "load",
    "marginal",
    "run",
    "sweep",
]
