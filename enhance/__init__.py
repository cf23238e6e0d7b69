"""The index-enhancement optimiser: named limits, one convex program, an answer that was checked.

``optimize`` solves one rebalance, ``csi300`` and its sisters are weekly policies for a backtest.
Every limit is a small frozen value with a name; every solution says what each limit costs.
"""

from enhance import lots
from enhance.constraint import Constraint, RowLimit, StockLimit
from enhance.constraints import (
    ActiveWeight,
    Beta,
    Blacklist,
    Bounds,
    Budget,
    ConstituentShare,
    ExcludeST,
    GroupRisk,
    Groups,
    IndustryExposure,
    LatentExposure,
    Linear,
    LongOnly,
    MaxNames,
    MinHolding,
    NoBuy,
    NoSell,
    Participation,
    Soft,
    StyleExposure,
    TrackingError,
    Turnover,
    Whitelist,
)
from enhance.decision import Decision
from enhance.diagnose import Diagnosis, diagnose
from enhance.enhancer import Enhancer, EnhancerConfig
from enhance.errors import InfeasibleError, SolverError
from enhance.explain import Explanation, Optimality
from enhance.objective import (
    MaxAlpha,
    MinStyleDeviation,
    MinTrackingError,
    Objective,
)
from enhance.optimize import optimize, solve
from enhance.presets import csi300, csi500, csi1000
from enhance.problem import Problem
from enhance.ratio import MaxInformationRatio
from enhance.relax import WEEKLY
from enhance.risk_budget import ActiveRiskBudget
from enhance.solution import Solution
from enhance.structured import State
from enhance.sweep import sweep
from enhance.terms import Impact, RobustAlpha

__all__ = [
    "WEEKLY",
    "ActiveRiskBudget",
    "ActiveWeight",
    "Beta",
    "Blacklist",
    "Bounds",
    "Budget",
    "ConstituentShare",
    "Constraint",
    "Decision",
    "Diagnosis",
    "Enhancer",
    "EnhancerConfig",
    "ExcludeST",
    "Explanation",
    "GroupRisk",
    "Groups",
    "Impact",
    "IndustryExposure",
    "InfeasibleError",
    "LatentExposure",
    "Linear",
    "LongOnly",
    "MaxAlpha",
    "MaxInformationRatio",
    "MaxNames",
    "MinHolding",
    "MinStyleDeviation",
    "MinTrackingError",
    "NoBuy",
    "NoSell",
    "Objective",
    "Optimality",
    "Participation",
    "Problem",
    "RobustAlpha",
    "RowLimit",
    "Soft",
    "Solution",
    "SolverError",
    "State",
    "StockLimit",
    "StyleExposure",
    "TrackingError",
    "Turnover",
    "Whitelist",
    "csi300",
    "csi500",
    "csi1000",
    "diagnose",
    "lots",
    "optimize",
    "solve",
    "sweep",
]
