"""How good are scores: information coefficients, score groups, comparisons; on raw realised returns.

Every function takes frames, date x stock. ``scores`` decides which dates and stocks are judged; each
of them must exist in ``label``, and pairs in which either is NaN are left out of their day.
"""

from alpha.evaluate.compare import correlation, paired
from alpha.evaluate.correlations import daily, ic, quantile_returns, rank_ic
from alpha.evaluate.decay import HORIZONS, decay
from alpha.evaluate.errors import errors, top
from alpha.evaluate.holding import GroupTest, groups
from alpha.evaluate.league import Judged, judge, league, table_of, touched, within
from alpha.evaluate.one_day import one_day
from alpha.evaluate.performance import Mode, cumulative, drawdown, performance
from alpha.evaluate.tables import by_month, by_year, summary

__all__ = [
    "HORIZONS",
    "GroupTest",
    "Judged",
    "Mode",
    "by_month",
    "by_year",
    "correlation",
    "cumulative",
    "daily",
    "decay",
    "drawdown",
    "errors",
    "groups",
    "ic",
    "judge",
    "league",
    "one_day",
    "paired",
    "performance",
    "quantile_returns",
    "rank_ic",
    "summary",
    "table_of",
    "top",
    "touched",
    "within",
]
