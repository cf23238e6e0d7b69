"""The quintile test of daily signals: five groups a day, one-day returns, added up."""

import pandas as pd

from alpha.evaluate.correlations import daily
from alpha.evaluate.performance import performance
from alpha.evaluate.tables import summary


def one_day(scores: pd.DataFrame, outcome: pd.DataFrame) -> pd.Series:
    """IC, RankIC and five equal-weight groups of each date, returns added up.

    Parameters
    ----------
    scores, outcome
        Frames date x stock; the outcome is a one-day label such as ``alpha.labels.vwap_1``.

    Returns
    -------
    Series
        ``IC``, ``ICIR``, ``RankIC``, ``RankICIR``; annual returns ``G1`` (highest scores) to ``G5``;
        ``long-short`` G1 less G5 and its ``Sharpe``; ``long-average`` G1 less the mean of the groups, which
        differ by a stock at most, and its ``IR``.
    """
    found = daily(scores, outcome, groups=5)
    returns = found.iloc[:, 2:]
    plain, ranked = summary(found["ic"]), summary(found["rank_ic"])
    spread = performance(returns[1] - returns[5], "sum")
    over = performance(returns[1] - returns.mean(axis=1), "sum")
    groups = {f"G{g}": performance(returns[g], "sum")["annual"] for g in returns.columns}
    return pd.Series(
        {
            "IC": plain["mean"],
            "ICIR": plain["icir"],
            "RankIC": ranked["mean"],
            "RankICIR": ranked["icir"],
            **groups,
            "long-short": spread["annual"],
            "Sharpe": spread["ratio"],
            "long-average": over["annual"],
            "IR": over["ratio"],
        }
    )
