"""Equity factor risk models: exposures X, factor covariance F, specific variance d, by date.

``Barra().fit(market)`` gives a ``RiskHistory``; ``history.at(t)`` the ``RiskModel`` known after the
close of t, which answers questions about portfolios without ever forming an N x N matrix. ``attribute``
says where a portfolio's risk comes from, ``scenario`` and ``replay`` what a shock or a past window would cost it.
``risk.statistical`` has models from returns alone, ``risk.evaluate`` judges forecasts. ``Deep`` learns
latent factors and ``Joint`` puts them beside or instead of the styles; those two load torch when named.
"""

from typing import TYPE_CHECKING, Any

from risk import evaluate, statistical
from risk.attribution import RiskAttribution, RiskPath, attribute, attribute_path
from risk.barra import Barra
from risk.covariance import CNE5D, CNE5L, CNE5S, USE4L, USE4S, Horizon
from risk.diagnostics import factor_table, fit_table, return_decomposition, stability
from risk.eigen import Eigen
from risk.historical import replay, worst_windows
from risk.history import RiskHistory
from risk.model import RiskModel
from risk.pure import pure_portfolios
from risk.stress import Scenario, scenario
from risk.styles import CNE5, CNE6, DFQ2020, USE4, StyleSpec

if TYPE_CHECKING:
    from risk.deep import Deep
    from risk.joint import Joint

__all__ = [
    "CNE5",
    "CNE5D",
    "CNE5L",
    "CNE5S",
    "CNE6",
    "DFQ2020",
    "USE4",
    "USE4L",
    "USE4S",
    "Barra",
    "Deep",
    "Eigen",
    "Horizon",
    "Joint",
    "RiskAttribution",
    "RiskHistory",
    "RiskModel",
    "RiskPath",
    "Scenario",
    "StyleSpec",
    "attribute",
    "attribute_path",
    "evaluate",
    "factor_table",
    "fit_table",
    "pure_portfolios",
    "replay",
    "return_decomposition",
    "scenario",
    "stability",
    "statistical",
    "worst_windows",
]


def __getattr__(name: str) -> Any:
    """Load the networks when they are asked for: the rest of risk does without torch."""
    if name == "Deep":
        from risk.deep import Deep

        return Deep
    if name == "Joint":
        from risk.joint import Joint

        return Joint
    raise AttributeError(f"module 'risk' has no attribute {name!r}")
