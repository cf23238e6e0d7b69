"""What whole lots cost by size of the account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from enhance.lots.greedy import greedy
from enhance.lots.plan import LotPlan
from enhance.lots.request import Request
from enhance.lots.rounding import attempt
from enhance.solution import Solution

CAPITALS = (1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9)  # CNY


def by_capital(
    target: Solution | pd.Series,
    prices: pd.Series,
    capitals: Sequence[float] = CAPITALS,
    *,
    eps: float = 0.05,
    seconds: float = 10.0,
    **options: Any,
) -> pd.DataFrame:
    """Return one row per capital: what the lots of an account of that size lose against the target.

    Every account starts from the held weights in whole lots. ``options`` are those of
    ``round_to_lots``, without ``shares``. An account too small for the limits is a row with its
    ``status``, and NaN elsewhere.

    Columns are those of ``LotPlan.summary``: ``alpha_lost`` and ``objective_lost`` are expected returns
    over the holding period, ``distance`` is half the sum of absolute weight differences to the target,
    ``cash`` and ``charges`` are CNY.
    """
    request = Request.of(target, prices, **options)
    rows = []
    for capital in capitals:
        row: dict[str, Any] = {"capital": capital, "status": "held"}
        answer = attempt(request, capital, None, eps, seconds)
        if isinstance(answer, LotPlan):
            row |= {str(name): value for name, value in answer.summary().items()}
        else:
            row["status"] = answer.obstacle(greedy(answer))
        rows.append(row)
    return pd.DataFrame(rows).set_index("capital")
