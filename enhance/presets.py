"""The weekly policies of the three standard indexes.

The limits are those of the broker reports on graph-network scores: weekly rebalance, styles within
0.5, industries within 2%, predicted tracking error 4% for CSI 300 and 5% for CSI 500 and 1000, 80% in
members, one-way turnover 20%, active weight 1%.
"""

from __future__ import annotations

import pandas as pd

from enhance.enhancer import ALWAYS, Enhancer, EnhancerConfig
from enhance.risks import RiskSpec
from risk import RiskHistory

LIMITS: dict[str, float] = {
    "active_weight": 0.01,
    "style_exposure": 0.5,
    "industry_exposure": 0.02,
    "tracking_error": 0.05,
    "constituent_share": 0.80,
    "turnover": 0.20,
}


def csi300(scores: pd.DataFrame, risk: RiskHistory | RiskSpec, **limits: float | None) -> Enhancer:
    """Return the CSI 300 policy: tracking error 4%, other limits as stated above.

    Parameters
    ----------
    scores
        z-scores, date x stock, known at the close of their date.
    risk
        A fitted history or a specification such as ``risk.Barra()``.
    limits
        Limits by name that differ: ``turnover``, ``constituent_share``, ``tracking_error``,
        ``style_exposure``, ``industry_exposure``, ``active_weight``, ``bounds``, and ``budget`` for a
        cash buffer. None removes one. Other settings: ``csi300(...).with_config(ic=0.03)``.
    """
    return _policy("csi300", scores, risk, {"tracking_error": 0.04, **limits})


def csi500(scores: pd.DataFrame, risk: RiskHistory | RiskSpec, **limits: float | None) -> Enhancer:
    """Return the CSI 500 policy: tracking error 5%; see ``csi300``."""
    return _policy("csi500", scores, risk, limits)


def csi1000(scores: pd.DataFrame, risk: RiskHistory | RiskSpec, **limits: float | None) -> Enhancer:
    """Return the CSI 1000 policy: tracking error 5%; see ``csi300``."""
    return _policy("csi1000", scores, risk, limits)


def _policy(
    index: str,
    scores: pd.DataFrame,
    risk: RiskHistory | RiskSpec,
    limits: dict[str, float | None],
) -> Enhancer:
    config = EnhancerConfig(benchmark=index, constraints=ALWAYS)
    return Enhancer(scores, risk, config).with_limits(**{**LIMITS, **limits})
