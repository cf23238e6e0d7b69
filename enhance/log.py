"""What a weekly policy records of one rebalance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from enhance.reach import forced_turnover
from enhance.solution import Solution
from enhance.universe import Universe


def rebalance_log(solution: Solution, universe: Universe) -> Mapping[str, Any]:
    """Flatten a solution to one row: plain scalars, so that rows by date make a frame.

    ``road`` is what solved it, ``price.<limit>`` are shadow prices, ``active.<factor>`` active exposures, ``relaxed.<limit>`` the
    limits used where they differ from those asked. ``uncovered_*`` are weights, ``forced`` counts stocks
    pinned outside a limit, ``forced_turnover`` is the part of turnover that limits by stock demand,
    ``cannot_*`` count candidates, unscored strangers included in ``cannot_buy``.
    """
    p, weights = solution.problem, solution.vector
    log: dict[str, Any] = {
        "status": solution.status,
        "road": solution.road,
        "relaxations": "; ".join(
            f"{name} {asked:g} -> {used:g}" for name, (asked, used) in solution.relaxations.items()
        ),
        "initial_build": universe.holdings.empty,
        "names": int((weights > 0.0).sum()),
        "candidates": len(p.stocks),
        "tracking_error": solution.tracking_error,
        "factor_risk": solution.factor_risk,
        "specific_risk": solution.specific_risk,
        "turnover": solution.turnover,
        "cost": solution.cost,
        "expected_return": solution.expected_return,
        "constituent_share": solution.constituent_share,
        "largest_active": float(np.abs(weights - p.benchmark).max()),
        "transfer_coefficient": solution.transfer_coefficient,
        "seconds": solution.seconds,
        "iterations": solution.iterations,
        "trimmed": solution.trimmed,
        "unscored_members": int((~p.scored & (p.benchmark > 0.0)).sum()),
        "unscored_held": int((~p.scored & (p.benchmark == 0.0)).sum()),
        "uncovered": universe.uncovered,
        "uncovered_benchmark": universe.uncovered_benchmark,
        "uncovered_kept": float(universe.kept.sum()),
        "uncovered_sold": float(universe.sold.sum()),
        "cannot_buy": int((~p.can_buy).sum()),
        "cannot_sell": int((~p.can_sell).sum()),
        "forced_turnover": forced_turnover(p, solution.constraints),
        "forced": int(solution.forced["stock"].nunique()),
        "forced_excess": float(solution.forced["excess"].sum()),
    }
    log |= {f"relaxed.{name}": used for name, (_, used) in solution.relaxations.items()}
    log |= {f"price.{name}": price for name, price in solution.shadow_prices.items()}
    return log | {f"active.{name}": float(x) for name, x in solution.exposures.items()}
