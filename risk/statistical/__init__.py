"""Risk models from returns alone: latent factors and shrunk covariances.

``sample_model(returns)`` estimates one; ``Statistical().fit(market)`` one per date;
``pca_exposures(market)`` gives latent loadings to a cross-sectional model. scikit-learn and skfolio are
imported by the methods that come from them.
"""

from risk.statistical.exposures import pca_exposures
from risk.statistical.history import Statistical, StatisticalHistory
from risk.statistical.panel import Panel, complete
from risk.statistical.sample import METHODS, sample_model

__all__ = [
    "METHODS",
    "Panel",
    "Statistical",
    "StatisticalHistory",
    "complete",
    "pca_exposures",
    "sample_model",
]
