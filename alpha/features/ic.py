"""What each feature says alone: its information coefficients."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from alpha import evaluate
from alpha.features.cube import FeatureCube
from alpha.features.feature_set import FeatureSet
from alpha.labels import Label
from alpha.universe import universe
from market import Market


def ic_table(
    features: FeatureSet | FeatureCube,
    market: Market,
    label: Label,
    index: str | Sequence[str] | None = None,
    every: int = 1,
) -> pd.DataFrame:
    """IC and RankIC of every feature against the raw forward return.

    Parameters
    ----------
    features
        A set, computed on ``market``, or a cube of its sessions.
    label
        What the feature is held against.
    index
        Judge the members of this index (or of these) on each day; all traded stocks by default.
    every
        Judge every ``every``-th date; the label's horizon gives windows that do not overlap.

    Returns
    -------
    DataFrame
        Row a feature; columns ``ic``, ``icir`` (mean / std of the daily series, not annualised),
        ``rank_ic``, ``rank_icir``, ``positive`` (share of dates with RankIC above 0), ``days``,
        ``coverage`` (share of the universe that has a value).

    Examples
    --------
    ``ic_table(FeatureSet("mine", {"GAP": "open / lag(close, 1) - 1"}), market, labels.vwap_1)``
    """
    cube = features.cube(market) if isinstance(features, FeatureSet) else features
    members = universe(market, index)[:, market.stocks.get_indexer(cube.stocks)][::every]
    raw = label.values(market)
    rows = {}
    for name in cube.names:
        scores = cube.column(name).iloc[::every].where(members)
        ic, rank_ic = evaluate.ic(scores, raw), evaluate.rank_ic(scores, raw)
        plain, ranked = evaluate.summary(ic), evaluate.summary(rank_ic)
        rows[name] = {
            "ic": plain["mean"], "icir": plain["icir"], "rank_ic": ranked["mean"],
            "rank_icir": ranked["icir"], "positive": ranked["positive"], "days": ranked["days"],
            "coverage": np.isfinite(scores.to_numpy()).sum() / max(members.sum(), 1),
        }  # fmt: skip
    return pd.DataFrame(rows).T.rename_axis("feature")
