"""Equity factor risk models: exposures X, factor covariance F, specific variance d, by date.

``Barra().fit(market)`` gives a ``RiskHistory``; ``history.at(t)`` the ``RiskModel`` known after the
close of t, which answers questions about portfolios without ever forming an N x N matrix.
"""

from risk.barra import Barra
from risk.covariance import CNE5L, CNE5S, Horizon
from risk.history import RiskHistory
from risk.model import RiskModel
from risk.styles import CNE5, StyleSpec

__all__ = ["CNE5", "CNE5L", "CNE5S", "Barra", "Horizon", "RiskHistory", "RiskModel", "StyleSpec"]
