"""The index-enhancement optimiser: named limits, one convex program, an answer that was checked.

``optimize`` solves one rebalance, ``csi300`` and its sisters are weekly policies for a backtest.
Every limit is a small frozen value with a name; every solution says what each limit costs.
"""

from enhance.constraint import Constraint, StockLimit
from enhance.constraints import (
    ActiveWeight,
    Bounds,
    Budget,
    ConstituentShare,
    IndustryExposure,
    LongOnly,
    NoBuy,
    NoSell,
    StyleExposure,
    TrackingError,
    Turnover,
)
from enhance.decision import Decision
from enhance.diagnose import Diagnosis
from enhance.enhancer import Enhancer, EnhancerConfig
from enhance.errors import InfeasibleError, SolverError
from enhance.objective import MaxAlpha
from enhance.optimize import optimize, solve
from enhance.presets import csi300, csi500, csi1000
from enhance.problem import Problem
from enhance.relax import WEEKLY
from enhance.solution import Solution

__all__ = [
    "WEEKLY",
    "ActiveWeight",
    "Bounds",
    "Budget",
    "ConstituentShare",
    "Constraint",
    "Decision",
    "Diagnosis",
    "Enhancer",
    "EnhancerConfig",
    "IndustryExposure",
    "InfeasibleError",
    "LongOnly",
    "MaxAlpha",
    "NoBuy",
    "NoSell",
    "Problem",
    "Solution",
    "SolverError",
    "StockLimit",
    "StyleExposure",
    "TrackingError",
    "Turnover",
    "csi300",
    "csi500",
    "csi1000",
    "optimize",
    "solve",
]
