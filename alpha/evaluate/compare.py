"""Models against each other: how alike their scores are, and whether one is really better."""

from collections.abc import Mapping
from itertools import combinations
from math import erfc, sqrt

import numpy as np
import pandas as pd

from alpha.evaluate.correlations import ic, rank_ic
from alpha.evaluate.tables import summary
from market.inference import newey_west_t


def correlation(models: Mapping[str, pd.DataFrame], rank: bool = False) -> pd.DataFrame:
    """Mean over dates of the cross-sectional correlation between the scores of two models.

    Parameters
    ----------
    models
        Name to scores, date x stock. Two models are compared where both have a score.
    rank
        Spearman instead of Pearson.

    Returns
    -------
    DataFrame
        Model x model, 1 on the diagonal; NaN where two models have no date in common.
    """
    names = list(models)
    table = pd.DataFrame(np.eye(len(names)), index=names, columns=names)
    for a, b in combinations(names, 2):
        dates = models[a].index.intersection(models[b].index)
        stocks = models[a].columns.intersection(models[b].columns)
        x, y = (models[name].loc[dates, stocks] for name in (a, b))
        table.loc[a, b] = table.loc[b, a] = (rank_ic if rank else ic)(x, y).mean()
    return table


def paired(series: Mapping[str, pd.Series], lags: int, base: str | None = None) -> pd.DataFrame:
    """Is the mean of one daily series above that of another: t test with a Newey-West variance.

    Parameters
    ----------
    series
        Name to a series by date, such as :func:`rank_ic` or a daily return. Each pair is compared on the
        dates that both measured.
    lags
        Of the variance, Bartlett weights: the horizon of the label, since neighbouring outcomes share
        that many days; 0 for outcomes that do not overlap.
    base
        Compare every other model with this one only; by default all pairs are compared.

    Returns
    -------
    DataFrame
        Row (``model``, ``against``): ``mean`` of the first, ``difference`` of the means, ``t``, two-sided
        normal ``p``, share of dates ``won``, ``days``. NaN where the two never differ.

    Raises
    ------
    ValueError
        Fewer than two series, an unknown base, or a pair with fewer than 10 dates, or dates <= lags.

    Notes
    -----
    Newey and West (1987). ``p`` is of one pair: among k models the best of many pairs looks better than
    it is.
    """
    if len(series) < 2 or (base is not None and base not in series):
        raise ValueError(
            f"evaluate: {len(series)} series {list(series)} and base {base!r}; give two at least, and a "
            "base among them"
        )
    pairs = (
        list(combinations(series, 2))
        if base is None
        else [(name, base) for name in series if name != base]
    )
    rows = {pair: _pair(series[pair[0]], series[pair[1]], lags, pair) for pair in pairs}
    return pd.DataFrame(rows).T.rename_axis(["model", "against"])


def _pair(a: pd.Series, b: pd.Series, lags: int, pair: tuple[str, str]) -> pd.Series:
    both = pd.concat([a, b], axis=1, join="inner", keys=[0, 1]).dropna()
    if len(both) < max(10, lags + 1) or lags < 0:
        raise ValueError(
            f"evaluate: {pair[0]} and {pair[1]} were both measured on {len(both)} dates, too few for a "
            f"test with {lags} lags; use more dates, or every= with lags=0"
        )
    difference = both[0] - both[1]
    t = newey_west_t(difference.to_numpy(), lags)
    return pd.Series(
        {
            "mean": both[0].mean(),
            "difference": difference.mean(),
            "t": t,
            "p": erfc(abs(t) / sqrt(2.0)),
            "won": (difference > 0.0).mean(),
            "days": summary(difference)["days"],
        }
    )
